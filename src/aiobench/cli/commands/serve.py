"""`aiobench serve`: the embedded platform in the foreground."""

from __future__ import annotations

import logging
import shlex
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aiobench.cli.exits import reporting_errors
from aiobench.cli.signals import pause
from aiobench.cli.tables import plain_table, show_table
from aiobench.cli.terminal import console_of_stdout, say
from aiobench.local import LocalBackend

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console
    from rich.table import Table

__all__ = ["EXAMPLE", "command"]

EXAMPLE = "Example: aiobench serve workspace --port 8000"


def command(
    workspace: Annotated[
        Path | None,
        typer.Argument(
            metavar="WORKSPACE",
            file_okay=False,
            show_default="a temporary one",
            help="The folder of datasets, jobs and results. Made if it is missing; jobs in it survive a restart.",
        ),
    ] = None,
    *,
    port: Annotated[
        int, typer.Option("--port", "-p", min=0, max=65535, show_default="any free one", help="The port to listen on.")
    ] = 0,
    executor: Annotated[
        str | None,
        typer.Option(
            "--executor",
            metavar="N|tcp://...",
            show_default="this process",
            help="Run models in so many processes, or on the Dask cluster of this scheduler.",
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        # the name of WORKSPACE in scripts that were written for an earlier command line
        typer.Option("--workspace", "-w", metavar="WORKSPACE", file_okay=False, hidden=True),
    ] = None,
) -> None:
    """Run the embedded platform until Ctrl-C, for programs of your own.

    Prints its address, its key and the two lines that point programs at it. It listens on 127.0.0.1 only.
    """
    if workspace is not None and folder is not None:
        raise typer.BadParameter("name the workspace once: WORKSPACE and --workspace are the same")
    workspace = workspace or folder
    with reporting_errors():
        console = console_of_stdout()
        # Before there are threads that log: a signal that ends this in the middle may leave logging's lock locked.
        _log_jobs()
        with (
            ExitStack() as ending,
            suppress(KeyboardInterrupt),
            LocalBackend(
                workspace, port=port, executor=int(executor) if executor and executor.isdecimal() else executor
            ) as backend,
        ):
            ending.callback(say, console, "\nStopped.")
            _introduce(console, backend, workspace)
            pause()


def _introduce(console: Console, backend: LocalBackend, workspace: Path | None) -> None:
    for what, assets in (("Dataset", backend.datasets), ("Model", backend.models), ("Metric", backend.metrics)):
        show_table(console, _assets(what, assets))
        console.print()
    say(console, f"Workspace  {workspace or 'temporary, removed at the end; aiobench serve FOLDER keeps one'}")
    say(console, f"Base URL   {backend.base_url}")
    say(console, f"Key        {backend.api_key}")
    say(console, "\nThe base URL in a browser shows jobs as they run, and asks for the key.")
    say(console, "\nIn another terminal, for aiobench:\n")
    say(console, f"export BACKEND_URL={shlex.quote(backend.base_url)}")
    say(console, f"export TEAM_API_KEY={shlex.quote(backend.api_key)}")
    say(console, "\nThe aiXplain SDK needs these two as well:\n")
    say(console, "export AIXPLAIN_ALLOW_INSECURE_URLS=1")
    say(console, "export AIXPLAIN_ALLOW_PRIVATE_FETCH=1")
    say(console, "\nReady; Ctrl-C stops it.")


def _assets(what: str, assets: Mapping[str, str]) -> Table:
    table = plain_table(what, "Name")
    for asset_id, name in assets.items():
        table.add_row(asset_id, name)
    return table


def _log_jobs() -> None:
    """Say on stderr when a job begins and ends."""
    logging.basicConfig(format="%(asctime)s  %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("aiobench.local").setLevel(logging.INFO)
