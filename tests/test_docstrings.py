"""Docstrings are whole: what is public says what each argument is, what comes back and what is raised."""

from __future__ import annotations

import ast
import builtins
import inspect
import re
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from types import FunctionType
from typing import Any, is_typeddict

import attrs
import pytest

import aiobench.local
import aiobench.sync
import aiobench.testing
from aiobench import errors

MODULES = [aiobench, aiobench.sync, errors, aiobench.local, aiobench.testing]
CLASSES = {
    f"{cls.__module__}.{name}": cls
    for module in MODULES
    for name in module.__all__
    if isinstance(cls := getattr(module, name), type)
}
SECTION = re.compile(r"^(Args|Attributes|Raises|Returns|Yields):\n((?:(?:    .*)?\n)+)", re.MULTILINE)
ENTRY = re.compile(r"^    \*{0,2}([\w.]+)(?:, ([\w., ]+))?(?: \([^)]*\))?: ", re.MULTILINE)


def described_below(cls: type) -> set[str]:
    """Give the fields of a typed dictionary that have a text below them."""
    if not is_typeddict(cls):
        return set()
    (body,) = (node.body for node in ast.parse(textwrap.dedent(inspect.getsource(cls))).body if hasattr(node, "body"))
    return {
        ast.unparse(field.target)
        for field, below in pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)
    }


def public_methods(cls: type) -> dict[str, FunctionType]:
    """Give the methods that are public, without those that Python itself calls, and properties."""
    found = {}
    for name, value in vars(cls).items():
        function = inspect.unwrap(getattr(value, "__func__", value))
        if not name.startswith("_") and isinstance(function, FunctionType):
            found[name] = function
    return found


METHODS = {
    f"{name}.{method}": (cls, function)
    for name, cls in CLASSES.items()
    for method, function in public_methods(cls).items()
}


def sections(documented: Any) -> dict[str, str]:
    """Cut a docstring into its sections."""
    return dict(SECTION.findall(f"{inspect.getdoc(documented) or ''}\n"))


def entries(section: str) -> set[str]:
    """Give what a section has entries for."""
    return {name.strip() for first, more in ENTRY.findall(section) for name in [first, *more.split(",")] if name}


def parameters(function: Any) -> list[str]:
    """Give the names of what a caller passes."""
    return [name for name in inspect.signature(function).parameters if name not in {"self", "cls"}]


def is_exception(name: str) -> bool:
    """Tell whether a name is an error of ours or Python's."""
    return isinstance(found := getattr(errors, name, getattr(builtins, name, None)), type) and issubclass(
        found, BaseException
    )


def covers(named: set[str], name: str) -> bool:
    """Tell whether an error is among the named, itself or by a class above it."""
    cls = getattr(errors, name, None) or getattr(builtins, name)
    return any(each.__name__ in named for each in cls.__mro__)


def used(cls: type, function: FunctionType, tree: ast.AST) -> Iterator[FunctionType]:
    """Give the functions of ours that a function calls by a name of its module or class, and properties it reads."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)):
                found = function.__globals__.get(name)
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                found = inspect.getattr_static(cls, name, None)
                found = getattr(found, "fget", getattr(found, "func", found))
            case _:
                continue
        # the blocking world's texts are the core's: that its bridge refuses what is the other world's is not among them
        if isinstance(found, FunctionType) and re.match(r"aiobench\b(?!\.sync)", found.__module__):
            yield found


def raised(cls: type, function: FunctionType, seen: frozenset[FunctionType] = frozenset()) -> set[str]:
    """Give the errors that a function raises itself, and those of what it uses by name: as documented, else as seen."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    found: set[str] = set()
    caught: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Raise(exc=ast.Call(func=error)) | ast.Raise(exc=ast.Name() as error):
                found.add(ast.unparse(error))
            case ast.ExceptHandler(type=ast.expr() as errors_):
                caught |= {*re.findall(r"\w+", ast.unparse(errors_))}
    for each in {*used(cls, function, tree)} - seen:
        documented = entries(sections(each).get("Raises", ""))
        found |= documented or raised(cls, each, seen | {function, each})
    return {name for name in found - caught if is_exception(name)}


@pytest.mark.parametrize("name", CLASSES)
def test_classes_say_what_they_are_made_of(name: str) -> None:
    """A class has a docstring, which names what it is made with or holds; errors and what a client makes aside."""
    cls = CLASSES[name]
    there = sections(cls)
    named = entries(there.get("Args", "")) | entries(there.get("Attributes", "")) | described_below(cls)
    made_by_a_client = cls.__name__ in {"Benchmark", "JobSnapshot", "Monitor"}
    if attrs.has(cls):
        parts = [field.name for field in attrs.fields(cls) if not field.name.startswith("_")]
    elif issubclass(cls, dict):
        parts = [*cls.__annotations__]
    else:
        parts = [] if issubclass(cls, BaseException) or made_by_a_client else parameters(cls)

    assert inspect.getdoc(cls) or ""
    assert [each for each in parts if each not in named] == []


@pytest.mark.parametrize("name", METHODS)
def test_methods_say_what_they_take_and_give(name: str) -> None:
    """A method has a docstring, which names each argument, no other, and what comes back unless it is None."""
    _, function = METHODS[name]
    there = sections(function)

    assert inspect.getdoc(function) or ""
    assert entries(there.get("Args", "")) == {*parameters(function)}
    returned = str(inspect.signature(function).return_annotation)
    assert ("Returns" in there or "Yields" in there) == (returned not in {"None", "<class 'inspect._empty'>"})


@pytest.mark.parametrize("name", METHODS)
def test_methods_say_what_they_raise(name: str) -> None:
    """Each error raised in sight is named, or one above it; what is named is an error; who asks a server names some."""
    cls, function = METHODS[name]
    named = entries(sections(function).get("Raises", ""))

    assert sorted(each for each in raised(cls, function) if not covers(named, each)) == []
    assert sorted(each for each in named if not is_exception(each)) == []
    asks = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
    assert named or not asks or function.__name__ == "aclose"
