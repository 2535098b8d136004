"""What polling reads of a job document: its status, its benchmark, and what shows progress.

The types here are msgspec's own, not attrs classes: they can rename a reply's camelCase fields, and a poll
decodes straight into them. The rest of a document is skipped without being built.
"""

from __future__ import annotations

import logging
from typing import Any

import msgspec

from aiobench._wire.coercion import count, entries, mapping, number, text
from aiobench._wire.decoding import MalformedDocumentError, decoded_as, finite_number, look
from aiobench._wire.pieces import array_in_pieces
from aiobench._wire.routes import LONGEST_ID
from aiobench._wire.sizes import takes_long, takes_long_to_skip

__all__ = ["JobHead", "ListEntry", "ProgressHead", "job_head", "job_list"]


logger = logging.getLogger("aiobench.http")


class _BenchmarkHead(msgspec.Struct, frozen=True, gc=False):
    id: str | None = None


class _IterationHead(msgspec.Struct, frozen=True, gc=False):
    status: str | None = None


class ProgressHead(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    completed_percentage: Any = None  # not a float, for which `finite_number` would not be asked
    completed_iterations: int | None = None
    failed_iterations: int | None = None
    remaining_iterations: int | None = None
    used_credits: Any = None


class JobHead(msgspec.Struct, frozen=True, rename="camel"):
    """The part of a job document that changes while the job runs."""

    status: str
    benchmark: _BenchmarkHead | None = None
    iterations: tuple[_IterationHead, ...] | None = None
    progress: ProgressHead | None = None

    @property
    def benchmark_id(self) -> str:
        return _usable_id(self.benchmark)

    @property
    def iteration_statuses(self) -> tuple[str | None, ...]:
        return tuple(each.status for each in self.iterations or ())


class ListEntry(msgspec.Struct, frozen=True, rename="camel"):
    """A job in a job list. A status of None could not be read."""

    job_id: str
    status: str | None
    benchmark: _BenchmarkHead | None = None

    @property
    def benchmark_id(self) -> str:
        return _usable_id(self.benchmark)


def _usable_id(benchmark: _BenchmarkHead | None) -> str:
    """Read a benchmark's id; an unusable one counts as none."""
    found = benchmark.id if benchmark is not None else None
    return found if found and found.strip() and len(found) <= LONGEST_ID else ""


_head = msgspec.json.Decoder(JobHead, float_hook=finite_number)
_list = msgspec.json.Decoder(list[ListEntry])


def job_head(body: bytes) -> JobHead:
    """Decode what polling needs of a job document.

    A JSON object with a string `status` is a job document; a wrong type deeper down counts as null.

    Raises:
        MalformedDocumentError: If *body* is not a job document.
    """
    head = None if takes_long_to_skip(body) else decoded_as(_head, body)
    return look(body, _odd_head) if head is None else head


def _odd_head(document: Any) -> JobHead:
    """Read a document of which perhaps one field has another type than expected."""
    if not isinstance(document, dict) or not isinstance(document.get("status"), str):
        raise MalformedDocumentError("not a job document: no object with a status")
    iterations = document.get("iterations")
    progress = document.get("progress")
    return JobHead(
        status=document["status"],
        benchmark=_benchmark(document),
        iterations=tuple(_IterationHead(text(entry.get("status"))) for entry in entries(iterations))
        if isinstance(iterations, list)
        else None,
        progress=_progress(progress) if isinstance(progress, dict) else None,
    )


def job_list(body: bytes) -> list[ListEntry]:
    """Decode the list of a benchmark's jobs; entries without a usable job id are left out, with a warning.

    Raises:
        MalformedDocumentError: If *body* is not a JSON array.
    """
    parts = array_in_pieces(body, _entries) if takes_long(body) else [_entries(body)]
    if parts is None:
        parts = [look(body, _odd_entries)]
    usable = [entry for found, _ in parts for entry in found if entry.job_id.strip()]
    _warn_of_unusable(usable, sum(total for _, total in parts))
    return usable


def _entries(body: bytes) -> tuple[list[ListEntry], int]:
    """Decode a list of jobs; return its entries, and how many there are with those that are none."""
    found = decoded_as(_list, body)
    return look(body, _odd_entries) if found is None else (found, len(found))


def _odd_entries(document: Any) -> tuple[list[ListEntry], int]:
    """Read a list in which perhaps there is an odd entry."""
    if not isinstance(document, list):
        raise MalformedDocumentError("not a job list: no array")
    found = [
        ListEntry(job_id, text(entry.get("status")), _benchmark(entry))
        for entry in entries(document)
        if (job_id := text(entry.get("jobId")))
    ]
    return found, len(document)


def _warn_of_unusable(usable: list[ListEntry], total: int) -> None:
    if len(usable) < total:
        benchmark = next((f" of benchmark {entry.benchmark_id}" for entry in usable if entry.benchmark_id), "")
        left_out = total - len(usable)
        logger.warning("%d of %d entries in the job list%s have no usable job id", left_out, total, benchmark)


def _benchmark(document: object) -> _BenchmarkHead:
    return _BenchmarkHead(text(mapping(mapping(document).get("benchmark")).get("id")))


def _progress(progress: object) -> ProgressHead:
    values = mapping(progress)
    return ProgressHead(
        completed_percentage=number(values.get("completedPercentage")),
        completed_iterations=count(values.get("completedIterations")),
        failed_iterations=count(values.get("failedIterations")),
        remaining_iterations=count(values.get("remainingIterations")),
        used_credits=number(values.get("usedCredits")),
    )
