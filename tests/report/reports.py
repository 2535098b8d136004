"""An evaluation to report: three models, one with a hostile name, one that fails often, and hostile outputs."""

from __future__ import annotations

import random

import pandas as pd

from aiobench.local import Evaluation, evaluate

WORDS = ("the", "dog", "cat", "house", "tree", "runs", "jumps", "old", "green", "home", "rain", "and")
HOSTILE = "<script>alert('model')</script>"
OUTPUT = "<img src=x onerror=alert(2)>--><svg onload=alert(3)>" + "y" * 800


def hostile_evaluation() -> Evaluation:
    """Evaluate 60 segments."""
    seeded = random.Random(11)
    references = [" ".join(seeded.choices(WORDS, k=seeded.randint(3, 9))) for _ in range(60)]

    def outputs(errors: float, failures: float = 0.0) -> list[str | None]:
        return [
            None
            if seeded.random() < failures
            else " ".join(word if seeded.random() > errors else seeded.choice(WORDS) for word in text.split())
            for text in references
        ]

    data = pd.DataFrame(
        {
            "source": [text.upper() for text in references],
            "reference": references,
            "fair": outputs(0.4),
            "good": outputs(0.05),
            HOSTILE: outputs(0.15, 0.3),
        }
    )
    data.loc[3, "good"] = OUTPUT
    return evaluate(data, predictions=["fair", "good", HOSTILE], metrics=["chrf", "ter"])
