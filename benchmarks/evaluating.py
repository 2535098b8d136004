"""Scoring one's own data: what the embedded backend adds to the metric libraries."""

from __future__ import annotations

import random
from typing import Any

from benchmarks.contender import Contender, Meter
from benchmarks.rounds import Bench, Entry

SEGMENTS = 5_000
METRICS = ["bleu", "chrf", "wer"]


def run(bench: Bench) -> None:
    """Measure it on one core: scores, and all that comes after them, such as explanations and the file of results."""
    entries = [Entry(name, f"benchmarks.evaluating:{maker}") for name, maker in CONTENDERS.items()]
    bench.compare("evaluating", f"{SEGMENTS:,} segments, 3 metrics", "segment", entries, rounds=min(bench.rounds, 3))


class _Data(Contender):
    """Sentences of made-up words, and outputs in which every fourth word is another."""

    async def start(self) -> None:
        """Make the data."""
        import pandas as pd

        dice = random.Random(7)  # noqa: S311 - no secret
        words = ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=dice.randint(2, 9))) for _ in range(3_000)]
        references = [dice.choices(words, k=dice.randint(8, 24)) for _ in range(SEGMENTS)]
        outputs = [[dice.choice(words) if dice.random() < 0.25 else word for word in each] for each in references]
        self.data = pd.DataFrame(
            {
                "source": [f"source {number}" for number in range(SEGMENTS)],
                "reference": [" ".join(each) for each in references],
                "output": [" ".join(each) for each in outputs],
            }
        )


class Libraries(_Data):
    """A loop over sacrebleu and jiwer, as one would write it."""

    async def round(self, seconds: float, meter: Meter) -> dict[str, Any]:
        """Score all segments once."""
        import jiwer
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF

        with meter:
            bleu, chrf = BLEU(effective_order=True), CHRF()
            for output, reference in zip(self.data["output"], self.data["reference"], strict=True):
                bleu.sentence_score(output, [reference])
                chrf.sentence_score(output, [reference])
                jiwer.wer(reference, output)
        return {"units": SEGMENTS}


class Evaluate(_Data):
    """`evaluate()`."""

    async def round(self, seconds: float, meter: Meter) -> dict[str, Any]:
        """Score all segments once."""
        from aiobench.local import evaluate_async

        with meter:
            await evaluate_async(self.data, predictions=["output"], metrics=METRICS)
        return {"units": SEGMENTS}


class Job(_Data):
    """A job of a backend in this process, with its client."""

    async def start(self) -> None:
        """Start the backend."""
        from aiobench.local import LocalBackend, predictions

        await super().start()
        self._backend = LocalBackend(datasets={"data": self.data}, models={"it": predictions("output")})
        await self._backend.__aenter__()
        self._client = self._backend.client()
        self._benchmark = await self._client.create_benchmark("b", dataset="data", models=["it"], metrics=METRICS)

    async def round(self, seconds: float, meter: Meter) -> dict[str, Any]:
        """Run a job."""
        from aiobench import PollPolicy

        with meter:
            job = await self._benchmark.start()
            await job.wait(poll=PollPolicy(interval=0.05, max_interval=0.05))
        return {"units": SEGMENTS}

    async def stop(self) -> None:
        """Stop client and backend."""
        await self._client.aclose()
        await self._backend.__aexit__(None, None, None)


CONTENDERS = {"sacrebleu and jiwer": "Libraries", "evaluate()": "Evaluate", "a job": "Job"}
