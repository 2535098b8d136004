"""OpenTelemetry metrics of a client, its views and its monitors (extra `otel`).

Names, units and attributes follow OpenTelemetry's semantic conventions for HTTP clients where there are any. No
attribute holds the id of a job or a benchmark, so the number of series stays small.
"""

from __future__ import annotations

from attrs import define

from aiobench._context import ClientBase, context_of
from aiobench._observer import Observer
from aiobench._version import __version__
from aiobench._wire.statuses import is_known, normalized
from aiobench.errors import ConfigurationError, MissingExtraError
from aiobench.sync import Client as SyncClient
from aiobench.sync._facades import core_of

try:
    from opentelemetry.metrics import MeterProvider, get_meter_provider
except ImportError as _missing:
    raise MissingExtraError("aiobench.telemetry", extra="otel") from _missing

__all__ = ["instrument"]

# The boundaries that the conventions name for HTTP, and some that suit jobs of minutes to days. Seconds.
OF_REQUESTS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
OF_JOBS = (1.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 21600.0, 43200.0, 86400.0)
STATUS = "aiobench.job.status"
UNUSUAL = "other"  # a status that the platform made up: it might make up many


def instrument(client: ClientBase | SyncClient, *, meter_provider: MeterProvider | None = None) -> None:
    """Record OpenTelemetry metrics of a client.

    All its views are included, and the monitors that are made after this call. To instrument a client twice, or a
    client and its view, changes nothing. The metrics:

    | name | kind and unit | attributes |
    |---|---|---|
    | `http.client.request.duration` | histogram, s | `http.request.method`, `url.template`, `server.address`, \
`server.port`, `http.response.status_code`, `error.type` |
    | `aiobench.client.retries` | counter, {retry} | `url.template`, `error.type` |
    | `aiobench.client.pause.duration` | histogram, s: what a 429 asked for | |
    | `aiobench.job.states` | counter, {state}: job states learned | |
    | `aiobench.monitor.jobs` | up-down counter, {job}: watched by monitors now | `aiobench.job.status` |
    | `aiobench.job.ends` | counter, {job}: ends seen by monitors, `watch()` and `wait()` | `aiobench.job.status` |
    | `aiobench.job.duration` | histogram, s: from start to end, by the platform's clock | `aiobench.job.status` |

    A status that is not one of the platform's is counted as `other`, one that is not known yet as `unknown`, and a
    job that can no longer be asked for as `abandoned`.

    Args:
        client: An `aiobench.Client` or an `aiobench.sync.Client`.
        meter_provider: Where the metrics go. Defaults to the global one.

    Raises:
        ConfigurationError: If *client* is not a client, *meter_provider* no provider, or the client is instrumented
            with another one.
        MissingExtraError: On import, if the extra `otel` is not installed.
    """
    core = core_of(client)
    if not isinstance(core, ClientBase):
        raise ConfigurationError(f"client must be an aiobench client, not {type(client).__name__}")
    session = context_of(core).platform.session
    provider = get_meter_provider() if meter_provider is None else meter_provider
    if not isinstance(provider, MeterProvider):
        kind = f"the class {provider.__name__}" if isinstance(provider, type) else type(provider).__name__
        raise ConfigurationError(f"meter_provider must be an OpenTelemetry MeterProvider, not {kind}")
    if session.observer is None:
        session.observer = _Metrics(provider)
    elif not (isinstance(session.observer, _Metrics) and session.observer.provider is provider):
        raise ConfigurationError("this client is instrumented already, with another meter provider")


@define(eq=False)
class _Metrics(Observer):
    """Turns the client's activity into measurements."""

    provider: MeterProvider

    def __attrs_post_init__(self) -> None:
        meter = self.provider.get_meter("aiobench", __version__)
        self._requests = meter.create_histogram(
            "http.client.request.duration",
            unit="s",
            description="Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=OF_REQUESTS,
        )
        self._retries = meter.create_counter(
            "aiobench.client.retries", unit="{retry}", description="Calls and downloads that were tried again."
        )
        self._pauses = meter.create_histogram(
            "aiobench.client.pause.duration",
            unit="s",
            description="For how long a server asked for no requests.",
            explicit_bucket_boundaries_advisory=OF_JOBS,
        )
        self._states = meter.create_counter(
            "aiobench.job.states", unit="{state}", description="Job states learned from replies."
        )
        self._watched = meter.create_up_down_counter(
            "aiobench.monitor.jobs", unit="{job}", description="Jobs that monitors watch now."
        )
        self._ends = meter.create_counter("aiobench.job.ends", unit="{job}", description="Jobs that were seen to end.")
        self._durations = meter.create_histogram(
            "aiobench.job.duration",
            unit="s",
            description="From a job's start to its end, by the platform's clock.",
            explicit_bucket_boundaries_advisory=OF_JOBS,
        )

    def requested(
        self,
        method: str,
        route: str,
        server: tuple[str, int | None],
        status: int | None,
        error: str | None,
        seconds: float,
    ) -> None:
        host, port = server
        attributes: dict[str, str | int] = {
            "http.request.method": method,
            "url.template": route,
            "server.address": host,
        }
        if port is not None:
            attributes["server.port"] = port
        if status is not None:
            attributes["http.response.status_code"] = status
        if status is not None and status >= 400:
            attributes["error.type"] = str(status)
        elif error is not None:
            attributes["error.type"] = error
        self._requests.record(seconds, attributes)

    def retried(self, route: str, error: str) -> None:
        self._retries.add(1, {"url.template": route, "error.type": error})

    def paused(self, seconds: float) -> None:
        self._pauses.record(seconds)

    def learned(self, states: int) -> None:
        self._states.add(states)

    def moved(self, before: str | None, after: str | None) -> None:
        if before is not None:
            self._watched.add(-1, {STATUS: self._status(before)})
        if after is not None:
            self._watched.add(1, {STATUS: self._status(after)})

    def ended(self, status: str, seconds: float | None) -> None:
        attributes = {STATUS: self._status(status)}
        self._ends.add(1, attributes)
        if seconds is not None and seconds >= 0:
            self._durations.record(seconds, attributes)

    def _status(self, status: str) -> str:
        text = normalized(status)
        if not text:
            return "unknown"
        return text if text == "abandoned" or is_known(text, frozenset()) else UNUSUAL
