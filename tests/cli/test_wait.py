"""`aiobench wait` against a platform: each row of the table of exit statuses, and mixtures."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from aiobench.testing import FakePlatform

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Folder

JOBS = {
    "good": ("completed",),
    "fine": ("completed",),
    "bad": ("failed",),
    "slow": ("in_progress",),
}


@pytest.fixture
def platform() -> FakePlatform:
    """Make a platform with a job of each kind; nothing changes by itself."""
    made = FakePlatform()
    for name, course in JOBS.items():
        made.job(*course, id=name)
    return made


@pytest.fixture
def environment(platform: FakePlatform) -> Iterator[dict[str, str]]:
    """Serve the platform, and give the settings of a client."""
    with platform.served() as settings:
        yield settings


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["good"], 0),
        (["good", "fine"], 0),
        (["bad"], 1),
        (["good", "bad"], 1),
        (["slow", "--timeout", "0.2s"], 4),
        (["slow", "good", "bad", "--timeout", "0.2s"], 4),
        (["nowhere"], 3),
        (["nowhere", "slow", "bad", "good", "--timeout", "0.2s"], 3),
        (["good", "slow", "--any"], 0),
        (["bad", "slow", "--any"], 1),
        (["bad", "slow", "--fail-fast"], 1),
        (["good", "fine", "--fail-fast"], 0),
        (["good", "slow", "--fail-fast", "--timeout", "0.2s"], 4),
        ([], 2),
        (["good", "--timeout", "soon"], 2),
        (["good", "--any", "--fail-fast"], 2),
        ([""], 2),
    ],
)
def test_exit_status(folder: Folder, environment: dict[str, str], arguments: list[str], status: int) -> None:
    """The exit status says how the jobs ended; over many jobs the worst counts, in the order 3, 5, 4, 1, 0."""
    done = folder.run("wait", *arguments, **environment)

    assert (done.returncode, "Traceback" in done.stderr) == (status, False), done.stderr


def test_a_refused_key_is_3(folder: Folder, environment: dict[str, str]) -> None:
    """A key that is not accepted is a refusal, not a verdict on the job."""
    done = folder.run("wait", "good", **{**environment, "TEAM_API_KEY": "another"})

    assert done.returncode == 3


@pytest.mark.parametrize("settings", [{}, {"TEAM_API_KEY": "key", "BACKEND_URL": "nonsense"}])
def test_missing_or_wrong_settings_are_2(folder: Folder, settings: dict[str, str]) -> None:
    """Without a key, or with a bad URL, nothing is asked; the sentence says what to set."""
    done = folder.run("wait", "good", **settings)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("aiobench: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("others", "status"),
    [([], 5), (["--any"], 5), (["--fail-fast"], 5)],
)
def test_an_unreachable_platform_is_5(folder: Folder, others: list[str], status: int) -> None:
    """A platform that never answers gives no verdict: neither 0 nor 1, nor lateness of the job."""
    settings = {"TEAM_API_KEY": "key", "BACKEND_URL": "http://127.0.0.1:9"}

    done = folder.run("wait", "good", "--timeout", "0.3s", *others, **settings)

    assert done.returncode == status
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("trouble", [500, 503, 429, 408])
def test_trouble_is_neither_0_nor_1(
    folder: Folder, platform: FakePlatform, environment: dict[str, str], trouble: int
) -> None:
    """Replies that may pass are asked for again until the deadline, and then there is no verdict."""
    platform.answer(trouble, times=float("inf"))

    done = folder.run("wait", "good", "--timeout", "0.3s", **environment)

    assert done.returncode == 5


def test_json_is_one_document_with_every_job(folder: Folder, environment: dict[str, str]) -> None:
    """With --json, stdout is one document: each job in order, an error with its kind, message and status."""
    done = folder.run("wait", "good", "bad", "nowhere", "slow", "--timeout", "0.2s", "--json", **environment)

    good, bad, nowhere, slow = json.loads(done.stdout)
    assert (good["id"], good["status"], good["succeeded"]) == ("good", "completed", True)
    assert (bad["id"], bad["status"], bad["succeeded"]) == ("bad", "failed", False)
    assert (nowhere["error"]["kind"], nowhere["error"]["status"]) == ("NotFoundError", 3)
    assert (slow["error"]["kind"], slow["error"]["status"]) == ("WaitTimeoutError", 4)


def test_an_error_of_the_command_is_one_document(folder: Folder) -> None:
    """With --json, an error of the whole command is one document as well."""
    done = folder.run("wait", "good", "--json")

    error = json.loads(done.stdout)["error"]
    assert (error["kind"], error["status"], done.returncode) == ("ConfigurationError", 2, 2)
    assert error["message"] in done.stderr


def test_quiet_prints_the_ids_that_ended(folder: Folder, environment: dict[str, str]) -> None:
    """With -q, ids alone: those of the jobs that ended."""
    done = folder.run("wait", "slow", "bad", "good", "-q", "--timeout", "0.2s", **environment)

    assert (done.stdout, done.returncode) == ("bad\ngood\n", 4)


def test_the_pipe_of_the_readme(folder: Folder, environment: dict[str, str]) -> None:
    """The ids that `jobs -q` prints are what `wait -` reads."""
    ids = folder.run("jobs", "benchmark", "-q", **environment).stdout
    done = folder.run("wait", "-", "-q", "--timeout", "0.2s", stdin=ids, **environment)

    assert ids.split() == list(JOBS)
    assert (done.returncode, done.stdout.split()) == (4, ["good", "fine", "bad"])


def test_empty_stdin_is_2(folder: Folder, environment: dict[str, str]) -> None:
    """Empty stdin is wrong usage, in one sentence."""
    done = folder.run("wait", "-", stdin="", **environment)

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


@pytest.mark.posix
@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_signals_end_the_wait_and_leave_the_jobs(
    folder: Folder, platform: FakePlatform, environment: dict[str, str], name: str, status: int
) -> None:
    """Ctrl-C, SIGTERM and SIGHUP end the wait at once, and it says that the jobs go on."""
    platform.answer(503, times=1)  # whose hint shows that the wait has begun
    with folder.started("wait", "slow", **environment) as process:
        assert process.stderr is not None
        assert "asking again" in process.stderr.readline()
        process.send_signal(signal.Signals[name])
        stdout, stderr = process.communicate(timeout=30)

    assert (process.returncode, stdout) == (status, "")
    assert stderr.splitlines()[0] == "aiobench: the jobs go on"
    assert "Traceback" not in stderr
