"""How often intervals hold the true value, and how often tests find a difference where there is none.

    python tools/simulate.py            print both tables
    python tools/simulate.py --write    write them into docs/numbers.md

Each draw is a benchmark whose truth is known. What is compared with our intervals is what others use, on the same
draws: the normal interval, Student's t, and the bootstrap's BCa interval of scipy. Two minutes on two cores.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import define, field, frozen
from scipy import stats

from aiobench.analysis.intervals import difference_interval, mean_interval, standard_error
from aiobench.analysis.significance import p_of_pairs

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
Random = np.random.Generator

PAGE = Path(__file__).parents[1] / "docs" / "numbers.md"
CONFIDENCE = 0.95
SIZES = (30, 300, 3_000)
DRAWS = 1_000
SEED = 20_261_125
RESAMPLES = 999
BCA_UP_TO = 300  # segments: beyond, it takes minutes and the intervals are all alike
CLUSTER = 3  # segments


@frozen
class Population:
    """Scores whose mean is known.

    Attributes:
        name: What they are like.
        draw: Draws the scores of so many segments.
        mean: Their true mean.
        bounds: Their scale, as the analysis would infer it.
        clusters: Whether each three segments belong together.
    """

    name: str
    draw: Callable[[Random, int], Floats]
    mean: float
    bounds: tuple[float, float] | None = None
    clusters: bool = False


@frozen
class Pairs:
    """Scores of two models on the same segments; the true mean of their difference is known."""

    name: str
    draw: Callable[[Random, int], tuple[Floats, Floats]]
    difference: float
    clusters: bool = False
    is_null: bool = field(default=False, kw_only=True)  # whether the models are equal


def _clustered(random: Random, n: int, spread: float, noise: float) -> Floats:
    return np.repeat(random.normal(0, spread, n // CLUSTER), CLUSTER) + random.normal(0, noise, n)


def _hard(random: Random, n: int) -> Floats:
    return random.normal(50, 15, n)  # what makes a segment hard is shared by both models


def _mostly_ties(random: Random, n: int) -> tuple[Floats, Floats]:
    b = _hard(random, n)
    return b + (random.random(n) < 0.3) * random.normal(2, 8, n), b


def _unlike(chance: float, other: float) -> Callable[[Random, int], tuple[Floats, Floats]]:
    def draw(random: Random, n: int) -> tuple[Floats, Floats]:
        is_hard = random.random(n) < 0.5  # on hard segments both are right less often
        a, b = (random.random(n) < np.where(is_hard, rate - 0.1, rate + 0.1) for rate in (chance, other))
        return a.astype(float), b.astype(float)

    return draw


MEANS = (
    Population("chrF: 0 to 100, a little skewed", lambda random, n: 100 * random.beta(2, 4, n), 100 / 3, (0, 100)),
    Population(
        "BLEU: 0 to 100, 40% zeros",
        lambda random, n: (random.random(n) < 0.6) * 100 * random.beta(2, 3, n),
        24.0,
        (0, 100),
    ),
    Population("WER: no upper end, skewed", lambda random, n: random.gamma(1.0, 0.4, n), 0.4),
    Population("right or wrong, 50% right", lambda random, n: (random.random(n) < 0.5).astype(float), 0.5),
    Population("right or wrong, 95% right", lambda random, n: (random.random(n) < 0.95).astype(float), 0.95),
    Population("three segments a document", lambda random, n: 50 + _clustered(random, n, 10, 10), 50.0, clusters=True),
)
DIFFERENCES = (
    Pairs("both alike, noise", lambda random, n: (b := _hard(random, n), (b + random.normal(1, 8, n), b))[1], 1.0),
    Pairs(
        "skewed: seldom much better",
        lambda random, n: (b := _hard(random, n), (b + random.exponential(5, n) - 4, b))[1],
        1.0,
    ),
    Pairs("70% ties", _mostly_ties, 0.6),
    Pairs("right or wrong, 60% against 50%", _unlike(0.6, 0.5), 0.1),
    Pairs("right or wrong, 85% against 80%", _unlike(0.85, 0.8), 0.05),
    Pairs(
        "three segments a document",
        lambda random, n: (b := _hard(random, n), (b + 1 + _clustered(random, n, 5, 5), b))[1],
        1.0,
        clusters=True,
    ),
)
NULLS = (
    Pairs("both alike, noise", lambda random, n: (b := _hard(random, n), (b + random.normal(0, 8, n), b))[1], 0.0),
    Pairs(
        "70% ties",
        lambda random, n: (b := _hard(random, n), (b + (random.random(n) < 0.3) * random.normal(0, 8, n), b))[1],
        0.0,
    ),
    Pairs("right or wrong, 50% both", _unlike(0.5, 0.5), 0.0),
    Pairs("right or wrong, 85% both", _unlike(0.85, 0.85), 0.0),
    Pairs(
        "three segments a document",
        lambda random, n: (b := _hard(random, n), (b + _clustered(random, n, 5, 5), b))[1],
        0.0,
        clusters=True,
    ),
)


@define
class Count:
    """How often something held in so many draws, in percent; None where it was not tried."""

    held: int = 0
    draws: int = 0

    def add(self, *, held: bool) -> None:
        """Count a draw."""
        self.held += held
        self.draws += 1

    @property
    def percent(self) -> float | None:
        """The share, or None."""
        return 100 * self.held / self.draws if self.draws else None


def _normal(values: Floats) -> tuple[float, float]:
    mean, error = values.mean(), standard_error(values)[0]
    half = stats.norm.ppf(0.5 + CONFIDENCE / 2) * error
    return mean - half, mean + half


def _student(values: Floats) -> tuple[float, float]:
    mean, (error, freedom) = values.mean(), standard_error(values)
    half = stats.t.ppf(0.5 + CONFIDENCE / 2, freedom) * error
    return mean - half, mean + half


def _bca(values: Floats, random: Random) -> tuple[float, float]:
    if len(values) > BCA_UP_TO or values.std() == 0:
        return np.nan, np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a degenerate draw, which then holds nothing
        found = stats.bootstrap(
            (values,), np.mean, n_resamples=RESAMPLES, batch=RESAMPLES, confidence_level=CONFIDENCE, rng=random
        ).confidence_interval
    return float(found.low), float(found.high)


def _codes(n: int, *, clusters: bool) -> Codes | None:
    return np.arange(n) // CLUSTER if clusters else None


def covered(population: Population | Pairs, n: int, draws: int, *, peers: bool = True) -> dict[str, float | None]:
    """Return how often each interval held the truth, in percent.

    Args:
        population: What is drawn.
        n: Segments of each draw.
        draws: How many draws.
        peers: Whether the other intervals are tried, too.
    """
    random = np.random.default_rng([SEED, n, *population.name.encode()])
    counts = {name: Count() for name in ("ours", "normal", "t", "BCa")}
    clusters = _codes(n, clusters=population.clusters)
    for _ in range(draws):
        if isinstance(population, Pairs):
            a, b = population.draw(random, n)
            values, truth = a - b, population.difference
            low, high, _ = difference_interval(a, b, confidence=CONFIDENCE, clusters=clusters)
        else:
            values, truth = population.draw(random, n), population.mean
            low, high, _ = mean_interval(values, confidence=CONFIDENCE, bounds=population.bounds, clusters=clusters)
        counts["ours"].add(held=low <= truth <= high)
        if not peers:
            continue
        for name, (start, end) in (("normal", _normal(values)), ("t", _student(values)), ("BCa", _bca(values, random))):
            if name != "BCa" or n <= BCA_UP_TO:
                counts[name].add(held=start <= truth <= end)
    return {name: count.percent for name, count in counts.items()}


def false_positives(pairs: Pairs, n: int, draws: int) -> float:
    """Return how often two equal models were found different at 0.05, in percent."""
    random = np.random.default_rng([SEED, n, *pairs.name.encode()])
    count = Count()
    for draw in range(draws):
        a, b = pairs.draw(random, n)
        count.add(held=p_of_pairs(a, b, clusters=_codes(n, clusters=pairs.clusters), seed=draw).p <= 1 - CONFIDENCE)
    return count.percent or 0.0


def _covered(place: tuple[bool, int, int]) -> dict[str, float | None]:
    is_pairs, index, n = place
    return covered((DIFFERENCES if is_pairs else MEANS)[index], n, DRAWS)


def _false(place: tuple[int, int]) -> float:
    return false_positives(NULLS[place[0]], place[1], DRAWS)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def tables(run: Callable[..., Iterator[Any]] = map) -> Iterator[str]:
    """Yield the lines of the page's tables."""
    for title, is_pairs, populations in (("A model's mean", False, MEANS), ("A difference", True, DIFFERENCES)):
        places = [(is_pairs, index, n) for index in range(len(populations)) for n in SIZES]
        yield from (_row([title, "Segments", "aiobench", "normal", "Student's t", "BCa"]), "|---|--:|--:|--:|--:|--:|")
        for (_, index, n), found in zip(places, run(_covered, places), strict=True):
            shares: Mapping[str, float | None] = found
            yield _row([populations[index].name, f"{n:,}", *(_percent(share) for share in shares.values())])
        yield ""
    nulls = [(index, n) for index in range(len(NULLS)) for n in SIZES]
    yield from (_row(["Equal models", "Segments", "found different at 0.05"]), "|---|--:|--:|")
    for (index, n), share in zip(nulls, run(_false, nulls), strict=True):
        yield _row([NULLS[index].name, f"{n:,}", _percent(share)])


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", action="store_true", help=f"write the tables into docs/{PAGE.name}")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    with ProcessPoolExecutor(options.processes) as pool:
        lines = list(tables(pool.map))
    if not options.write:
        sys.stdout.write("\n".join(lines) + "\n")
        return
    head, mark, rest = PAGE.read_text("utf-8").partition("<!-- simulated -->\n")
    _, end, tail = rest.partition("<!-- /simulated -->")
    if not mark or not end:
        sys.exit(f"{PAGE} has no place for the tables")
    PAGE.write_text(f"{head}{mark}\n" + "\n".join(lines) + f"\n\n{end}{tail}", "utf-8")


if __name__ == "__main__":
    main()
