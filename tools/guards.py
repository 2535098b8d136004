"""Remove each guard of `tests/guards.toml` in a copy of the source and check that the test named there fails.

Usage: python tools/guards.py [F03 ...] [--table | --write]

`--table` prints the table of `docs/promises.md`; `--write` writes it into that page. Neither runs a test.

A removal counts as noticed when a test fails or hangs. A copy that cannot be imported, or a test that does not exist,
proves nothing and counts as not noticed.
"""

from __future__ import annotations

import argparse
import ast
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from time import monotonic

from attrs import frozen

ROOT = Path(__file__).resolve().parent.parent
GUARDS = ROOT / "tests" / "guards.toml"
PAGE = ROOT / "docs" / "promises.md"
BEGIN, END = "<!-- written by `python tools/guards.py --write` -->\n\n", "\n<!-- until here -->\n"
COPIED = ("src", "tests")
PROMISE = re.compile(r"^\| (F\d\d) \|", re.MULTILINE)
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout=40")  # seconds per test; one that hangs has failed
PATIENCE = 120.0  # seconds per removal
FAILED = 1  # pytest's exit status for tests that ran and failed; 2 to 5 are for runs that went wrong


@frozen
class Guard:
    """One guard of a promise: where it is, what replaces it, and the test that then fails."""

    promise: str
    guard: str
    file: str
    remove: str
    put: str
    test: str

    @property
    def function(self) -> str:
        """The test without its parameters."""
        return self.test.partition("[")[0]


def guards() -> list[Guard]:
    """Read the table of guards."""
    return [Guard(**entry) for entry in tomllib.loads(GUARDS.read_text("utf-8"))["guard"]]


# -- what can be checked without running anything ---------------------------------------------------------------------


def complaints(found: Sequence[Guard]) -> list[str]:
    """Return what is wrong with the table, a sentence each: everything it names must exist."""
    page = PAGE.read_text("utf-8").partition(BEGIN)[0]
    promises, guarded = set(PROMISE.findall(page)), {guard.promise for guard in found}
    wrong = [f"{promise} has no guard" for promise in sorted(promises - guarded)]
    wrong += [f"{promise} is no promise" for promise in sorted(guarded - promises)]
    for guard in found:
        source = (ROOT / guard.file).read_text("utf-8") if (ROOT / guard.file).is_file() else ""
        if (times := source.count(guard.remove)) != 1:
            wrong.append(f"{guard.promise}, {guard.guard}: its text is {times} times in {guard.file}")
        elif not compiles(source.replace(guard.remove, guard.put)):
            wrong.append(f"{guard.promise}, {guard.guard}: without it, {guard.file} is no Python")
        path, _, name = guard.function.partition("::")
        if name not in functions(ROOT / path):
            wrong.append(f"{guard.promise}, {guard.guard}: there is no {guard.function}")
    return wrong


def compiles(source: str) -> bool:
    """Return whether *source* is valid Python."""
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


@cache
def functions(path: Path) -> set[str]:
    """Return the names of a module's functions, or none if the file does not exist."""
    if not path.is_file():
        return set()
    body = ast.parse(path.read_text("utf-8")).body
    return {node.name for node in body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def table(found: Iterable[Guard]) -> str:
    """Return the page's table: what is removed, and the test that then fails."""
    rows = [f"| {guard.promise} | {guard.guard} | `{guard.function}` |" for guard in found]
    return "\n".join(["| id | the guard that is removed | the test that then fails |", "|---|---|---|", *rows]) + "\n"


def page_with(text: str) -> str:
    """Return the page with *text* as its table."""
    before, begin, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{PAGE.name} lacks the two comments that enclose the table")
    return f"{before}{begin}{text}{end}{after}"


# -- what must be run ------------------------------------------------------------------------------------------------


class Hung(Exception):  # noqa: N818 - it is no error here
    """Raised when a run takes too long."""


def run(tree: Path, *arguments: str, patience: float = PATIENCE) -> tuple[int, str]:
    """Run Python on a copy; return its exit status and output.

    Raises:
        Hung: If it takes longer than *patience* seconds.
    """
    path = os.pathsep.join(filter(None, [str(tree / "src"), os.environ.get("PYTHONPATH")]))
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=tree,
            env=os.environ | {"PYTHONPATH": path},
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that processes started by a test end with it
        )
        try:
            status = process.wait(patience)
        except subprocess.TimeoutExpired:
            raise Hung from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        said.seek(0)
        return status, said.read()


def passing(tree: Path, tests: Iterable[str]) -> None:
    """Exit unless the tests pass on an unchanged copy."""
    tests = list(dict.fromkeys(tests))
    status, said = run(tree, *PYTEST, *tests, patience=600.0)
    if status:
        sys.exit(f"{said}\nnot all of these tests pass with the guards in place")
    print(f"{len(tests)} tests pass with the guards in place", flush=True)


def imported_from(tree: Path, file: str) -> str:
    """Import a module of a copy; return the file that Python loaded, or its error."""
    module = file.removeprefix("src/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    code = f"import importlib; print(importlib.import_module({module!r}).__file__)"
    return run(tree, "-c", code)[1].strip()


def outcome(guard: Guard, tree: Path) -> str:
    """Remove a guard in a copy; return "noticed", or what happened instead."""
    path = tree / guard.file
    path.write_text(path.read_text("utf-8").replace(guard.remove, guard.put), "utf-8")
    imported = imported_from(tree, guard.file)
    if imported != str(path):
        return f"{imported}\nNOT NOTICED: the changed module was not imported"
    try:
        status, said = run(tree, *PYTEST, "-x", "--tb=short", guard.test)
    except Hung:
        return "noticed"
    return "noticed" if status == FAILED else f"{said}\nNOT NOTICED: pytest ended with {status}"


def prove(chosen: Sequence[Guard]) -> int:
    """Remove the guards one by one; return how many removals no test noticed."""
    unnoticed = 0
    with tempfile.TemporaryDirectory(prefix="guards-") as folder:
        whole = Path(folder).resolve() / "whole"
        for name in COPIED:
            shutil.copytree(ROOT / name, whole / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy2(ROOT / "pyproject.toml", whole)
        passing(whole, [guard.test for guard in chosen])
        for guard in chosen:
            began = monotonic()
            # a fresh copy each: in one tree, Python could load the bytecode of the previous guard
            changed = shutil.copytree(whole, whole.with_name("changed"))
            what = outcome(guard, changed)
            shutil.rmtree(changed)
            unnoticed += what != "noticed"
            print(f"{guard.promise} | {guard.guard} | {guard.test} | {what} | {monotonic() - began:.1f} s", flush=True)
    return unnoticed


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("promises", nargs="*", metavar="F03", help="only the guards of these promises")
    parser.add_argument("--table", action="store_true", help="print the table of docs/promises.md and run nothing")
    parser.add_argument("--write", action="store_true", help="write it into that page")
    options = parser.parse_args()
    found = guards()
    if options.table:
        print(table(found), end="")
    elif options.write:
        PAGE.write_text(page_with(table(found)), "utf-8")
    elif wrong := complaints(found):
        sys.exit("\n".join(wrong))
    else:
        chosen = [guard for guard in found if not options.promises or guard.promise in options.promises]
        if not chosen:
            parser.error("these promises have no guard")
        began = monotonic()
        unnoticed = prove(chosen)
        print(f"{len(chosen)} guards removed, {unnoticed} not noticed, {monotonic() - began:.0f} s")
        sys.exit(bool(unnoticed))


if __name__ == "__main__":
    main()
