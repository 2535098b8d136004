"""Annotations can be looked up at run time: FastAPI, pydantic, cattrs and attrs' `resolve_types` do."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
import typing
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import pandas as pd
import pytest

import aiobench

MODULES = [
    "aiobench", "aiobench.sync", "aiobench.errors", "aiobench.events", "aiobench.policy", "aiobench.documents",
    "aiobench.specs", "aiobench.snapshot", "aiobench.job", "aiobench.benchmark", "aiobench.monitor", "aiobench.client",
    "aiobench.testing",
]  # fmt: skip


def annotated(module: str) -> Iterator[tuple[str, Any]]:
    """Give the public classes and functions of a module, and the methods and properties of these classes."""
    public = importlib.import_module(module)
    for name in public.__all__:
        value = getattr(public, name)
        if isinstance(value, FunctionType):
            yield name, value
        if not isinstance(value, type):
            continue
        yield name, value
        for method, held in vars(value).items():
            function = inspect.unwrap(getattr(held, "fget", getattr(held, "func", getattr(held, "__func__", held))))
            if isinstance(function, FunctionType) and (not method.startswith("_") or method == "__init__"):
                yield f"{name}.{method}", function


@pytest.mark.parametrize("module", MODULES)
def test_every_public_annotation_can_be_looked_up(module: str) -> None:
    """`typing.get_type_hints` works for every public class, method, property and function."""
    unknown = []
    for name, value in annotated(module):
        try:
            typing.get_type_hints(value)
        except NameError as error:
            unknown.append(f"{name}: {error}")

    assert unknown == []


def test_frames_are_found_though_pandas_is_imported_late() -> None:
    """An annotation that names a frame is looked up as the class that pandas has."""
    hints = typing.get_type_hints(aiobench.BenchmarkJob.download_results_as_csv)

    assert pd.DataFrame in typing.get_args(hints["return"])


def test_looking_up_what_needs_no_frame_imports_no_pandas() -> None:
    """Only an annotation that names a frame imports pandas."""
    code = (
        "import sys, typing, aiobench; typing.get_type_hints(aiobench.Client.get_job); "
        "typing.get_type_hints(aiobench.BenchmarkJob.__init__); print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)

    assert done.stdout == "False\n"
