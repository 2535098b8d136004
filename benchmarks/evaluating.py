"""Scoring one's own data: what the embedded backend adds to the metric libraries."""

from __future__ import annotations

import random
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from benchmarks.contender import Contender, Meter
from benchmarks.processes import CLIENT_CORE, SERVER_CORE, pin
from benchmarks.rounds import Bench, Entry

if TYPE_CHECKING:
    from collections.abc import Iterable

SEGMENTS, MANY_SEGMENTS = 5_000, 100_000
BOTH_CORES = (CLIENT_CORE, SERVER_CORE)  # nothing needs the load server here
METRICS = ["bleu", "chrf", "wer"]


def run(bench: Bench) -> None:
    """Measure scores, and all that comes after them, such as explanations and the file of results.

    On one core, what counts is CPU; with a process on each of two cores, the time by the clock.
    """
    rounds = min(bench.rounds, 3)
    entries = [Entry(name, f"benchmarks.evaluating:{maker}") for name, maker in CONTENDERS.items()]
    bench.compare("evaluating", f"{SEGMENTS:,} segments, 3 metrics", "segment", entries, rounds=rounds)
    entries = [
        Entry("sacrebleu and jiwer, Pool(2)", "benchmarks.evaluating:LibrariesInPool"),
        Entry("a job, executor=2", "benchmarks.evaluating:JobInPool"),
    ]
    bench.compare("evaluating", f"{MANY_SEGMENTS:,} segments, both cores", "segment", entries, rounds=rounds)


class _Data(Contender):
    """Sentences of made-up words, and outputs in which every fourth word is another."""

    segments = SEGMENTS

    async def start(self) -> None:
        """Make the data."""
        import pandas as pd

        dice = random.Random(7)  # noqa: S311 - no secret
        words = ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=dice.randint(2, 9))) for _ in range(3_000)]
        references = [dice.choices(words, k=dice.randint(8, 24)) for _ in range(self.segments)]
        outputs = [[dice.choice(words) if dice.random() < 0.25 else word for word in each] for each in references]
        self.data = pd.DataFrame(
            {
                "source": [f"source {number}" for number in range(self.segments)],
                "reference": [" ".join(each) for each in references],
                "output": [" ".join(each) for each in outputs],
            }
        )


class Libraries(_Data):
    """A loop over sacrebleu and jiwer, as one would write it."""

    async def round(self, seconds: float, meter: Meter) -> dict[str, Any]:
        """Score all segments once."""
        with meter:
            _scores(zip(self.data["output"], self.data["reference"], strict=True))
        return {"units": self.segments}


class LibrariesInPool(_Data):
    """The same loop in two processes, each with half of the segments."""

    segments = MANY_SEGMENTS

    async def start(self) -> None:
        """Start the processes."""
        await super().start()
        pin(*BOTH_CORES)
        self._pool = get_context("spawn").Pool(2)

    async def round(self, seconds: float, meter: Meter) -> dict[str, Any]:
        """Score all segments once."""
        pairs = list(zip(self.data["output"], self.data["reference"], strict=True))
        half = len(pairs) // 2
        with meter:
            self._pool.map(_scores, [pairs[:half], pairs[half:]])
        return {"units": self.segments}

    async def stop(self) -> None:
        """Stop the processes."""
        self._pool.terminate()
        self._pool.join()


class Evaluate(_Data):
    """`evaluate()`."""

    async def round(self, seconds: float, meter: Meter) -> dict[str, Any]:
        """Score all segments once."""
        from aiobench.local import evaluate_async

        with meter:
            await evaluate_async(self.data, predictions=["output"], metrics=METRICS)
        return {"units": self.segments}


class Job(_Data):
    """A job of a backend in this process, with its client."""

    executor: int | None = None

    async def start(self) -> None:
        """Start the backend."""
        from aiobench.local import LocalBackend, predictions

        await super().start()
        models = {"it": predictions("output")}
        self._backend = LocalBackend(datasets={"data": self.data}, models=models, executor=self.executor)
        await self._backend.__aenter__()
        self._client = self._backend.client()
        self._benchmark = await self._client.create_benchmark("b", dataset="data", models=["it"], metrics=METRICS)

    async def round(self, seconds: float, meter: Meter) -> dict[str, Any]:
        """Run a job."""
        from aiobench import PollPolicy

        with meter:
            job = await self._benchmark.start()
            await job.wait(poll=PollPolicy(interval=0.2, max_interval=0.2))
        return {"units": self.segments}

    async def stop(self) -> None:
        """Stop client and backend."""
        await self._client.aclose()
        await self._backend.__aexit__(None, None, None)


class JobInPool(Job):
    """A job of a backend that runs segments in two processes."""

    segments = MANY_SEGMENTS
    executor = 2

    async def start(self) -> None:
        """Start the backend."""
        pin(*BOTH_CORES)
        await super().start()


def _scores(pairs: Iterable[tuple[str, str]]) -> list[tuple[float, float, float]]:
    import jiwer
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF

    bleu, chrf = BLEU(effective_order=True), CHRF()
    return [
        (
            bleu.sentence_score(output, [reference]).score,
            chrf.sentence_score(output, [reference]).score,
            jiwer.wer(reference, output),
        )
        for output, reference in pairs
    ]


CONTENDERS = {"sacrebleu and jiwer": "Libraries", "evaluate()": "Evaluate", "a job": "Job"}
