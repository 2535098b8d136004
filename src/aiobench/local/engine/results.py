"""A job's results as a CSV file, and the signed URL to download it from."""

from __future__ import annotations

import csv
import hashlib
import hmac
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from aiobench.local.datasets import Dataset
    from aiobench.local.engine.benchmarks import Benchmark
    from aiobench.local.engine.records import SegmentResult

__all__ = ["Signer", "write_results"]


def write_results(
    path: Path,
    benchmark: Benchmark,
    dataset: Dataset,
    runs: Sequence[Sequence[SegmentResult]],
    *,
    leave_out: Collection[str] = (),
) -> None:
    """Write the results, one row per segment and model (docs/reference/wire.md#results-csv).

    A whole file or none is at the path. The dataset's further columns come last, but for those whose name is taken.

    Args:
        path: Where to.
        benchmark: What was run.
        dataset: What it was run on.
        runs: The results of each of the benchmark's models, in its order.
        leave_out: Further columns of the dataset that do not belong in results, such as predictions.
    """
    header = ["segment_id", "Model", "Model_success", "source", "reference", "hypothesis", "topic"]
    header += [scorer.long_name for scorer in benchmark.scorers] + ["credits_used", "runTimeInSecs"]
    further = [column for column in dataset.columns if column not in header and column not in leave_out]
    unfinished = path.with_suffix(".part")
    with unfinished.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(header + further)
        for model, results in zip(benchmark.models, runs, strict=True):
            for result in results:
                segment = dataset.segments[result.segment]
                writer.writerow(
                    [
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
                        *(segment.columns.get(column) for column in further),
                    ]
                )
    unfinished.replace(path)


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
