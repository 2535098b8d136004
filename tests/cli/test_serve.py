"""`aiobench serve`: the embedded platform for other programs."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from aiobench.cli.next_steps import PROGRAM
from aiobench.sync import Client

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Folder

    Until = Callable[[subprocess.Popen[str], str], list[str]]


def exports(lines: list[str]) -> dict[str, str]:
    """Read the `export` lines, as a shell would."""
    return dict(line.removeprefix("export ").split("=", 1) for line in lines if line.startswith("export "))


@pytest.mark.posix
def test_demos_program_runs_by_the_exports(folder: Folder, until: Until) -> None:
    """The program that the demo ends with runs unchanged, with nothing but the two exports that serve prints."""
    with folder.started("serve") as process:
        environment = folder.environment(**exports(until(process, "Ready")))
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            cwd=folder.work,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=False,
        )
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=30)

    assert done.returncode == 0, done.stderr
    assert "BLEU by sacrebleu" in done.stdout
    assert len(list((folder.work / "aiXplain").iterdir())) == 1
    assert (process.returncode, stdout) == (0, "\nStopped.\n")
    assert [line.rpartition(": ")[2] for line in stderr.splitlines()] == [
        "running 2 models on countries-de",
        "completed",
    ]
    assert list(folder.temporary.iterdir()) == []


def test_everything_on_offer_is_listed(folder: Folder, until: Until) -> None:
    """The ids that programs need are there: of datasets, models and metrics; and the address and the key."""
    with folder.started("serve") as process:
        lines = until(process, "Ready")

    firsts = {line.split()[0] for line in lines if line.strip()}
    settings = exports(lines)
    assert {"countries-de", "countries-fr", "iso-gettext", "copy-source", "bleu", "exact-match"} <= firsts
    assert f"Base URL   {settings['BACKEND_URL']}" in lines
    assert f"Key        {settings['TEAM_API_KEY']}" in lines


@pytest.mark.posix
def test_workspace_and_port_are_kept(folder: Folder, until: Until) -> None:
    """With a workspace and a port, a second run has the address and the key of the first; SIGTERM ends it as well."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    seen = []
    for workspace in (["mine"], ["--workspace", "mine"]):  # the option is the earlier spelling
        with folder.started("serve", *workspace, "--port", str(port)) as process:
            seen.append(exports(until(process, "Ready")))
            process.send_signal(signal.SIGTERM)
            stdout, stderr = process.communicate(timeout=30)
        assert (process.returncode, stderr) == (143, "")
        assert stdout.endswith("\nStopped.\n")  # before it perhaps a line that was being written, once more

    assert seen[0] == seen[1]
    assert seen[0]["BACKEND_URL"] == f"http://127.0.0.1:{port}"
    assert (folder.work / "mine" / "datasets").is_dir()


INTERRUPTED = """
import logging, os, runpy, signal, sys

def clear_cache(manager):
    logging._lock.acquire()
    for logger in [manager.root, *manager.loggerDict.values()]:
        getattr(logger, "_cache", {}).clear()
    os.kill(os.getpid(), signal.SIGTERM)
    signal.pause()  # where the lock would be given back

logging.Manager._clear_cache = clear_cache
sys.argv = ["aiobench", "serve"]
runpy.run_module("aiobench", run_name="__main__", alter_sys=True)
"""


@pytest.mark.posix
def test_a_signal_while_the_log_is_set_up_ends_it(folder: Folder) -> None:
    """A signal that comes while `logging` holds its lock leaves it locked: no thread may exist then that logs."""
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED],
        cwd=folder.work,
        env=folder.environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stderr) == (143, "")


@pytest.mark.parametrize("what", ["port", "workspace"])
def test_what_cannot_be_used_is_told_in_a_sentence(folder: Folder, what: str) -> None:
    """A port in use and a folder that is none are one line on stderr and exit status 2."""
    (folder.work / "file").touch()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        values = {"port": str(taken.getsockname()[1]), "workspace": "file/below"}
        options = {"port": ["--port"], "workspace": []}
        done = folder.run("serve", *options[what], values[what])

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("aiobench: the ")
    assert "; choose another " in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_executor_that_is_none_is_refused(folder: Folder) -> None:
    """A word that is neither a number nor an address: a sentence, and the status of wrong usage."""
    done = folder.run("serve", "--executor", "many")

    assert (done.returncode, "executor= must be None, a number of processes or the address" in done.stderr) == (2, True)


@pytest.mark.posix
def test_models_run_in_processes(folder: Folder, until: Until) -> None:
    """With --executor 2, a job runs to its end in two processes, which go with the backend."""
    with folder.started("serve", "--executor", "2") as process:
        settings = exports(until(process, "Ready"))
        with Client(settings["TEAM_API_KEY"], base_url=settings["BACKEND_URL"], trust_env=False) as client:
            benchmark = client.create_benchmark("b", dataset="countries-de", models=["iso-gettext"], metrics=["chrf"])
            assert benchmark.start().wait(timeout=60).succeeded
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)

    assert (process.returncode, len(children) >= 2) == (0, True)
    assert psutil.wait_procs(children, timeout=10)[1] == []
