"""The generator: what it writes is what is committed, any drift is noticed, and what it does not know it refuses."""

from __future__ import annotations

import inspect
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import aiobench
from aiobench import events, sync
from scripts import loaded

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "aiobench"
RENAMED = {"aclose": "close", "__aenter__": "__enter__", "__aexit__": "__exit__"}
VIEWS = ["Client", "BenchmarkJob", "Benchmark", "Monitor"]
EVENTS = [  # those that hold jobs, and so have a class of their own in each world
    name
    for name in events.__all__
    if any("BenchmarkJob" in field.type for field in getattr(getattr(events, name), "__attrs_attrs__", ()))
]


@pytest.fixture(scope="module")
def gen_sync() -> ModuleType:
    """Load the generator, which is a script."""
    return loaded("gen_sync")


@pytest.fixture
def package(tmp_path: Path, gen_sync: ModuleType) -> Path:
    """Copy what the generator reads and writes, so that a test may change it."""
    for each in (*gen_sync.SOURCES, "_public.py", "sync/__init__.py", "sync/classes.py"):
        (tmp_path / each).parent.mkdir(exist_ok=True)
        shutil.copy(PACKAGE / each, tmp_path / each)
    return tmp_path


def run(gen_sync: ModuleType, monkeypatch: pytest.MonkeyPatch, package: Path, *arguments: str) -> int:
    """Run the script as the command line does."""
    monkeypatch.setattr(sys, "argv", ["gen_sync.py", "--package", str(package), *arguments])
    return int(gen_sync.main())


def change(path: Path, old: str, new: str) -> None:
    """Replace *old*, which must be there, once."""
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8", newline="")


