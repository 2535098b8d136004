"""`aiobench serve`: the embedded platform in the foreground."""

from __future__ import annotations

import logging
import shlex
import threading
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from aiobench.cli.tables import plain_table
from aiobench.cli.terminal import console_of_stdout, say
from aiobench.local import LocalBackend

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rich.console import Console
    from rich.table import Table

__all__ = ["serve"]


def serve(workspace: Path | None, port: int) -> None:
    """Serve until Ctrl-C, which is how it is meant to end, or a request from outside (SIGTERM) raises SystemExit.

    Args:
        workspace: The workspace's folder; None for a temporary one.
        port: The port to listen on; 0 for any free one.

    Raises:
        MissingExtraError: If the extra `local` is not installed.
        ConfigurationError: If the port is taken or the workspace cannot be used.
    """
    console = console_of_stdout()
    with ExitStack() as ending, suppress(KeyboardInterrupt), LocalBackend(workspace, port=port) as backend:
        ending.callback(say, console, "\nStopped.")
        _introduce(console, backend, workspace)
        _log_jobs()
        for_ever = threading.Lock()  # and no Event: amid its Python, a second signal would end in an error of its own
        for_ever.acquire()
        for_ever.acquire()


def _introduce(console: Console, backend: LocalBackend, workspace: Path | None) -> None:
    say(console, f"Base URL   {backend.base_url}")
    say(console, f"Key        {backend.api_key}")
    say(console, f"Workspace  {workspace or 'temporary, removed at the end; --workspace DIR keeps one'}")
    say(console, "\nTo use it, in another terminal:\n")
    say(console, f"export BACKEND_URL={shlex.quote(backend.base_url)}")
    say(console, f"export TEAM_API_KEY={shlex.quote(backend.api_key)}")
    for what, assets in (("Dataset", backend.datasets), ("Model", backend.models), ("Metric", backend.metrics)):
        console.print()
        console.print(_assets(what, assets))
    say(console, "\nReady; Ctrl-C stops it.")


def _assets(what: str, assets: Mapping[str, str]) -> Table:
    table = plain_table(what, "Name")
    table.columns[1].justify = "left"
    for asset_id, name in assets.items():
        table.add_row(asset_id, name)
    return table


def _log_jobs() -> None:
    """Say on stderr when a job begins and ends."""
    logging.basicConfig(format="%(asctime)s  %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("aiobench.local").setLevel(logging.INFO)
