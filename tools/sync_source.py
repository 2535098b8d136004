"""Reading the async classes: what the generator of the blocking world asks of their syntax trees and docstrings."""

from __future__ import annotations

import re
from collections.abc import Iterator

import libcst as cst
import libcst.matchers as m

# What docstrings say of the async world, and what is true of the blocking one. A text that neither this nor the next
# rule can turn must be worded so that both worlds share it.
WORDS = [
    (r"\bawait ", ""),
    (r"\basync (with|for)\b", r"\1"),
    (r"\baclose\b", "close"),
]
ASYNC_PARAGRAPH = re.compile(r"\n\n *In an event loop, .*?(?=\n\n)", re.DOTALL)
ASYNC_WORDS = re.compile(r"\b(await|async|aclos\w*|asyncio|trio|anyio|event loop|coroutine)\b")


class UnknownConstructError(Exception):
    """Raised when the core holds something that this generator does not understand."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"gen_sync: {where}: {what}")


def code(node: cst.CSTNode) -> str:
    """Return the source of a node."""
    return cst.Module(body=[]).code_for_node(node).strip()


def names_in(node: cst.CSTNode) -> set[str]:
    """Return every name within a node."""
    return {name.value for name in m.findall(node, m.Name()) if isinstance(name, cst.Name)}


def decorators_of(node: cst.ClassDef | cst.FunctionDef) -> list[str]:
    """Return the decorators of a class or a function, as source."""
    return [code(each.decorator) for each in node.decorators]


def methods_of(node: cst.ClassDef) -> list[cst.FunctionDef]:
    """Return the methods of a class."""
    return [each for each in node.body.body if isinstance(each, cst.FunctionDef)]


def statements_of(node: cst.ClassDef) -> Iterator[cst.BaseSmallStatement]:
    """Return the other statements of a class's body."""
    for line in node.body.body:
        if isinstance(line, cst.SimpleStatementLine):
            yield from line.body
        elif not isinstance(line, cst.FunctionDef):
            raise UnknownConstructError(node.name.value, f"a statement in its body: {code(line)!r}")


def fields_of(node: cst.ClassDef) -> list[tuple[str, cst.BaseExpression]]:
    """The annotated names in a class's body."""
    return [
        (each.target.value, each.annotation.annotation)
        for each in statements_of(node)
        if isinstance(each, cst.AnnAssign) and isinstance(each.target, cst.Name)
    ]


def imports_of(module: cst.Module) -> Iterator[cst.Import | cst.ImportFrom]:
    """Return what a module imports, for types alone too."""
    lines = list(module.body)
    lines += [each for line in module.body if isinstance(line, cst.If) for each in line.body.body]  # TYPE_CHECKING
    for line in lines:
        if isinstance(line, cst.SimpleStatementLine):
            yield from (each for each in line.body if isinstance(each, cst.Import | cst.ImportFrom))


def is_attrs(node: cst.ClassDef) -> bool:
    """Tell whether a class is a frozen attrs class."""
    return any(each.partition("(")[0] == "frozen" for each in decorators_of(node))


def converter(alias: str) -> str:
    """Name the function that turns any event of the core into one of the facade."""
    return re.sub("([A-Z])", r"_\1", alias).lower() + "_of"


def worded(where: str, text: str) -> str:
    """Return a docstring of the core as the facade has it."""
    text = ASYNC_PARAGRAPH.sub("", text)
    for pattern, new in WORDS:
        text = re.sub(pattern, new, text)
    if left := ASYNC_WORDS.search(text):
        raise UnknownConstructError(where, f"its docstring still says {left.group()!r}: reword it for both worlds")
    return text
