"""The blocking classes in processes of their own: interrupts, forks and the interpreter's exit.

Each program runs with warnings as errors, that of a resource left open included, and must leave nothing on stderr.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    Run = Callable[[str], subprocess.CompletedProcess[str]]

INTERRUPTED = """
    import asyncio, os, signal, sys, threading
    import anyio
    from aiobench.sync import Client, PollPolicy

    def interrupt():
        if os.name == "nt":  # where `kill` would end the process
            signal.raise_signal(signal.SIGINT)
        else:
            os.kill(os.getpid(), signal.SIGINT)

    log = []
    client = Client("KEY", base_url=os.environ["URL"])
    owner = client._owner
    FOREVER = PollPolicy(interval=3600.0, max_interval=3600.0)
"""

USABLE = """
    assert client.get_job("done").status == "completed"
    assert "lent=0" in repr(client._core._context.platform.session)
    client.close()
    assert threading.active_count() == 1
    print(*log)
"""


def program(*parts: str) -> str:
    """Put the parts of a program together, each indented as it is here."""
    return "\n".join(parts)


def test_an_interrupt_during_a_call_cleans_up_first(run_program: Run) -> None:
    """Ctrl-C cancels the call, waits until it has cleaned up, and only then is raised."""
    done = run_program(
        program(
            INTERRUPTED,
            """
    async def call():
        try:
            interrupt()
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
            log.append("cleaned")

    try:
        owner.call(call)
    except KeyboardInterrupt:
        log.append("interrupted")
    """,
            USABLE,
        )
    )

    assert (done.stdout, done.stderr, done.returncode) == ("cleaned interrupted\n", "", 0)


def test_an_interrupt_during_a_wait_leaves_a_working_client(run_program: Run) -> None:
    """Ctrl-C ends `wait()`; nothing is left of it, and the next call works."""
    done = run_program(
        program(
            INTERRUPTED,
            """
    try:
        client.job("running").wait(poll=FOREVER, progress=lambda _: interrupt())
    except KeyboardInterrupt:
        log.append("interrupted")

    async def others():
        for _ in range(3):
            await anyio.lowlevel.checkpoint()
        return owner._tenant._tasks - {asyncio.current_task()}

    assert owner.call(others) == set()
    """,
            USABLE,
        )
    )

    assert (done.stdout, done.stderr, done.returncode) == ("interrupted\n", "", 0)


def test_an_interrupt_during_next_ends_the_iteration(run_program: Run) -> None:
    """Ctrl-C while the next item is awaited closes the generator before it is raised; the iterator is at its end."""
    done = run_program(
        program(
            INTERRUPTED,
            """
    from aiobench.sync._lanes import SyncIterator

    async def count():
        try:
            yield 1
            interrupt()
            await anyio.sleep_forever()
        finally:
            log.append("cleaned")

    numbers = SyncIterator(owner, count())
    next(numbers)
    try:
        next(numbers)
    except KeyboardInterrupt:
        log.append("interrupted")
    assert list(numbers) == []
    """,
            USABLE,
        )
    )

    assert (done.stdout, done.stderr, done.returncode) == ("cleaned interrupted\n", "", 0)


def test_an_interrupt_in_a_monitor_leaves_it_cleanly(run_program: Run) -> None:
    """Ctrl-C while a monitor waits for events leaves its block, and nothing of it runs on."""
    done = run_program(
        program(
            INTERRUPTED,
            """
    try:
        with client.monitor(["running"], poll=FOREVER) as monitor:
            async def when_polled():
                while not monitor._core.stats.polls:
                    await anyio.lowlevel.checkpoint()
                interrupt()

            helper = threading.Thread(target=lambda: owner.call(when_polled))
            helper.start()
            for event in monitor:
                pass
    except KeyboardInterrupt:
        log.append("interrupted")
    helper.join()
    assert monitor.stats.pending == 1
    assert list(monitor) == []
    """,
            USABLE,
        )
    )

    assert (done.stdout, done.stderr, done.returncode) == ("interrupted\n", "", 0)


def test_a_second_interrupt_does_not_wait_for_the_clean_up(run_program: Run) -> None:
    """Who presses Ctrl-C twice gets the prompt back, though the clean-up has not ended."""
    done = run_program(
        program(
            INTERRUPTED,
            """
    may_end = threading.Event()

    async def call():
        try:
            interrupt()
            await anyio.sleep_forever()
        finally:
            interrupt()
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(may_end.wait)

    try:
        owner.call(call)
    except KeyboardInterrupt:
        log.append("interrupted")
    may_end.set()
    client.close()
    print(*log)
    """,
        )
    )

    assert (done.stdout, done.stderr, done.returncode) == ("interrupted\n", "", 0)


def test_interrupts_at_any_moment_leave_nothing_running(run_program: Run) -> None:
    """After many interrupts at random moments nothing runs on, and the loop still works."""
    done = run_program(
        program(
            INTERRUPTED,
            """
    import random, time
    from aiobench.sync._lanes import SyncIterator

    running = 0

    async def work():
        global running
        running += 1
        try:
            await anyio.sleep(random.random() * 0.002)
        finally:
            running -= 1

    async def count():
        global running
        running += 1
        try:
            while True:
                await anyio.sleep(random.random() * 0.001)
                yield
        finally:
            running -= 1

    def storm():
        while not is_over:
            time.sleep(random.random() * 0.004)
            interrupt()

    def once():
        if random.random() < 0.5:
            owner.call(work)
            return
        for number, _ in enumerate(SyncIterator(owner, count())):
            if number == 3:
                break

    def dropped(report):
        if report.exc_type is not KeyboardInterrupt:  # one that comes amid a finalizer is dropped by Python itself
            sys.__unraisablehook__(report)

    sys.unraisablehook = dropped
    random.seed(5)
    owner.call(work)
    is_over, interrupted, done = False, 0, 0
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    thread = threading.Thread(target=storm)
    thread.start()
    while interrupted < 150 or done < 50:
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            try:
                once()
                done += 1
            finally:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
        except KeyboardInterrupt:
            interrupted += 1
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    is_over = True
    thread.join()

    async def settle():
        for _ in range(10_000):
            if not running:
                return
            await anyio.sleep(0.001)

    import gc
    gc.collect()
    owner.call(settle)
    log.append(running)
    """,
            USABLE,
        )
    )

    assert (done.stdout, done.stderr, done.returncode) == ("0\n", "", 0)


LEFT_OPEN = """
    import atexit, os, sys, threading
    from aiobench.sync import Client, PollPolicy

    client = Client("KEY", base_url=os.environ["URL"])
    client.get_job("done")
    snapshots = client.job("running").watch(poll=PollPolicy(interval=3600.0, max_interval=3600.0))
    next(snapshots)
    monitor = client.monitor(["running"], keep_open=True).__enter__()
    began = threading.Semaphore(0)
    threading.Thread(target=lambda: client.job("running").wait(progress=lambda _: began.release()), daemon=True).start()
    began.acquire()
