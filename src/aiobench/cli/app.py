"""The commands and their options; what they do is in the module of each."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from aiobench._version import __version__
from aiobench.cli.exits import told_in_a_sentence

__all__ = ["app"]

app: typer.Typer = typer.Typer(
    name="aiobench",
    help="Benchmark jobs of the aiXplain platform: start, watch, read.",
    epilog="Begin with: aiobench demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Language(StrEnum):
    """The target languages of the demo's datasets."""

    DE = "de"
    FR = "fr"


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the option's value
    if wanted:
        typer.echo(f"aiobench {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    pass


@app.command("demo")
def _demo(
    language: Annotated[
        Language, typer.Option("--language", "-l", help="The language that the systems translate into.")
    ] = Language.DE,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="PATH",
            dir_okay=False,
            writable=True,
            show_default="./aiXplain/<uuid>.csv",
            help="Where to save the results of every segment, as CSV.",
        ),
    ] = None,
) -> None:
    """Run a whole benchmark on this machine, with no account and no network.

    Starts an embedded platform, has real systems translate the names of the
    world's countries, watches the job and shows scores, failure rates and one
    explanation. Takes a few seconds.
    """
    with told_in_a_sentence():
        from aiobench.cli.demo import demo

        demo(language.value, output)


@app.command("serve")
def _serve(
    workspace: Annotated[
        Path | None,
        typer.Option(
            "--workspace",
            "-w",
            metavar="DIR",
            file_okay=False,
            show_default="a temporary one",
            help="The folder of datasets, jobs and results; made if need be. Jobs in it survive a restart.",
        ),
    ] = None,
    port: Annotated[
        int, typer.Option("--port", "-p", min=0, max=65535, show_default="any free one", help="The port to listen on.")
    ] = 0,
) -> None:
    """Run the embedded platform until Ctrl-C, for programs of your own.

    Prints its address, its key and the two lines that point programs at it.
    It listens on 127.0.0.1 only.
    """
    with told_in_a_sentence():
        from aiobench.cli.serve import serve

        serve(workspace, port)