def test_what_is_committed_is_what_is_generated(
    gen_sync: ModuleType, package: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--check` passes on the repository as it is, and says nothing."""
    assert run(gen_sync, monkeypatch, package, "--check") == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("job.py", "poll: PollPolicy | None = None", "schedule: PollPolicy | None = None"),
        ("job.py", "max_bytes: int = 4 * 2**30", "max_bytes: int = 5 * 2**30"),
        ("job.py", "Ask for the job's status.", "Ask for the status of the job."),
        (
            "job.py",
            "async def check_status(self)",
            "async def peek(self) -> str: ...\n    async def check_status(self)",
        ),
        ("job.py", "    get_failuire_rate = get_failure_rate\n", ""),
        ("benchmark.py", "    name: str\n", "    name: str\n    owner: str\n"),
        ("events.py", "    seconds: float\n", "    seconds: float\n    polls: int\n"),
        ("client.py", "max_retries: int = 4", "max_retries: int = 5"),
        ("_public.py", '    "Iteration",\n', ""),
        ("sync/classes.py", "    def fetch(self) -> JobSnapshot:", "    def fetch(self) -> Any:"),
        ("sync/__init__.py", '    "Iteration",\n', ""),
    ],
    ids=[
        "a signature",
        "a default",
        "a docstring",
        "a new method",
        "an alias",
        "an attribute",
        "an event's field",
        "a setting",
        "a public name",
        "the generated classes",
        "the generated names",
    ],
)
def test_each_kind_of_drift_is_noticed(
    gen_sync: ModuleType, package: Path, monkeypatch: pytest.MonkeyPatch, path: str, old: str, new: str
) -> None:
    """A change of either side alone fails `--check`."""
    change(package / path, old, new)

    assert run(gen_sync, monkeypatch, package, "--check") == 1


def test_trailing_bytes_are_noticed_and_generating_anew_removes_them(
    gen_sync: ModuleType, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line break too many fails `--check`, and generating gives the very bytes from before."""
    generated = package / "sync/classes.py"
    assert run(gen_sync, monkeypatch, package) == 0
    committed = generated.read_bytes()
    generated.write_bytes(committed + b"\n")

    assert run(gen_sync, monkeypatch, package, "--check") == 1
    assert run(gen_sync, monkeypatch, package) == 0
    assert generated.read_bytes() == committed


@pytest.mark.parametrize(
    ("path", "old", "new", "complaint"),
    [
        ("job.py", "Ask for the job's status.", "Say `asyncio.run(job.fetch())`.", "asyncio"),
        ("job.py", "async def fetch(self) -> JobSnapshot:", "async def fetch(self) -> set[Client]:", "set[Client]"),
        ("job.py", "async def fetch(self) -> JobSnapshot:", "async def fetch(self):", "return annotation"),
        ("job.py", "async def fetch(self) -> JobSnapshot:", "async def fetch(self, x) -> JobSnapshot:", "parameter x"),
        ("job.py", "async def fetch(self)", "@cached\n    async def fetch(self)", "decorators"),
        ("client.py", "    def __repr__(self)", "    def __len__(self)", "special method"),
        ("job.py", "    get_failuire_rate = get_failure_rate", "    failures = {}", "assignment"),
        ("job.py", "self.status: str = status", "self.status = status", "without an annotation"),
        ("client.py", "class Client(ClientBase):", "class Client(Base):", "base class"),
        (
            "client.py",
            "async def get_job(self, job_id: str)",
            "async def get_job(self, job_id: Awaitable[str])",
            "Awaitable",
        ),
    ],
)
def test_what_it_does_not_understand_it_refuses(
    gen_sync: ModuleType,
    package: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    path: str,
    old: str,
    new: str,
    complaint: str,
) -> None:
    """Nothing is guessed or left out in silence: the script names the place and fails."""
    change(package / path, old, new)

    assert run(gen_sync, monkeypatch, package) == 2
    assert complaint in capsys.readouterr().err


def test_both_worlds_have_the_same_names() -> None:
    """`aiobench.sync` exports every public name of `aiobench`; only classes with calls, and events, are its own."""
    own = {name for name in aiobench.__all__ if getattr(aiobench, name) is not getattr(sync, name)}

    assert sorted(sync.__all__) == sorted(aiobench.__all__)
    assert own == {*VIEWS, *EVENTS, "MonitorEvent"}


@pytest.mark.parametrize("name", VIEWS)
def test_both_worlds_have_the_same_calls(name: str) -> None:
    """Each public method of a class is there in the other world, with the same parameters and without `async`."""
    core, blocking = getattr(aiobench, name), getattr(sync, name)
    for method, there in vars(core).items():
        if (method.startswith("_") and method not in RENAMED) or not callable(there):
            continue
        here: Any = getattr(blocking, RENAMED.get(method, method))
        expected = [(p.name, p.kind, p.default) for p in inspect.signature(there).parameters.values()]
        actual = [(p.name, p.kind, p.default) for p in inspect.signature(here).parameters.values()]
        assert actual == expected, method
        assert not inspect.iscoroutinefunction(here)
        assert not inspect.isasyncgenfunction(here)
        assert bool(there.__doc__) == bool(here.__doc__), method
        assert "await" not in (here.__doc__ or "")


@pytest.mark.parametrize("name", EVENTS)
def test_both_worlds_have_the_same_events(name: str) -> None:
    """An event can be taken apart by the same pattern in both worlds."""
    assert getattr(sync, name).__match_args__ == getattr(aiobench, name).__match_args__


@pytest.mark.parametrize("name", VIEWS)
@pytest.mark.parametrize("world", [aiobench, sync], ids=["async", "blocking"])
def test_every_call_has_a_type_test(world: ModuleType, name: str) -> None:
    """Each public method is called in the type tests of its world."""
    file = "api.py" if world is aiobench else "api_sync.py"
    text = (ROOT / "tests/typing" / file).read_text("utf-8")
    methods = [each for each, value in vars(getattr(world, name)).items() if each[0] != "_" and callable(value)]

    assert [method for method in methods if f".{method}(" not in text] == []