"""


def test_the_exit_cleans_up_what_is_under_way(run_program: Run) -> None:
    """Before the interpreter ends, generators that are still open are closed, so that they leave no half a file."""
    done = run_program(
        program(
            LEFT_OPEN,
            """
    from aiobench.sync._lanes import SyncIterator

    async def count():
        try:
            yield 1
        finally:
            print("cleaned", flush=True)

    numbers = SyncIterator(client._owner, count())
    next(numbers)
    """,
        )
    )

    assert (done.stdout, done.stderr, done.returncode) == ("cleaned\n", "", 0)


@pytest.mark.parametrize(
    ("ending", "code"),
    [("", 0), ("    sys.exit(5)", 5), ("    atexit.register(lambda: print(client.get_job('done').status))", 0)],
    ids=["plain", "with a code", "with a last call"],
)
def test_what_was_left_open_does_not_spoil_the_exit(run_program: Run, ending: str, code: int) -> None:
    """A client never closed, an open iterator, an entered monitor and a waiting daemon thread: no hang, no word."""
    done = run_program(program(LEFT_OPEN, ending))

    assert (done.stderr, done.returncode) == ("", code)
    assert done.stdout in ("", "completed\n")
    assert ("last call" in ending or "atexit" in ending) == (done.stdout == "completed\n")


FORKED = """
    import os, sys, threading, warnings
    warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on, forking beside threads warns
    from aiobench.sync import BenchmarkJob, Client, ForkedClientError, PollPolicy

    def make():
        return Client("KEY", base_url=os.environ["URL"])

    def in_child(function):
        pid = os.fork()
        if not pid:
            function()
            sys.exit(7)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    used, unused = make(), make()
    used.get_job("done")
    snapshots = used.job("running").watch(poll=PollPolicy(interval=3600.0, max_interval=3600.0), every_poll=True)
    next(snapshots)
