"""The platform's routes (`docs/reference/wire.md#routes`), relative to the base URL."""

from __future__ import annotations

from urllib.parse import quote

from aiobench._errors import ConfigurationError

__all__ = [
    "BENCHMARKS",
    "LONGEST_ID",
    "NORMALIZATION_OPTIONS",
    "RESULTS",
    "benchmark",
    "benchmark_jobs",
    "benchmark_start",
    "checked_id",
    "job",
    "template",
]

BENCHMARKS = "sdk/benchmarks"
NORMALIZATION_OPTIONS = "sdk/benchmarks/normalization-options"
RESULTS = "{results}"  # wherever a job's results are: their URL is not the platform's to describe

LONGEST_ID = 1_000  # characters: quoted they become nine times as many, and a URL has 65,536


def job(job_id: str) -> str:
    return f"sdk/benchmarks/jobs/{_segment(job_id, 'job id')}"


def benchmark(benchmark_id: str) -> str:
    return f"sdk/benchmarks/{_segment(benchmark_id, 'benchmark id')}"


def benchmark_jobs(benchmark_id: str) -> str:
    return f"{benchmark(benchmark_id)}/jobs"


def benchmark_start(benchmark_id: str) -> str:
    return f"{benchmark(benchmark_id)}/start"


def template(path: str) -> str:
    """Return a path with names in place of its ids: what requests are counted by."""
    match path.split("/"):
        case ["sdk", "benchmarks", "jobs", _]:
            return "sdk/benchmarks/jobs/{job}"
        case ["sdk", "benchmarks", _, *rest] if path != NORMALIZATION_OPTIONS:
            return "/".join(["sdk/benchmarks/{benchmark}", *rest])
        case _:
            return path


def checked_id(value: object, what: str) -> str:
    """Return *value* if it can be an id.

    Raises:
        ConfigurationError: If it is not a string, empty, blank, too long for a URL, or not encodable.
    """
    if not isinstance(value, str) or not value.strip():
        hint = f"; pass its .id, {found!r}" if isinstance(found := getattr(value, "id", None), str) else ""
        raise ConfigurationError(f"a {what} must be a non-empty string, not {value!r}{hint}")
    if len(value) > LONGEST_ID:
        raise ConfigurationError(f"a {what} cannot have {len(value):,} characters: {value[:40]!r}…")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ConfigurationError(f"the {what} {value!r} holds characters that cannot be encoded") from error
    return value


def _segment(value: str, what: str) -> str:
    quoted = quote(checked_id(value, what), safe="")
    if quoted in {".", ".."}:  # a server or proxy would take them for folders
        quoted = quoted.replace(".", "%2E")
    return quoted
