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
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("module", ["aiobench", "aiobench.sync"])
def test_import_brings_the_foundation_alone(module: str) -> None:
    """Beside what it is made of and the standard library, an import imports nothing: no pandas, no tqdm."""
    brought = output_of(
        f"import sys, {FOUNDATION}\n"
        "packages = lambda: {name.partition('.')[0] for name in sys.modules}\n"
        "foundation = packages()\n"
        f"import {module}\n"
        "print(*packages() - foundation - sys.stdlib_module_names)"
    )

    assert brought == "aiobench"


@pytest.mark.parametrize(
    ("extra", "absent", "use"),
    [
        ("local", "starlette", "from aiobench.local import LocalBackend; LocalBackend().__enter__()"),
        ("aiohttp", "httpx_aiohttp", "aiobench.Client('key', transport='aiohttp')"),
    ],
)
def test_absent_extra_is_named_with_the_command_that_installs_it(extra: str, absent: str, use: str) -> None:
    """A feature whose dependency is not installed says so in a sentence, with the command that helps."""
    message = output_of(
        f"import sys; sys.modules[{absent!r}] = None\n"
        "import aiobench\n"
        f"try: {use}\n"
        "except aiobench.MissingExtraError as error: print(error.extra, error, sep='|')"
    )

    assert message.startswith(f"{extra}|")
    assert message.endswith(f"pip install 'aiobench[{extra}]'")


def test_every_public_name_is_there_once() -> None:
    """`__all__` names what the package has, each once."""
    names = aiobench.__all__

    assert sorted(set(names)) == sorted(names)
    assert [name for name in names if not hasattr(aiobench, name)] == []
