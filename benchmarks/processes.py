"""Processes of a benchmark: the load server and one child per contender, each on its own core and always stopped."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks.scene import Scene

__all__ = ["CLIENT_CORE", "SERVER_CORE", "Child", "Server", "allow_many_files", "child", "pin", "server"]

CLIENT_CORE, SERVER_CORE = 0, 1
PATIENCE = 120.0  # seconds after which a silent child is killed


def pin(*cores: int) -> None:
    """Run on these cores from now on, if the system has them and allows it."""
    if hasattr(os, "sched_setaffinity"):
        with suppress(OSError):
            os.sched_setaffinity(0, cores)


def allow_many_files() -> None:
    """Raise this process's limit of open sockets as far as the system allows."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@frozen
class Server:
    """A running load server."""

    port: int
    tls_port: int
    authority: str

    def url(self, scene: Scene, *, tls: bool = False) -> str:
        """Return the base URL under which the server plays *scene*."""
        root = f"https://127.0.0.1:{self.tls_port}" if tls else f"http://127.0.0.1:{self.port}"
        return f"{root}/{scene.path}"


@contextmanager
def server() -> Iterator[Server]:
    """Run the load server in its own process."""
    import trustme

    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="aiobench-bench-")))
        authority, certificate = folder / "authority.pem", folder / "certificate.pem"
        maker = trustme.CA()
        maker.cert_pem.write_to_path(authority)
        maker.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
        command = [sys.executable, "-m", "benchmarks.server", str(SERVER_CORE), str(certificate)]
        process = stack.enter_context(_running(command, os.environ))
        assert process.stdout is not None
        yield Server(*json.loads(process.stdout.readline()), str(authority))


@frozen
class Child:
    """A contender in its own process, controlled through its standard input."""

    name: str
    process: subprocess.Popen[str]

    def ask(self, **what: Any) -> dict[str, Any]:
        """Send one line and return the answer."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """Return its next line of output."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended: see above")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def child(name: str, kind: str, settings: Mapping[str, Any], environment: Mapping[str, str]) -> Iterator[Child]:
    """Run the contender *kind*, `module:Class`, made with *settings*."""
    command = [sys.executable, "-m", "benchmarks.contender", str(CLIENT_CORE), kind, json.dumps(settings)]
    with _running(command, {**os.environ, **environment}) as process:
        yield Child(name, process)


@contextmanager
def _running(command: list[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    root = Path(__file__).parents[1]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root, env=environment
    ) as process:
        try:
            yield process
            assert process.stdin is not None
            process.stdin.close()  # which stops it
            process.wait(PATIENCE)
        finally:
            process.kill()
