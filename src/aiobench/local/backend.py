"""`LocalBackend`: a server, its jobs and its workspace, started and stopped together."""

from __future__ import annotations

import tempfile
import threading
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import anyio
import anyio.to_thread
from attrs import frozen

from aiobench.errors import ClientStateError, ConfigurationError, MissingExtraError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from aiobench import Client
    from aiobench.local.engine.runner import Runner
    from aiobench.local.workspace import Workspace
    from aiobench.sync import Client as SyncClient

__all__ = ["LocalBackend"]


class _Identified(Protocol):
    """A job from any client; only its id is used."""

    @property
    def id(self) -> str:
        """The id."""
        ...


@frozen
class _Running:
    base_url: str
    api_key: str
    datasets: dict[str, str]
    models: dict[str, str]
    metrics: dict[str, str]
    cancel: Callable[[str], bool]
    stack: ExitStack


class LocalBackend:
    """Your own benchmark platform: a real HTTP server on loopback that speaks the platform's protocol.

    Use it as `async with LocalBackend() as backend`, as `with LocalBackend() as backend`, or with `start()` and
    `stop()`; it can be started again after it was stopped. It needs no account and no network, and listens on
    127.0.0.1 only. Its jobs run in threads of this process: real models on real data, scored by real metrics.

    A workspace is a folder: `workspace.json` (key and settings, see `aiobench.local.workspace.Settings`),
    `datasets/` (a folder for each), `jobs.sqlite` and `results/`. What is missing is made, so that a new folder holds
    the demo's data, unless it holds a `workspace.toml`, which names your own datasets, models and metrics. Jobs
    survive a restart: one that was running goes on where it stood.

    Args:
        workspace: The folder, created if need be. None: a temporary one, removed by `stop()`.
        port: The port to listen on; 0 for any free one.
        datasets: Datasets to offer beside those of the workspace: a frame or the path of a CSV, JSON lines or Parquet
            file, by id, with the columns `source`, `reference` and, optionally, `segment_id`, `topic` and others.
        models: Models to offer, by id: a function of one source, plain or async, `predictions("column")`, the address
            of an HTTP endpoint, or a command as a list of its words; each as it is, or with a time limit, retries and
            concurrency as `model(…)`.
        metrics: Metrics to offer: a function of (hypothesis, reference), or a name such as `bleu`, by id.
        executor: Where models run: None for this process, a number of processes, or the address of a Dask scheduler,
            such as `tcp://127.0.0.1:8786`. A process that a model ends, or that is killed, costs no more than time.
        segment_seconds: The least a segment takes, so that there is something to watch. 0: as the workspace says.
    """

    def __init__(
        self,
        workspace: str | os.PathLike[str] | None = None,
        *,
        port: int = 0,
        datasets: Mapping[str, Any] | None = None,
        models: Mapping[str, Any] | None = None,
        metrics: Mapping[str, Any] | None = None,
        executor: int | str | None = None,
        segment_seconds: float = 0.0,
    ) -> None:
        self._workspace = None if workspace is None else Path(workspace)
        self._port = port
        self._datasets, self._models, self._metrics = dict(datasets or {}), dict(models or {}), dict(metrics or {})
        self._executor, self._segment_seconds = executor, segment_seconds
        self._state: _Running | None = None

    def __repr__(self) -> str:
        return f"<LocalBackend({self._state.base_url if self._state else 'stopped'})>"

    @property
    def base_url(self) -> str:
        """The address to give a client, such as `http://127.0.0.1:40123`."""
        return self._running.base_url

    @property
    def api_key(self) -> str:
        """The key to give a client. It is random and stays the same for the life of the workspace."""
        return self._running.api_key

    @property
    def datasets(self) -> dict[str, str]:
        """The datasets you can use: names by id, in order."""
        return dict(self._running.datasets)

    @property
    def models(self) -> dict[str, str]:
        """The models you can run: names by id, in order. Each runs on every dataset."""
        return dict(self._running.models)

    @property
    def metrics(self) -> dict[str, str]:
        """The metrics you can score with: names by id, in order. Each works on every dataset."""
        return dict(self._running.metrics)

    def client(self, *, trust_env: bool = False, **options: Any) -> Client:
        """Create a client for this backend.

        Args:
            trust_env: Whether to use the environment's proxies.
            **options: Further arguments of `aiobench.Client`. By default it polls after 0.25 s, then every 2 s at most.

        Returns:
            The client; closing it is the caller's.

        Raises:
            ClientStateError: If the backend is not running.
        """
        from aiobench import Client

        return Client(self.api_key, trust_env=trust_env, **self._for_clients(options))

    def sync_client(self, *, trust_env: bool = False, **options: Any) -> SyncClient:
        """Create a synchronous client for this backend.

        Args:
            trust_env: Whether to use the environment's proxies.
            **options: Further arguments of `aiobench.sync.Client`. By default it polls as `client()` says.

        Returns:
            The client; closing it is the caller's.

        Raises:
            ClientStateError: If the backend is not running.
        """
        from aiobench.sync import Client

        return Client(self.api_key, trust_env=trust_env, **self._for_clients(options))

    def _for_clients(self, options: dict[str, Any]) -> dict[str, Any]:
        from aiobench import PollPolicy

        poll = PollPolicy(interval=0.25, max_interval=2.0)  # small jobs end within a second, and nobody else is asking
        return {"base_url": self.base_url, "poll": poll} | options

    def cancel(self, job: str | _Identified) -> bool:
        """Cancel a job: it becomes `canceling`, then `canceled`. The platform itself has no such request.

        What its models are busy with is not waited for. Segments that are done are kept, but there are no results to
        download, and it does not go on with the next start.

        Args:
            job: A job, or its id.

        Returns:
            Whether it had not ended yet.

        Raises:
            ClientStateError: If the backend is not running.
            ConfigurationError: If there is no such job.
        """
        return self._running.cancel(job if isinstance(job, str) else job.id)

    def start(self) -> None:
        """Start the server; return once it answers requests.

        Raises:
            MissingExtraError: The extra `local` is not installed.
            ConfigurationError: The port is taken, or the workspace cannot be used.
            ClientStateError: It runs already.
        """
        if self._state is not None:
            raise ClientStateError(f"{self!r} is already running; stop it first, or make another")
        try:
            from aiobench.local.catalogue.datasets import registered_datasets
            from aiobench.local.catalogue.metrics import registered_metrics
            from aiobench.local.catalogue.registered import registered_models
            from aiobench.local.engine.executors import executor_of
            from aiobench.local.engine.runner import Runner
            from aiobench.local.server.app import build_app
            from aiobench.local.server.thread import ServerThread, bind_loopback
            from aiobench.local.workspace import lock_workspace, open_workspace
        except ImportError as error:
            raise MissingExtraError("aiobench.local", extra="local") from error
        datasets = registered_datasets(self._datasets)
        models, metrics = registered_models(self._models), registered_metrics(self._metrics)
        with ExitStack() as stack:
            root = self._workspace
            if root is None:
                root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="aiobench-local-")))
            stack.callback(lock_workspace(root).close)
            workspace = open_workspace(
                root, datasets=datasets, models=models, metrics=metrics, segment_seconds=self._segment_seconds
            )
            listener = bind_loopback(self._port)
            stack.callback(listener.close)
            base_url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            executor = executor_of(self._executor)
            runner = Runner(workspace, executor)
            stopping = threading.Event()
            server = ServerThread(build_app(workspace, runner, base_url, stopping), listener)
            runner.start()
            stack.callback(runner.stop)
            server.start()
            stack.callback(server.stop)
            stack.callback(stopping.set)
            self._state = _Running(
                base_url=base_url,
                api_key=workspace.settings.api_key,
                datasets={each: dataset.name for each, dataset in workspace.catalogue.datasets.items()},
                models={each: model.label for each, model in workspace.catalogue.models.items()},
                metrics={each: metric.name for each, metric in workspace.catalogue.metrics.items()},
                cancel=partial(_cancel, workspace, runner),
                stack=stack.pop_all(),
            )

    def stop(self) -> None:
        """Stop the server; return when every thread has ended. Unfinished jobs resume at the next start.

        Does nothing when it is not running.
        """
        state, self._state = self._state, None
        if state is not None:
            state.stack.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await anyio.to_thread.run_sync(self.start)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self.stop)

    @property
    def _running(self) -> _Running:
        if self._state is None:
            raise ClientStateError("the local backend is not running; use `with LocalBackend() as backend` or start()")
        return self._state


def _cancel(workspace: Workspace, runner: Runner, job_id: str) -> bool:
    with workspace.store() as store:
        if store.job(job_id) is None:
            raise ConfigurationError(f"there is no job {job_id!r} in the workspace {workspace.root}")
        return runner.cancel(store, job_id)
