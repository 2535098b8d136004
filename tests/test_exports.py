"""What is public: `__all__`, docstrings, and types that say what is in a list and in a dictionary."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest

import aiobench
import aiobench.sync
from aiobench import _public, errors, events

PACKAGE = Path(aiobench.__file__).parent
CLASSES = sorted(name for name in aiobench.__all__ if isinstance(getattr(aiobench, name), type))
PROMISED = """
    Client PollPolicy ModelSpec MetricSpec Benchmark BenchmarkJob JobSnapshot Iteration Score Progress Metric
    ScoreDetail tidy ScoreRow Explanations PENDING_STATUSES TERMINAL_STATUSES
    Monitor MonitorStats MonitorEvent Finished Abandoned
    StatusChanged Progressed Stalled PollFailed StartInterrupted JobState JSON __version__
"""


def test_all_is_what_is_public() -> None:
    """`__all__` names exactly the package's public names that are no modules, each once."""
    public = {
        name for name, value in vars(_public).items() if not name.startswith("_") and not isinstance(value, ModuleType)
    }

    assert public | {"__version__"} == set(aiobench.__all__) == set(aiobench.sync.__all__)
    assert len(set(aiobench.__all__)) == len(aiobench.__all__)


def test_every_promised_name_is_there() -> None:
    """The names of the interface, all errors and all events are at the root."""
    assert {*PROMISED.split(), *errors.__all__, *events.__all__} - set(aiobench.__all__) == set()