"""


@pytest.mark.posix
def test_a_child_that_only_exits_does_not_hang(run_program: Run) -> None:
    """A forked child that touches nothing exits as it likes, and the parent's client works on."""
    done = run_program(
        program(FORKED, "    print(in_child(lambda: None), used.get_job('done').status)\n    used.close()")
    )

    assert (done.stdout, done.stderr, done.returncode) == ("7 completed\n", "", 0)


@pytest.mark.posix
def test_clients_after_a_fork(run_program: Run) -> None:
    """In a child, a used client says that it was forked, an unused and a new one work, and closing all is fine."""
    done = run_program(
        program(
            FORKED,
            """
    def child():
        for call in (lambda: used.get_job("done"), lambda: next(snapshots), used.monitor):
            try:
                call()
            except ForkedClientError:
                continue
            os._exit(1)
        assert unused.get_job("done").status == "completed"
        with make() as new:
            assert new.get_job("done").status == "completed"
        snapshots.close()
        used.close()
        unused.close()
        assert threading.active_count() == 1

    print(in_child(child), used.get_job("done").status)
    snapshots.close()
    used.close()
    assert threading.active_count() == 1
    """,
        )
    )

    assert (done.stdout, done.stderr, done.returncode) == ("7 completed\n", "", 0)


@pytest.mark.posix
def test_forks_while_other_threads_make_calls(run_program: Run) -> None:
    """Children forked while other threads are in the middle of calls can make clients of their own."""
    done = run_program(
        program(
            FORKED,
            """
    is_over = False

    def busy():
        while not is_over:
            used.get_job("done")

    def child():
        with make() as new:
            assert new.get_job("done").status == "completed"

    threads = [threading.Thread(target=busy) for _ in range(4)]
    for thread in threads:
        thread.start()
    codes = {in_child(child) for _ in range(10)}
    is_over = True
    for thread in threads:
        thread.join()
    snapshots.close()
    used.close()
    print(codes)
    """,
        )
    )

    assert (done.stdout, done.stderr, done.returncode) == ("{7}\n", "", 0)


@pytest.mark.posix
def test_jobs_without_a_client(run_program: Run) -> None:
    """A job built without a client uses one made from the environment, needs no closing, and survives a fork."""
    done = run_program(
        """
        import os, sys, threading, warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        os.environ |= {"TEAM_API_KEY": "KEY", "BACKEND_URL": os.environ["URL"]}
        from aiobench.sync import BenchmarkJob

        job = BenchmarkJob("done", "", "")
        print(job.check_status(), [snapshot.status for snapshot in job.watch()], flush=True)
        pid = os.fork()
        if not pid:
            print(job.check_status(), flush=True)
            sys.exit(7)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), threading.active_count())
        """
    )

    assert (done.stdout, done.stderr, done.returncode) == ("completed ['completed']\ncompleted\n7 2\n", "", 0)


def test_importing_starts_nothing(run_program: Run) -> None:
    """`import aiobench.sync` starts no thread and imports neither pandas nor tqdm."""
    done = run_program(
        """
        import sys, threading
        import aiobench.sync
        print(threading.active_count(), sorted({"pandas", "tqdm", "IPython"} & set(sys.modules)))
        """
    )

    assert (done.stdout, done.stderr) == ("1 []\n", "")


def test_the_thread_has_imported_what_it_needs_before_the_first_call(run_program: Run) -> None:
    """A fork in a later call cannot find the thread in the middle of an import, whose lock would hang the child."""
    done = run_program(
        """
    import sys
    from aiobench.sync._loop import Loop

    loop = Loop()
    loop.start()
    print({"encodings.idna", "anyio._backends._asyncio"} - sys.modules.keys())
    loop.discard()
    loop.thread.join()
    """
    )

    assert (done.returncode, done.stdout) == (0, "set()\n"), done.stderr
