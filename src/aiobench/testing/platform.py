"""The fake platform: jobs that follow a virtual clock, and faults on request."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from difflib import get_close_matches
from typing import Any

from aiobench import Client, ConfigurationError, PollPolicy, sync
from aiobench._clock import using_clock
from aiobench._results import lazy_pandas as pd
from aiobench.testing._assets import Assets
from aiobench.testing._clock import VirtualClock
from aiobench.testing._courses import checked_course, outcome_of
from aiobench.testing._faults import START, Fault, Faults
from aiobench.testing._routes import Incoming, Routes
from aiobench.testing._transport import FakeTransport
from aiobench.testing.jobs import FakeBenchmark, FakeJob
from aiobench.testing.replies import FakeRequest, Reply, json_reply

__all__ = ["FakePlatform"]

MESSAGES = {401: "Unauthorized", 403: "Forbidden", 404: "Not found", 429: "Too many requests"}
BASE_URL = "https://platform.test"


class FakePlatform:
    """A benchmark platform for tests, in this process, with its own clock.

    It speaks the wire protocol that the client speaks, and its job list and job documents always agree. The clock
    stands still while anything can happen, and jumps ahead when everything waits: an hour passes in a moment. Your
    own waits (`asyncio.sleep`, a database) take real time and do not hold the clock; `stopped()` does.

    Attributes:
        api_key: The key that it accepts.
        requests: What was asked, the oldest first.
    """

    def __init__(self) -> None:
        self.api_key = "fake-key"
        self.requests: list[FakeRequest] = []
        self._clock = VirtualClock()
        self._lock = threading.RLock()
        self._assets = Assets(self._clock.now)
        self._faults = Faults()
        self._routes = Routes(self._assets, self.api_key, self._clock.now)

    def __repr__(self) -> str:
        return f"<FakePlatform at {self.now:g} s, {len(self.requests)} requests>"

    # -- jobs --------------------------------------------------------------------------------------------------

    def job(
        self,
        *statuses: str,
        every: float = 5.0,
        scores: Mapping[str, Mapping[str, float | Mapping[str, Any]]] | None = None,
        failures: Mapping[str, int] | None = None,
        segments: pd.DataFrame | None = None,
        explanation: Mapping[str, Any] | None = None,
        benchmark: FakeBenchmark | str | None = None,
        id: str | None = None,
    ) -> FakeJob:
        """Add a job, started now. Further jobs of its benchmark, started by a client, follow the same history.

        Args:
            *statuses: Its history. Without any: queued, in_progress, completed.
            every: Seconds that each status lasts; the last one stays.
            scores: Averages by model and metric: `{"model-a": {"BLEU by sacrebleu": 31.2}}`. A mapping in place of a
                number replaces fields of the score. By default those of *segments*.
            failures: The number of failed segments by model. By default those of *segments*.
            segments: The results, a frame with the column `Model`. None: there is no file to download.
            explanation: The document's explanation, once the job has ended.
            benchmark: Its benchmark, or the id of one, created if needed. By default one benchmark for all jobs.
            id: The job's id. By default `job-1` and so on.

        Returns:
            The job.

        Raises:
            ConfigurationError: If the history goes backwards, the id is taken, or an argument has another shape.
        """
        course, outcome = checked_course(statuses, every), outcome_of(scores, failures, segments, explanation)
        with self._lock:
            if id is not None and self._assets.has_job(id):
                raise ConfigurationError(f"there is a job {id!r} already")
            found = benchmark.id if isinstance(benchmark, FakeBenchmark) else benchmark or "benchmark"
            if not self._assets.has_benchmark(found):
                self.benchmark(id=found)
            parent = self._assets.benchmark(found)
            parent.course, parent.outcome = course, outcome
            return self._assets.start(found, id)

    def benchmark(
        self,
        *statuses: str,
        every: float = 5.0,
        scores: Mapping[str, Mapping[str, float | Mapping[str, Any]]] | None = None,
        failures: Mapping[str, int] | None = None,
        segments: pd.DataFrame | None = None,
        explanation: Mapping[str, Any] | None = None,
        name: str = "Fake benchmark",
        models: Sequence[str] = ("model-a",),
        dataset: str = "dataset",
        metrics: Sequence[str] = ("bleu",),
        id: str | None = None,
    ) -> FakeBenchmark:
        """Add a benchmark without jobs. Jobs started of it follow the history given here.

        Args:
            *statuses: The history of its jobs; see `job()`, here and for the next five.
            every: Seconds that each status lasts.
            scores: Averages by model and metric.
            failures: The number of failed segments by model.
            segments: The results.
            explanation: The explanation.
            name: Its name.
            models: The ids of its models.
            dataset: The id of its dataset.
            metrics: The ids of its metrics.
            id: Its id. By default `benchmark-1` and so on.

        Returns:
            The benchmark.

        Raises:
            ConfigurationError: If the history goes backwards, the id is taken, or an argument has another shape.
        """
        course, outcome = checked_course(statuses, every), outcome_of(scores, failures, segments, explanation)
        with self._lock:
            if id is not None and self._assets.has_benchmark(id):
                raise ConfigurationError(f"there is a benchmark {id!r} already")
            made = FakeBenchmark(
                id or self._assets.new_id("benchmark"), name, list(models), dataset, list(metrics), course, outcome
            )
            self._assets.add_benchmark(made)
            return made

    # -- time --------------------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        """The platform's clock, in seconds."""
        return self._clock.now()

    def advance(self, seconds: float) -> None:
        """Move the clock ahead at once, as when a laptop wakes up.

        Args:
            seconds: How far.

        Raises:
            ConfigurationError: If *seconds* is negative or no number.
        """
        self._clock.advance(_checked_seconds(seconds))

    async def sleep(self, seconds: float) -> None:
        """Wait by the platform's clock, as its clients do.

        Args:
            seconds: How long.

        Raises:
            ConfigurationError: If *seconds* is negative or no number.
        """
        await self._clock.sleep(_checked_seconds(seconds))

    def stopped(self) -> AbstractContextManager[None]:
        """Stop the clock for the duration of the block, where only `advance()` moves it.

        Returns:
            The context manager for the block.
        """
        return self._clock.busy()

    # -- trouble -----------------------------------------------------------------------------------------------

    def answer(
        self,
        status: int,
        *,
        retry_after: float | None = None,
        times: float = 1,
        message: str | None = None,
        body: str | bytes | None = None,
        route: str | None = None,
    ) -> None:
        """Answer the next requests with a status of your choice.

        Args:
            status: The HTTP status.
            retry_after: Seconds for the header `Retry-After`.
            times: How many requests; `math.inf`: all.
            message: What the error document says.
            body: The whole body, in place of an error document.
            route: Only requests for this route, as in `requests`.

        Raises:
            ConfigurationError: If the status is none, there is no such route, or a number is negative.
        """
        if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
            raise ConfigurationError(f"status= must be an HTTP status from 200 to 599, not {status!r}")
        retry_after = None if retry_after is None else _checked_seconds(retry_after)
        headers = () if retry_after is None else (("retry-after", f"{math.ceil(retry_after)}"),)
        if body is None:
            text = message or MESSAGES.get(status, "Internal server error" if status >= 500 else "Refused")
            reply = json_reply({"statusCode": status, "message": text}, status, headers)
        else:
            content = body.encode() if isinstance(body, str) else body
            reply = Reply(status, content, (("content-type", "text/html"), *headers))
        self._add(Fault(times, reply, route=route))

    def drop_connection(self, times: float = 1, *, route: str | None = None) -> None:
        """Drop the connections of the next requests, which have no effect.

        A client that finds a kept connection dropped asks once more by itself, as after any connection that has idled
        for too long.

        Args:
            times: How many requests; `math.inf`: all.
            route: Only requests for this route, as in `requests`.

        Raises:
            ConfigurationError: If there is no such route, or *times* is no number of times.
        """
        self._add(Fault(times, Reply(is_lost=True), route=route))

    def lose_start_reply(self, times: float = 1) -> None:
        """Start the jobs that the next requests ask for, but drop the connections before the replies.

        Args:
            times: How many requests.

        Raises:
            ConfigurationError: If *times* is no number of times.
        """
        self._add(Fault(times, is_lost=True, route=START))

    def delay(self, seconds: float, times: float = math.inf) -> None:
        """Delay each reply, by the platform's clock.

        Args:
            seconds: How long; 0 ends a delay, `math.inf` never replies.
            times: How many replies.

        Raises:
            ConfigurationError: If a number is negative or none.
        """
        if seconds != math.inf:
            _checked_seconds(seconds)
        self._faults.delay(seconds, _checked_times(times))

    def recover(self) -> None:
        """Cancel all faults: pending answers, drops and losses, and delays."""
        self._faults.clear()

    # -- ways in -----------------------------------------------------------------------------------------------

    def client(
        self,
        *,
        timeout: float = 30.0,
        max_retries: int = 4,
        max_retry_after: float = 60.0,
        max_connections: int = 25,
        poll: PollPolicy = PollPolicy(),  # noqa: B008 - frozen
        default_headers: Mapping[str, str] | None = None,
    ) -> Client:
        """Create a client of this platform, without sockets and on its clock.

        Args:
            timeout: Seconds for one attempt, by the platform's clock.
            max_retries: How often a failed call is tried again.
            max_retry_after: The longest wait, in seconds, that a single call lets the platform ask for.
            max_connections: How many requests there may be at once.
            poll: When to poll jobs.
            default_headers: Sent with every request.

        Returns:
            The client. It need not be closed.
        """
        with using_clock(self._clock):
            return Client(
                self.api_key,
                base_url=BASE_URL,
                timeout=timeout,
                max_retries=max_retries,
                max_retry_after=max_retry_after,
                max_connections=max_connections,
                transport=self._transport,
                poll=poll,
                default_headers=default_headers,
            )

    def sync_client(
        self,
        *,
        timeout: float = 30.0,
        max_retries: int = 4,
        max_retry_after: float = 60.0,
        max_connections: int = 25,
        poll: PollPolicy = PollPolicy(),  # noqa: B008 - frozen
        default_headers: Mapping[str, str] | None = None,
    ) -> sync.Client:
        """Create a blocking client of this platform, without sockets and on its clock.

        Args:
            timeout: Seconds for one attempt, by the platform's clock.
            max_retries: How often a failed call is tried again.
            max_retry_after: The longest wait, in seconds, that a single call lets the platform ask for.
            max_connections: How many requests there may be at once.
            poll: When to poll jobs.
            default_headers: Sent with every request.

        Returns:
            The client.
        """
        with using_clock(self._clock):
            return sync.Client(
                self.api_key,
                base_url=BASE_URL,
                timeout=timeout,
                max_retries=max_retries,
                max_retry_after=max_retry_after,
                max_connections=max_connections,
                transport=self._transport,
                poll=poll,
                default_headers=default_headers,
            )

    @contextmanager
    def served(self) -> Iterator[dict[str, str]]:
        """Serve on loopback, for code that creates its own client from the environment.

        Until the block is left, `BACKEND_URL` and `TEAM_API_KEY` are set in this process, and every client made in it
        is on this platform's clock. A client in another process has its own clock: move this one by `advance()`.

        Yields:
            The environment's variables.
        """
        from aiobench.testing._server import serving

        with serving(self._respond, self._clock) as url, using_clock(self._clock):
            environment = {"BACKEND_URL": url, "TEAM_API_KEY": self.api_key}
            with _environment(environment):
                yield environment

    def _add(self, fault: Fault) -> None:
        _checked_times(fault.times)
        routes = self._routes.names
        if fault.route is not None and fault.route not in routes:
            near = get_close_matches(str(fault.route), routes, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise ConfigurationError(f"there is no route {fault.route!r}{hint}; there are {', '.join(routes)}")
        self._faults.add(fault)

    def _transport(self) -> FakeTransport:
        return FakeTransport(self._respond, self._clock)

    def _respond(self, incoming: Incoming) -> Reply:
        with self._lock:
            request = self._routes.find(incoming)
            self.requests.append(request)
            return self._faults.reply(request, lambda: self._routes.answer(request, incoming))


def _checked_seconds(seconds: object) -> float:
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
        raise ConfigurationError(f"a length of time is a number of seconds, 0 or more, not {seconds!r}")
    return float(seconds)


def _checked_times(times: object) -> float:
    if isinstance(times, bool) or not isinstance(times, int | float) or not times >= 0:
        raise ConfigurationError(f"times= must be a number of requests, 0 or more, or math.inf, not {times!r}")
    return times


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for the duration of the block, and unset those that would interfere."""
    bypass = ",".join(filter(None, [os.environ.get("NO_PROXY") or os.environ.get("no_proxy"), "127.0.0.1"]))
    before = dict(os.environ)
    os.environ.update(variables, NO_PROXY=bypass, no_proxy=bypass)
    os.environ.pop("AIXPLAIN_API_KEY", None)
    try:
        yield
    finally:
        for name in (*variables, "NO_PROXY", "no_proxy", "AIXPLAIN_API_KEY"):
            if name in before:
                os.environ[name] = before[name]
            else:
                os.environ.pop(name, None)
