"""A job's results as a CSV file, and the signed URL to download it from."""

from __future__ import annotations

import csv
import hashlib
import hmac
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import TypeAlias

    from aiobench.local.datasets import Dataset, Segment
    from aiobench.local.engine.benchmarks import Benchmark, ModelRun
    from aiobench.local.engine.records import SegmentResult

    Write: TypeAlias = Callable[[ModelRun, Iterable[SegmentResult]], None]

__all__ = ["Signer", "results_file"]


@contextmanager
def results_file(
    path: Path, benchmark: Benchmark, dataset: Dataset, *, leave_out: Collection[str] = ()
) -> Iterator[Write]:
    """Open a file of results, one row per segment and model (docs/reference/wire.md#results-csv).

    It is complete when the block ends: a whole file or none is at the path. The dataset's further columns come last,
    but for those whose name is taken.

    Args:
        path: Where to.
        benchmark: What is run.
        dataset: What it is run on.
        leave_out: Further columns of the dataset that do not belong in results, such as predictions.

    Yields:
        A function that appends results of one of the benchmark's models.
    """
    header = ["segment_id", "Model", "Model_success", "source", "reference", "hypothesis", "topic"]
    header += [scorer.long_name for scorer in benchmark.scorers] + ["credits_used", "runTimeInSecs"]
    further = [column for column in dataset.columns if column not in header and column not in leave_out]
    unfinished = path.with_suffix(".part")
    try:
        with unfinished.open("w", encoding="utf-8", newline="") as lines:
            writer = csv.writer(lines, lineterminator="\n")
            writer.writerow(header + further)

            def write(model: ModelRun, results: Iterable[SegmentResult]) -> None:
                writer.writerows(_row(model, each, dataset.segments[each.segment], further) for each in results)

            yield write
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _row(model: ModelRun, result: SegmentResult, segment: Segment, further: Sequence[str]) -> list[object]:
    return [
        segment.id,
        model.label,
        result.failure is None,
        segment.source,
        segment.reference,
        result.hypothesis,
        segment.topic,
        *result.scores,
        result.credits,
        result.runtime,
        *map(segment.columns.get, further),
    ]


class Signer:
    """Signs paths so that they can be fetched for a while, and verifies signatures.

    Args:
        secret: What the signatures are made with (HMAC-SHA256, RFC 2104).
        lifetime: Seconds an address is good for.
    """

    def __init__(self, secret: str, lifetime: float) -> None:
        self._secret = secret.encode()
        self._lifetime = lifetime

    def sign(self, path: str) -> str:
        """Return the path with a signature in its query."""
        expires = str(int(time.time() + self._lifetime))
        return f"{path}?expires={expires}&signature={self._signature(path, expires)}"

    def refusal(self, path: str, query: Mapping[str, str]) -> tuple[str, str] | None:
        """Return why a query does not authorize the path, as a code and a sentence, or None if it does."""
        expires, signature = query.get("expires", ""), query.get("signature", "")
        if not self.genuine(path, expires, signature):
            return "SignatureDoesNotMatch", "The signature does not match the address"
        if self.expired(expires):
            return "AccessDenied", "Request has expired; ask the job for a new address"
        return None

    def genuine(self, path: str, expires: str, signature: str) -> bool:
        """Return whether this signer signed the path, expired or not."""
        return hmac.compare_digest(self._signature(path, expires).encode(), signature.encode())

    def expired(self, expires: str) -> bool:
        """Return whether a genuine signature has expired."""
        return time.time() >= int(expires)

    def _signature(self, path: str, expires: str) -> str:
        return hmac.new(self._secret, f"{path}\n{expires}".encode(), hashlib.sha256).hexdigest()
