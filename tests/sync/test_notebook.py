"""The blocking classes in a real notebook kernel, driven over its own protocol."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, field
from jupyter_client.manager import KernelManager

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Platform

DEADLINE = 60.0


@define
class Cell:
    """What came of a cell."""

    texts: dict[str, str] = field(factory=lambda: {"stdout": "", "stderr": ""})
    error: str | None = None
    shown: dict[str, str] = field(factory=dict[str, str])
    displays: dict[str, list[str]] = field(factory=dict[str, list[str]])
    """What each display showed, one state after another."""


class Notebook:
    """A kernel, and cells that run in it one after another."""

    def __init__(self, manager: KernelManager) -> None:
        self.manager = manager
        self.client = manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=DEADLINE)

    def run(self, code: str, interrupt_at: str | None = None) -> Cell:
        """Run a cell; interrupt it as the stop button does when it has printed *interrupt_at*."""
        cell = Cell()

        def take(message: dict[str, Any]) -> None:
            content = message["content"]
            if message["msg_type"] == "stream":
                cell.texts[content["name"]] += content["text"]
                if interrupt_at is not None and interrupt_at in content["text"]:
                    self.manager.interrupt_kernel()
            elif message["msg_type"] == "error":
                cell.error = content["ename"]
            elif message["msg_type"] == "execute_result":
                cell.shown = content["data"]
            elif message["msg_type"] in {"display_data", "update_display_data"}:
                states = cell.displays.setdefault(content["transient"]["display_id"], [])
                states.append(content["data"]["text/plain"])

        self.client.execute_interactive(textwrap.dedent(code), timeout=DEADLINE, output_hook=take)
        return cell


@pytest.fixture(scope="module")
def notebook(shared_platform: Platform) -> Iterator[Notebook]:
    """Start a kernel and make a client in its first cell; it is shut down as a user does, in the end."""
    manager = KernelManager()
    manager.start_kernel()
    notebook = Notebook(manager)
    started = notebook.run(
        f"""
        from aiobench.sync import Client, PollPolicy
        FOREVER = PollPolicy(interval=3600.0, max_interval=3600.0)
        client = Client("KEY", base_url={shared_platform.url!r})
        print(client.get_job("done").status)
        """
    )
    yield notebook
    notebook.client.stop_channels()
    manager.shutdown_kernel(now=True)
    assert started == Cell({"stdout": "completed\n", "stderr": ""})


def test_calls_work_and_do_not_warn(notebook: Notebook) -> None:
    """In a cell, which runs inside an event loop, calls work and nothing is said of that loop."""
    cell = notebook.run(
        """
        import asyncio, warnings
        asyncio.get_running_loop()
        warnings.simplefilter("error")
        with client.monitor(["done"]) as monitor:
            print(*(type(event).__name__ for event in monitor))
        print([snapshot.status for snapshot in client.job("done").watch()])
        """
    )

    assert cell == Cell({"stdout": "Finished\n['completed']\n", "stderr": ""})


@pytest.mark.parametrize(
    "waiting",
    [
        "client.job('running').wait(poll=FOREVER, progress=lambda _: print('waits', flush=True))",
        "for snapshot in client.job('running').watch(poll=FOREVER): print('waits', flush=True)",
    ],
    ids=["wait", "watch"],
)
def test_interrupting_a_cell_ends_its_call(notebook: Notebook, waiting: str) -> None:
    """The stop button ends the call with `KeyboardInterrupt`, nothing runs on, and the next cell works."""
    interrupted = notebook.run(waiting, interrupt_at="waits")
    after = notebook.run("print(client.get_job('done').status, client._core._context.platform.session._api)")

    assert interrupted.error == "KeyboardInterrupt"
    assert after == Cell({"stdout": "completed <Connections lent=0 idle=1>\n", "stderr": ""})


def test_a_bar_appears_in_the_cell_that_asked_for_it(notebook: Notebook) -> None:
    """`progress=True` is one display in its own cell, updated in place, and nothing on stderr (F32)."""
    cell = notebook.run("snapshot = client.job('done').wait(progress=True)")

    assert cell.error is None
    assert cell.texts == {"stdout": "", "stderr": ""}
    assert len(cell.displays) == 1
    assert all(
        re.fullmatch(r"job done: 100% \|█+\| \d\d:\d\d, completed", state) for state in cell.displays.popitem()[1]
    )


def test_objects_are_shown_as_cards(notebook: Notebook) -> None:
    """A job and a snapshot at a cell's end are shown as HTML and as text."""
    job = notebook.run("client.job('<done>')")
    snapshot = notebook.run("client.job('done').fetch()")

    assert "Benchmark job &lt;done&gt;" in job.shown["text/html"]
    assert job.shown["text/plain"] == "Benchmark job <done>"
    assert "completed" in snapshot.shown["text/html"]
    assert "Status: completed" in snapshot.shown["text/plain"]


def test_clients_made_anew_in_each_run_of_a_cell_share_one_thread(notebook: Notebook) -> None:
    """Running a cell that makes a client again and again leaves one background thread."""
    cell = notebook.run(
        """
        import threading
        for _ in range(20):
            session = client._core._context.platform.session
            other = Client(session._api_key, base_url=session._base)
            other.get_job("done")
        print(sum(thread.name == "aiobench-sync" for thread in threading.enumerate()))
        """
    )

    assert cell == Cell({"stdout": "1\n", "stderr": ""})
