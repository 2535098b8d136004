"""The commands: names, groups and one-line summaries. Each lives in a module of its own, imported when it is used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from aiobench._version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["COMMANDS", "app"]

# Group → {command: summary}. `aiobench --help` shows this table without importing any command, and stays fast.
COMMANDS: Mapping[str, Mapping[str, str]] = {
    "Try it": {
        "demo": "Run a whole benchmark on this machine, with no account.",
        "serve": "Run a platform on this machine, for programs of your own.",
        "eval": "Score a file of predictions on this machine.",
    },
    "Run and watch": {
        "start": "Start a job of a benchmark.",
        "jobs": "List the jobs of a benchmark.",
        "status": "Show the status of jobs.",
        "watch": "Watch jobs until they have all ended.",
        "wait": "Wait for jobs, for scripts: the exit status says how they ended.",
    },
    "Read results": {
        "scores": "Show the scores of each model.",
        "failures": "Show how many segments each model failed on.",
        "explanations": "Show a job's explanations.",
        "segments": "Show or save the results of every segment.",
    },
    "Compare": {
        "compare": "Say which model is better, and how sure that is.",
        "gate": "Check in CI that a candidate is not worse than a baseline.",
        "report": "Write a report as one HTML file.",
        "plot": "Draw scores, differences or failures.",
    },
}


class _Commands(TyperGroup):
    """Finds a command in the module of its name."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; say in JSON, too, that it was used wrongly where JSON was asked for."""
        as_json = "--json" in ctx.args
        try:
            return super().invoke(ctx)
        except TyperException as error:
            if as_json:
                from aiobench.cli.output import print_json

                fields = {"kind": "UsageError", "message": error.format_message(), "status": error.exit_code}
                print_json({"error": fields})
            raise

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - click's interface
        return [name for group in COMMANDS.values() for name in group]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.list_commands(ctx):
            return None
        if cmd_name not in self.commands:
            module = import_module(f"aiobench.cli.commands.{cmd_name}")
            made = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
            settings = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
            made.command(cmd_name, epilog=module.EXAMPLE, context_settings=settings)(module.command)
            self.commands[cmd_name] = typer.main.get_command(made)
        return self.commands[cmd_name]

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - click's interface
        for group, commands in COMMANDS.items():
            with formatter.section(group):
                formatter.write_dl([(name.ljust(12), summary) for name, summary in commands.items()])


app: typer.Typer = typer.Typer(
    name="aiobench",
    cls=_Commands,
    help="Run benchmark jobs on the aiXplain platform: start them, watch them, read their results.",
    epilog="Start with: aiobench demo",
    no_args_is_help=True,
    rich_markup_mode=None,  # rich's help takes three times as long to appear
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


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
