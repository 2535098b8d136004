"""Remove each guard of `tests/guards.toml` in a copy of the source and check that the test named there fails.

A guard is found by its function and by its Python there: moved, indented or wrapped otherwise, it is the same guard.

Usage: python tools/guards.py [F03 ...] [--table | --write]

`--table` prints the table of `docs/promises.md`; `--write` writes it into that page. Neither runs a test.

A removal counts as noticed when a test fails or hangs. A copy that cannot be imported, or a test that does not exist,
proves nothing and counts as not noticed.
"""

from __future__ import annotations

import argparse
import ast
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import tokenize
import tomllib
from collections.abc import Iterable, Sequence
from contextlib import suppress
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
LAYOUT = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER,
}  # fmt: skip
FAILED = 1  # pytest's exit status for tests that ran and failed; 2 to 5 are for runs that went wrong


@frozen
class Guard:
    """One guard of a promise: where it is, what replaces it, and the test that then fails."""

    promise: str
    guard: str
    file: str
    function: str
    remove: str
    put: str
    test: str

    @property
    def tested_by(self) -> str:
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
        if (times := len(places(source, guard))) != 1:
            wrong.append(f"{guard.promise}, {guard.guard}: it is {times} times in {guard.function} of {guard.file}")
        elif not compiles(without(source, guard)):
            wrong.append(f"{guard.promise}, {guard.guard}: without it, {guard.file} is no Python")
        path, _, name = guard.tested_by.partition("::")
        if name not in functions(ROOT / path):
            wrong.append(f"{guard.promise}, {guard.guard}: there is no {guard.tested_by}")
    return wrong


def places(source: str, guard: Guard) -> list[tuple[int, int]]:
    """Return where the guard's Python is in its function: from which character to which."""
    lines = [0]
    for line in source.splitlines(keepends=True):
        lines.append(lines[-1] + len(line))
    wanted = [token.string for token in tokens(guard.remove)]
    first, last = lines_of(guard.function, source)
    held = [token for token in tokens(source) if first <= token.start[0] <= last]
    found = []
    for place in range(len(held) - len(wanted) + 1):
        part = held[place : place + len(wanted)]
        if [token.string for token in part] == wanted:
            (row, column), (end_row, end_column) = part[0].start, part[-1].end
            found.append((lines[row - 1] + column, lines[end_row - 1] + end_column))
    return found


def without(source: str, guard: Guard) -> str:
    """Return *source* with the guard replaced, indented as it was."""
    ((begin, end),) = places(source, guard)
    line = source[source.rfind("\n", 0, begin) + 1 : begin]
    indent = line[: len(line) - len(line.lstrip())]
    put = textwrap.indent(textwrap.dedent(guard.put).strip("\n"), indent).removeprefix(indent)
    return source[:begin] + put + source[end:]


@cache
def tokens(source: str) -> list[tokenize.TokenInfo]:
    """Return what Python reads of *source*, a part of a program: neither comments nor how it is laid out."""
    found = []
    with suppress(tokenize.TokenError, IndentationError):  # a part need not end where a program may
        for token in tokenize.generate_tokens(io.StringIO(textwrap.dedent(source)).readline):
            if token.type not in LAYOUT:
                found.append(token)  # noqa: PERF401 - an error keeps what came before it
    return found


@cache
def lines_of(name: str, source: str) -> tuple[int, int]:
    """Return the first and the last line of `Class.method`, or of the module for ""; (0, -1) if there is none."""
    node: ast.AST = ast.parse(source)
    if not name:
        return 0, sys.maxsize
    for part in name.split("."):
        inner = (each for each in ast.walk(node) if each is not node and getattr(each, "name", None) == part)
        if (found := next(inner, None)) is None:
            return 0, -1
        node = found
    return node.lineno, node.end_lineno or 0  # type: ignore[attr-defined]


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
    rows = [f"| {guard.promise} | {guard.guard} | `{guard.tested_by}` |" for guard in found]
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
    path.write_text(without(path.read_text("utf-8"), guard), "utf-8")
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
