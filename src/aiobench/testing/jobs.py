"""The jobs and benchmarks of a fake platform."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from attrs import define, field

from aiobench import TERMINAL_STATUSES
from aiobench.testing._courses import SUCCEEDED, Course, Outcome, checked_course

__all__ = ["FakeBenchmark", "FakeJob"]


@define(eq=False)
class FakeJob:
    """A job of a `FakePlatform`, which moves on by the platform's clock.

    Attributes:
        id: The job's id.
        benchmark_id: The id of its benchmark.
        started_at: When it was started, in seconds of the platform's clock.
        course: The statuses that it goes through.
        outcome: Its results.
    """

    id: str
    benchmark_id: str
    started_at: float
    course: Course = field(repr=False)
    outcome: Outcome = field(repr=False)
    _now: Callable[[], float] = field(repr=False)
    _since: float = field(init=False, repr=False)  # when its course began

    def __attrs_post_init__(self) -> None:
        self._since = self.started_at

    @property
    def status(self) -> str:
        """The job's status now."""
        return self.course.statuses[self._index]

    @property
    def has_ended(self) -> bool:
        """Whether the status is terminal."""
        return self.status.casefold().replace("-", "_") in TERMINAL_STATUSES

    @property
    def updated_at(self) -> float:
        """When the status last changed, in seconds of the platform's clock."""
        return self._since + self._index * self.course.every

    @property
    def percentage(self) -> int:
        """How much of its history the job has completed, in percent."""
        if self.has_ended:
            return 100
        return 100 * self._index // max(1, len(self.course.statuses) - 1)

    @property
    def has_results(self) -> bool:
        """Whether there is a file to download."""
        return self.outcome.csv is not None and self.status in SUCCEEDED

    @property
    def state(self) -> tuple[object, ...]:
        """Everything that the job's document depends on."""
        return id(self.course), self._since, self._index

    @property
    def _index(self) -> int:
        return self.course.index_at(self._now() - self._since)

    def set_status(self, *statuses: str, every: float = 5.0) -> None:
        """Set the job's status now, and the statuses that follow.

        Args:
            *statuses: The status from now on, and those that follow.
            every: Seconds that each lasts.

        Raises:
            ConfigurationError: If that goes backwards.
        """
        checked_course((self.status, *statuses), every)
        self.course = checked_course(statuses, every)
        self._since = self._now()


@define(eq=False)
class FakeBenchmark:
    """A benchmark of a `FakePlatform`; the jobs started of it follow its course.

    Attributes:
        id: The benchmark's id.
        name: Its name.
        models: The ids of its models.
        dataset: The id of its dataset.
        metrics: The ids of its metrics.
        course: The statuses that its jobs go through.
        outcome: The results of its jobs.
        display_names: The display names of models that were given one, by model id.
        jobs: Its jobs, the oldest first.
    """

    id: str
    name: str
    models: Sequence[str]
    dataset: str
    metrics: Sequence[str]
    course: Course = field(repr=False)
    outcome: Outcome = field(repr=False)
    display_names: Mapping[str, str] = field(factory=dict[str, str], repr=False)
    jobs: list[FakeJob] = field(factory=list[FakeJob], repr=False)
