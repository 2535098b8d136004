"""What `import aiobench` costs, and what is said of an extra that is not installed."""

from __future__ import annotations

import subprocess
import sys

import pytest

import aiobench

# What the package is made of; httpcore is httpx's own and brings trio along where trio is installed.
FOUNDATION = "anyio, attrs, httpcore, httpx, msgspec"


def output_of(code: str) -> str:
    """Run *code* in an interpreter of its own, which has imported nothing yet, and return what it prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("statement", ["from aiobench import Client", "import aiobench.sync"])
def test_import_brings_the_foundation_alone(statement: str) -> None:
    """Beside what it is made of and the standard library, an import imports nothing: no pandas, no tqdm."""
    brought = output_of(
        f"import sys, {FOUNDATION}\n"
        "packages = lambda: {name.partition('.')[0] for name in sys.modules}\n"
        "foundation = packages()\n"
        f"{statement}\n"
        "print(*packages() - foundation - sys.stdlib_module_names)"
    )

    assert brought == "aiobench"


def test_a_first_poll_imports_nothing_that_it_does_not_use() -> None:
    """What draws progress, splits a CSV or keeps a journal is imported by who uses it."""
    unused = "_progress.drawing", "_progress.lines", "_progress.screens", "_results.csv_frames", "_journal.journal"

    imported = output_of("import sys; from aiobench import Client; print(*sys.modules)").split()

    assert {f"aiobench.{name}" for name in unused} & set(imported) == set()


def test_root_imports_nothing_until_a_name_is_asked_for() -> None:
    """`import aiobench` imports no library; the first public name brings all of them, and the public modules."""
    before, after = output_of(
        "import sys, aiobench\n"
        "print('httpx' in sys.modules, vars(aiobench).keys() & {'Client', 'errors'})\n"
        "print(aiobench.Client is aiobench.client.Client, aiobench.errors.APIError is aiobench.APIError)"
    ).splitlines()

    assert (before, after) == ("False set()", "True True")


def test_star_import_and_dir_name_everything() -> None:
    """`from aiobench import *` and `dir()` work before any name was asked for."""
    assert output_of("from aiobench import *; print(Client.__name__)") == "Client"
    assert output_of("import aiobench; print({*aiobench.__all__} <= {*dir(aiobench)})") == "True"


def test_unknown_name_is_an_attribute_error() -> None:
    """A name that the package does not have is refused as by any other module."""
    with pytest.raises(AttributeError, match=r"^module 'aiobench' has no attribute 'Clinet'$") as raised:
        getattr(aiobench, "Clinet")  # noqa: B009

    assert raised.value.name == "Clinet"


def test_threads_may_ask_for_the_first_names_at_once() -> None:
    """Threads that ask for the first names at the same time all get them."""
    assert (
        output_of(
            "import aiobench, threading\n"
            "names, found = ['Client', 'errors', 'tidy', '__all__'] * 4, []\n"
            "ask = lambda name: found.append((name, getattr(aiobench, name)))\n"
            "threads = [threading.Thread(target=ask, args=(name,)) for name in names]\n"
            "for each in threads: each.start()\n"
            "for each in threads: each.join()\n"
            "print(len(found))"
        )
        == "16"
    )


@pytest.mark.parametrize(
    ("extra", "absent", "use"),
    [
        ("local", "starlette", "from aiobench.local import LocalBackend; LocalBackend().__enter__()"),
        ("aiohttp", "aiohttp", "aiobench.Client('key', transport='aiohttp')"),
        (
            "stats",
            "scipy",
            """from pandas import DataFrame; from aiobench.analysis import leaderboard
leaderboard(DataFrame([[1] * 3], columns=['Model', 'source', 'TER']))""",
        ),
    ],
)
def test_absent_extra_is_named_with_the_command_that_installs_it(extra: str, absent: str, use: str) -> None:
    """A feature whose dependency is not installed says so in a sentence, with the command that helps."""
    message = output_of(
        f"import sys; sys.modules[{absent!r}] = None\n"
        "import aiobench\n"
        f"try: exec({use!r})\n"
        "except aiobench.MissingExtraError as error: print(error.extra, error, sep='|')"
    )

    assert message.startswith(f"{extra}|")
    assert message.endswith(f"pip install 'aiobench[{extra}]'")


def test_every_public_name_is_there_once() -> None:
    """`__all__` names what the package has, each once."""
    names = aiobench.__all__

    assert sorted(set(names)) == sorted(names)
    assert [name for name in names if not hasattr(aiobench, name)] == []
