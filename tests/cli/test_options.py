"""Options, help and what is said where something is not installed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

import aiobench
from aiobench.cli.app import app


def invoke(*arguments: str) -> tuple[int, str]:
    """Run a command in this process, at 80 columns; return its exit code and all it said, white space collapsed."""
    result = CliRunner(env={"COLUMNS": "80", "NO_COLOR": "1"}).invoke(app, arguments, prog_name="aiobench")
    return result.exit_code, " ".join(result.output.replace("│", " ").split())


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Run *code* in an interpreter of its own."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", timeout=30, check=False)


def test_version_is_the_packages() -> None:
    """`--version` says the name and the version, nothing else."""
    assert invoke("--version") == (0, f"aiobench {aiobench.__version__}")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--help"], ["demo", "serve", "Start with: aiobench demo"]),
        (["-h"], ["demo", "serve"]),
        (["demo", "--help"], ["--language", "--output", "nothing is saved", "no account and no network"]),
        (["serve", "--help"], ["WORKSPACE", "--port", "until Ctrl-C"]),
    ],
)
def test_help_says_what_there_is(arguments: list[str], said: list[str]) -> None:
    """Help names each command and each option, and what happens without it."""
    code, output = invoke(*arguments)

    assert code == 0
    assert [text for text in said if text not in output] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nope"], "No such command 'nope'"),
        (["demo", "--language", "xx"], "'xx' is not one of 'de', 'fr'"),
        (["demo", "--output", "."], "is a directory"),
        (["demo", "surplus"], "unexpected extra argument"),
        (["serve", "--port", "99999"], "65535"),
        (["serve", "--port", "-1"], "--port"),
        (["serve", "--port", "abc"], "--port"),
        (["serve", __file__], "is a file"),
    ],
)
def test_wrong_usage_exits_with_2_and_names_the_fault(arguments: list[str], said: str) -> None:
    """Whatever cannot be meant is refused before anything starts, in words that name the option."""
    code, output = invoke(*arguments)

    assert code == 2
    assert said in output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["wait", "j", "--timeout", "soon"], "'soon' is not a duration"),
        (["scores"], "Missing argument 'JOB'"),
        (["status", "j", "--nope"], "No such option: --nope"),
        (["nope"], "No such command 'nope'"),
    ],
)
def test_wrong_usage_is_a_document_where_json_is_asked_for(arguments: list[str], said: str) -> None:
    """Nothing else is on stdout, so a program that reads it learns what any other error would tell it."""
    result = CliRunner().invoke(app, [*arguments, "--json"], prog_name="aiobench")

    (error,) = json.loads(result.stdout).values()
    assert said in error.pop("message")
    assert error == {"kind": "UsageError", "status": result.exit_code}
    assert result.exit_code == 2
    assert said in result.stderr


@pytest.mark.parametrize(("absent", "extra"), [("typer", "cli"), ("rich", "cli"), ("starlette", "local")])
def test_absent_extra_is_a_sentence_with_the_command_that_installs_it(absent: str, extra: str) -> None:
    """Where a dependency is missing, one line says how to get it; the exit status is 2."""
    done = python(
        f"import sys; sys.modules[{absent!r}] = None\nfrom aiobench.cli import main\nsys.exit(main(['demo']))"
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("aiobench: ")
    assert done.stderr.endswith(f"pip install 'aiobench[{extra}]'\n")
    assert done.stderr.count("\n") == 1


def test_importing_the_package_loads_nothing_of_the_extra() -> None:
    """The entry point can be imported where the extra is missing: it looks for it when it is called."""
    done = python(
        "import sys, httpx\n"  # which brings rich along, where it is installed
        "before = set(sys.modules)\n"
        "import aiobench.cli\n"
        "loaded = {name.partition('.')[0] for name in sys.modules.keys() - before}\n"
        "print(loaded & {'rich', 'typer', 'pandas', 'starlette', 'uvicorn'})"
    )

    assert done.stdout == "set()\n"


def test_help_imports_neither_the_client_nor_what_draws() -> None:
    """`aiobench --help` imports typer and the table of commands alone, so that it is there at once."""
    done = python(
        "import sys\n"
        "from aiobench.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'aiobench._public', 'aiobench.errors', 'anyio', 'httpx', 'pandas', 'rich.console'}\n"
        "print(heavy & {*sys.modules}, file=sys.stderr)"
    )

    assert (done.returncode, done.stderr) == (0, "set()\n")
