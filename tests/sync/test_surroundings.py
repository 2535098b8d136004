"""The blocking world wherever Python runs: interrupted at any line, without its main thread, patched by others."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    Run = Callable[[str], subprocess.CompletedProcess[str]]

# Raises KeyboardInterrupt before the n-th line of the bridge that the main thread runs, for each n. In a process of its
# own: what a trace function raises can leave the interpreter with an exception that it goes on handling.
INTERRUPTED_AT_EACH_LINE = """
    import linecache, sys, threading
    from itertools import count
    from aiobench.sync._bridge import Owner

    class InterruptAt:
        def __init__(self, line):
            self.left = line

        def __call__(self, frame, event, _):
            name = frame.f_code.co_filename
            if not name.endswith(("_bridge.py", "_loop.py", "_steps.py")):
                return None
            line = linecache.getline(name, frame.f_lineno).lstrip()
            if event == "line" and not line.startswith("with "):  # no interrupt comes between a block and its exit
                self.left -= 1
                if self.left == 0:
                    raise KeyboardInterrupt
            return self

    def loop_threads():
        return [thread for thread in threading.enumerate() if thread.name == "aiobench-sync"]

    async def work():
        return "done"

    interrupted = 0
    for line in count(1):
        closed = []

        async def aclose():
            closed.append(1)

        owner, trace = Owner(aclose), InterruptAt(line)
        sys.settrace(trace)
        try:
            owner.call(work)
        except KeyboardInterrupt:
            interrupted += 1
        finally:
            sys.settrace(None)
        assert closed == [], line
        assert owner.call(work) == "done", line
        owner.close()
        assert closed == [1], line
        for thread in loop_threads():
            thread.join(5.0)
        assert loop_threads() == [], line
        if trace.left > 0:  # the call was over before that line
            break
    print(interrupted > 30)
"""


def test_an_interrupt_while_the_bridge_is_built_leaves_nothing_half_made(run_program: Run) -> None:
    """Wherever the first call is interrupted, the next one works, and closing ends the thread."""
    done = run_program(INTERRUPTED_AT_EACH_LINE)

    assert (done.stdout, done.stderr, done.returncode) == ("True\n", "", 0)


def test_a_thread_that_cannot_be_had_is_an_error_of_ours(run_program: Run) -> None:
    """The error says what is missing, and the client works as soon as there is a thread."""
    done = run_program(
        """
        import os, threading
        from aiobench import ClientStateError
        from aiobench.sync import Client

        threading.stack_size(2**46)
        client = Client("KEY", base_url=os.environ["URL"])
        try:
            client.get_job("done")
        except ClientStateError as error:
            print(error)
        threading.stack_size(0)
        with client:
            print(client.get_job("done").status)
        """
    )

    expected = "blocking clients need a thread, and there can be none: can't start new thread\ncompleted\n"
    assert (done.stdout, done.stderr, done.returncode) == (expected, "", 0)


def test_a_client_works_when_the_main_thread_has_ended(run_program: Run) -> None:
    """Names are resolved, and a new client is made, in threads that outlive the main thread."""
    done = run_program(
        """
        import os, threading
        from aiobench.sync import Client

        url = os.environ["URL"].replace("127.0.0.1", "localhost")
        before = Client("KEY", base_url=url)
        before.get_job("done")

        def work():
            threading.main_thread().join()
            with before, Client("KEY", base_url=url) as client:
                print(before.get_job("done").status, client.get_job("done").status, flush=True)

        threading.Thread(target=work).start()
        """
    )

    assert (done.stdout, done.stderr, done.returncode) == ("completed completed\n", "", 0)


def test_gevent_is_no_reason_to_warn(run_program: Run) -> None:
    """Under gevent the background loop shares the caller's thread: that stops nothing, so nothing is said."""
    done = run_program(
        """
        import warnings
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from gevent import monkey
            monkey.patch_all()
        import gevent, os
        from aiobench.sync import Client

        with Client("KEY", base_url=os.environ["URL"]) as client:
            jobs = [gevent.spawn(lambda: client.get_job("done").status) for _ in range(3)]
            gevent.joinall(jobs)
            print(*(job.value for job in jobs))
        """
    )

    assert (done.stdout, done.stderr, done.returncode) == ("completed completed completed\n", "", 0)


def test_nest_asyncio_changes_nothing(run_program: Run) -> None:
    """After `nest_asyncio.apply()` calls and iterations work as before."""
    done = run_program(
        """
        import os, warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # on Python 3.14, for what it asks asyncio itself
        import nest_asyncio
        nest_asyncio.apply()
        from aiobench.sync import Client

        with Client("KEY", base_url=os.environ["URL"]) as client:
            print(client.get_job("done").status, [snapshot.status for snapshot in client.job("done").watch()])
        """
    )

    assert (done.stdout, done.stderr, done.returncode) == ("completed ['completed']\n", "", 0)


def test_what_replaces_asyncios_tasks_is_not_used(run_program: Run) -> None:
    """As `nest_asyncio` does, whose tasks Python 3.14 does not know to be running. Here it is one that cannot run."""
    done = run_program(
        """
        import asyncio, os

        class Refused(asyncio.Task):
            def __init__(self, *args, **settings):
                raise SystemExit("a task that is not asyncio's own")

        asyncio.Task = asyncio.tasks.Task = Refused
        from aiobench.sync import Client

        with Client("KEY", base_url=os.environ["URL"]) as client:
            print(client.get_job("done").status, [snapshot.status for snapshot in client.job("done").watch()])
        """
    )

    assert (done.stdout, done.stderr, done.returncode) == ("completed ['completed']\n", "", 0)
