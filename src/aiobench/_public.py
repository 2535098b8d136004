"""Every public name, imported from where it is defined: what the root of the package, and its blocking twin, show."""

from aiobench import errors as _errors
from aiobench import events as _events
from aiobench._version import __version__
from aiobench._wire.statuses import PENDING_STATUSES, TERMINAL_STATUSES
from aiobench.benchmark import Benchmark
from aiobench.client import Client
from aiobench.documents import (
    JSON,
    Explanations,
    Iteration,
    Metric,
    Progress,
    ResultsWarning,
    Score,
    ScoreDetail,
    ScoreRow,
)
from aiobench.errors import *  # noqa: F403 - what it exports, and nothing else
from aiobench.events import *  # noqa: F403
from aiobench.frames import tidy
from aiobench.job import BenchmarkJob
from aiobench.monitor import Monitor
from aiobench.policy import PollPolicy
from aiobench.snapshot import JobSnapshot
from aiobench.specs import MetricSpec, ModelSpec

__all__ = [
    "JSON",
    "PENDING_STATUSES",
    "TERMINAL_STATUSES",
    "Benchmark",
    "BenchmarkJob",
    "Client",
    "Explanations",
    "Iteration",
    "JobSnapshot",
    "Metric",
    "MetricSpec",
    "ModelSpec",
    "Monitor",
    "PollPolicy",
    "Progress",
    "ResultsWarning",
    "Score",
    "ScoreDetail",
    "ScoreRow",
    "__version__",
    "tidy",
]
__all__ += _errors.__all__
__all__ += _events.__all__