def test_module_all_lists_are_true() -> None:
    """Each module's `__all__` names what the module has, and every module but a package's `__init__` has one."""
    wrong: dict[str, list[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if "local" in parts or "sync" in parts or "cli" in parts or path.name == "_version.py":
            continue  # they have their own tests
        module = importlib.import_module(".".join(part for part in parts if part != "__init__"))
        names = getattr(module, "__all__", [] if path.name == "__init__.py" else None)
        if names is None:
            wrong[path.name] = ["no __all__"]
        elif absent := [name for name in names if not hasattr(module, name)]:
            wrong[path.name] = absent
    assert wrong == {}


@pytest.mark.parametrize("world", [aiobench, aiobench.sync], ids=["async", "blocking"])
@pytest.mark.parametrize("name", CLASSES)
def test_public_classes_have_public_homes(world: ModuleType, name: str) -> None:
    """A public class shows and pickles under the name of a public module that has it."""
    cls = getattr(world, name)

    assert not any(part.startswith("_") for part in cls.__module__.split("."))
    assert getattr(importlib.import_module(cls.__module__), cls.__qualname__) is cls


@pytest.mark.parametrize("name", CLASSES)
def test_public_classes_and_their_methods_are_documented(name: str) -> None:
    """Every public class, method and property has a docstring of its own."""
    cls = getattr(aiobench, name)

    assert (cls.__doc__ or "").strip()
    undocumented = [
        member
        for member, value in vars(cls).items()
        if not member.startswith("_")
        and (isinstance(value, FunctionType | property) or hasattr(value, "__wrapped__"))
        and not (inspect.getdoc(value) or "").strip()
    ]
    assert undocumented == []


def annotations(tree: ast.AST) -> list[ast.expr]:
    """Collect the annotations of a module's public functions and classes."""
    found: list[ast.expr] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign):
            found.append(node.annotation)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = [
                *node.args.posonlyargs,
                *node.args.args,
                *node.args.kwonlyargs,
                node.args.vararg,
                node.args.kwarg,
            ]
            found += [each.annotation for each in arguments if each is not None and each.annotation is not None]
            found += [node.returns] if node.returns is not None else []
    return found


@pytest.mark.parametrize("module", ["client", "job", "snapshot", "benchmark", "monitor", "errors", "_wire/documents"])
def test_no_bare_dict_or_list(module: str) -> None:
    """Nothing public is typed `dict` or `list` without saying of what."""
    text = (PACKAGE / f"{module}.py").read_text("utf-8")
    shown = [ast.unparse(annotation) for annotation in annotations(ast.parse(text))]

    assert shown
    assert [
        each for each in shown if re.search(r"\b(dict|list|tuple|set|frozenset|Mapping|Sequence)\b(?!\[)", each)
    ] == []


def parameters(function: Any) -> str:
    """Show a function's parameters by name, kind and default."""
    signature = inspect.signature(function)
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (aiobench.Client.job, "(self, job_id, benchmark_id='')"),
        (aiobench.Client.get_job, "(self, job_id)"),
        (aiobench.Client.list_jobs, "(self, benchmark_id)"),
        (aiobench.Client.start_job, "(self, benchmark_id)"),
        (aiobench.Client.get_benchmark, "(self, benchmark_id)"),
        (aiobench.Client.create_benchmark, "(self, name, *, dataset, models, metrics)"),
        (aiobench.Client.list_normalization_options, "(self, metric_id, model_id)"),
        (aiobench.BenchmarkJob.__init__, "(self, id, status, benchmark_id, *, client=None, **additional_info)"),
        (aiobench.BenchmarkJob.check_status, "(self)"),
        (aiobench.BenchmarkJob.fetch, "(self)"),
        (aiobench.BenchmarkJob.watch, "(self, *, poll=None, timeout=None, stall_after=None, every_poll=False)"),
        (aiobench.BenchmarkJob.wait, "(self, *, poll=None, timeout=None, stall_after=None, progress=False)"),
        (
            aiobench.BenchmarkJob.download_results_as_csv,
            (
                "(self, save_path=None, return_dataframe=False, *, progress=False, max_bytes=4294967296, "
                "strict=False, dtype_backend=None, engine=None)"
            ),
        ),
        (aiobench.BenchmarkJob.get_scores, "(self, return_simplified=True, return_as_dataframe=True)"),
        (aiobench.BenchmarkJob.get_failure_rate, "(self, return_as_dataframe=True)"),
        (aiobench.BenchmarkJob.get_failuire_rate, "(self, return_as_dataframe=True)"),
        (aiobench.BenchmarkJob.get_all_explanations, "(self)"),
        (aiobench.BenchmarkJob.get_localized_explanations, "(self, metric_dependant, group_by_task=False)"),
        (aiobench.JobSnapshot.score_rows, "(self)"),
        (aiobench.JobSnapshot.scores_frame, "(self)"),
        (aiobench.JobSnapshot.score_details, "(self)"),
        (aiobench.JobSnapshot.failure_rates, "(self)"),
        (aiobench.JobSnapshot.failure_rates_frame, "(self)"),
        (aiobench.JobSnapshot.explanations, "(self)"),
        (aiobench.JobSnapshot.localized_explanations, "(self, metric_dependant, group_by_task=False)"),
        (
            aiobench.Client.wait_all,
            "(self, jobs, *, poll=None, timeout=None, stall_after=None, progress=False)",
        ),
        (
            aiobench.Client.download_all,
            "(self, jobs, directory, *, concurrency=4, progress=False, max_bytes=4294967296)",
        ),
        (aiobench.tidy, "(snapshots)"),
        (
            aiobench.Client.monitor,
            """(self, jobs=(), *, poll=None, timeout=None, stall_after=None, keep_open=False, journal=None, \
ack='next', replay=False, progress=False)""",
        ),
    ],
)
def test_signatures_are_the_interfaces(function: Any, expected: str) -> None:
    """Names, kinds and defaults of arguments are those of the interface."""
    assert parameters(function) == expected


def test_client_settings_are_the_interfaces() -> None:
    """The client's settings and their defaults are those of the interface."""
    signature = inspect.signature(aiobench.Client)
    defaults = {name: parameter.default for name, parameter in signature.parameters.items()}

    assert defaults == {
        "api_key": None,
        "base_url": None,
        "timeout": 30.0,
        "max_retries": 4,
        "max_retry_after": 60.0,
        "max_connections": 25,
        "proxy": None,
        "trust_env": True,
        "ssl_context": None,
        "transport": "httpx",
        "poll": aiobench.PollPolicy(),
        "allow_result_hosts": (),
        "max_document": 8 * 2**20,
        "allow_plain_http": False,
        "default_headers": None,
    }
    assert [
        name for name, parameter in signature.parameters.items() if parameter.kind is not parameter.KEYWORD_ONLY
    ] == ["api_key"]


def test_policy_is_the_interfaces() -> None:
    """A policy's fields and their defaults are those of the interface."""
    policy = aiobench.PollPolicy()

    assert (
        policy.interval,
        policy.backoff,
        policy.max_interval,
        policy.jitter,
        policy.terminal,
    ) == (2.0, 1.5, 30.0, 0.1, aiobench.TERMINAL_STATUSES)
    assert "(interval=2.0, backoff=1.5, max_interval=30.0, jitter=0.1, terminal=frozenset" in parameters(
        aiobench.PollPolicy
    )
