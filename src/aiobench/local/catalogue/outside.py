"""Models outside Python: HTTP endpoints and commands."""

from __future__ import annotations

import contextlib
import json
import subprocess
import threading
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import httpx
from attrs import define, field, frozen

from aiobench.local.catalogue.models import Model, Predict

if TYPE_CHECKING:
    from aiobench.local.datasets import Dataset, Segment

__all__ = ["CommandModel", "EndpointModel"]

TIMEOUT = 60.0  # seconds for one output
GRACE = 0.5  # seconds to end by itself
LOOPBACK = ("all://127.0.0.1", "all://localhost", "all://[::1]")
SHOWN = 200  # characters of an answer that is no output


@frozen
class EndpointModel(Model):
    """An HTTP endpoint. It receives `{"source": …}` in a POST and replies with `{"output": …}` or plain text."""

    url: str = field(repr=False)
    timeout: float = field(default=TIMEOUT, kw_only=True)

    def prepared(self, configuration: Mapping[str, Any], dataset: Dataset) -> Predict:  # noqa: ARG002 - takes all alike
        """Return a function that calls the endpoint over its own connection."""
        # Loopback passes by the environment's proxies, as the platform's own requests do.
        client = httpx.Client(timeout=self.timeout, mounts=dict.fromkeys(LOOPBACK))
        name = self.url.partition("?")[0]  # a query may hold a key

        def predict(segment: Segment) -> str:
            try:
                response = client.post(self.url, json={"source": segment.source})
            except httpx.TimeoutException:
                raise LookupError(f"{name}: no output within {self.timeout:g} s") from None
            except httpx.HTTPError as error:
                raise LookupError(f"{name}: {error or type(error).__name__}") from None
            if not response.is_success:
                raise LookupError(f"{name}: HTTP {response.status_code}, {response.text[:SHOWN]!r}")
            if "json" not in response.headers.get("content-type", ""):
                return response.text
            answer: Any = response.json()
            output = answer.get("output") if isinstance(answer, dict) else None
            if not isinstance(output, str):
                raise TypeError(f"{name}: there is no text 'output' in {json.dumps(answer)[:SHOWN]}")
            return output

        weakref.finalize(predict, client.close)
        return predict


@frozen
class CommandModel(Model):
    """A command that reads one source per line and writes one output per line."""

    command: tuple[str, ...]
    folder: str | None = field(default=None, kw_only=True)
    timeout: float = field(default=TIMEOUT, kw_only=True)

    def prepared(self, configuration: Mapping[str, Any], dataset: Dataset) -> Predict:  # noqa: ARG002 - takes all alike
        """Return a function that calls the command, which starts with the first segment."""
        return _Command(self).answer


@define(eq=False)
class _Command:
    """A command's process. If it dies or hangs, it is restarted for the next segment."""

    model: CommandModel
    _process: subprocess.Popen[str] | None = field(default=None, init=False)
    _stop: weakref.finalize[..., _Command] | None = field(default=None, init=False)

    def answer(self, segment: Segment) -> str:
        """Write a line and read the reply."""
        process = self._started()
        late = threading.Event()
        alarm = threading.Timer(self.model.timeout, _kill, (process, late))
        alarm.daemon = True
        alarm.start()
        line = ""
        try:
            line = _exchanged(process, " ".join(segment.source.splitlines()))
        except OSError:  # it has ended
            pass
        finally:
            alarm.cancel()
        if line.endswith("\n") and not late.is_set():
            return line[:-1]
        status = self._end()
        name = self.model.command[0]
        if late.is_set():
            raise LookupError(f"{name}: no output within {self.model.timeout:g} s")
        raise LookupError(f"{name} ended with status {status} and no output")

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - the user's command
                    self.model.command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    cwd=self.model.folder,
                    encoding="utf-8",
                    errors="replace",
                )
            except OSError as error:
                raise LookupError(f"{self.model.command[0]} cannot be started: {error}") from error
            self._stop = weakref.finalize(self, _end, self._process)
        return self._process

    def _end(self) -> int | None:
        process, self._process = self._process, None
        if self._stop is not None:
            self._stop()
        return process.returncode if process is not None else None


def _exchanged(process: subprocess.Popen[str], line: str) -> str:
    assert process.stdin is not None  # both are pipes
    assert process.stdout is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return process.stdout.readline()


def _kill(process: subprocess.Popen[str], late: threading.Event) -> None:
    late.set()
    process.kill()


def _end(process: subprocess.Popen[str]) -> None:
    """End a process and reap it, after giving it a moment to exit when its input ends."""
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(OSError):  # what was not written has nowhere to go
                pipe.close()
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
