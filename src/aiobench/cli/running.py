"""Running what a command asks the platform for."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.abc
import typer
from attrs import field, frozen

from aiobench.cli.exits import Exit, error_fields, exit_of, printable, reporting_errors, sentence, worst
from aiobench.cli.files import check_target, write_rows
from aiobench.cli.groups import one_error
from aiobench.cli.options import nearest, read_ids
from aiobench.cli.output import hint, print_ids, print_json
from aiobench.cli.signals import run_interruptible

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from rich.table import Table

    from aiobench import AiobenchError, Client, JobSnapshot

__all__ = ["Answers", "ask_for_snapshots", "run", "show_results", "with_client"]

T = TypeVar("T")


def run(work: Callable[[Client], Awaitable[Exit]], *, as_json: bool) -> None:
    """Run *work* with a client made from the environment, and exit with the status that it returns."""
    with reporting_errors(as_json=as_json):
        status = with_client(work)
    if status is not Exit.OK:
        raise typer.Exit(status)


def with_client(work: Callable[[Client], Awaitable[T]]) -> T:
    """Return what *work* returns for a client made from the environment."""

    async def main() -> T:
        from aiobench import Client

        async with Client() as client:
            return await work(client)

    logging.getLogger("aiobench").addHandler(logging.NullHandler())  # hints say what matters, and no log tears a table
    return run_interruptible(main)


@frozen
class Answers:
    """The snapshots of several jobs, and the errors of those that did not answer."""

    snapshots: list[JobSnapshot] = field(factory=list)
    errors: dict[str, AiobenchError] = field(factory=dict)

    @property
    def error_fields(self) -> list[dict[str, object]]:
        """The errors as `--json` shows them."""
        return [{"id": job_id, "error": error_fields(error)} for job_id, error in self.errors.items()]

    def report(self, *, as_json: bool) -> Exit:
        """Say on stderr which jobs did not answer, and return the exit status."""
        known = [each.id for each in self.snapshots]
        for job_id, error in self.errors.items():
            if not as_json:
                sys.stderr.write(f"aiobench: {sentence(error)}{nearest(job_id, known)}\n")
        return worst(map(exit_of, self.errors.values()))


async def ask_for_snapshots(client: Client, ids: Sequence[str]) -> Answers:
    """Ask for the documents of jobs, as many at once as the client has connections.

    Raises:
        AuthenticationError: If the key is not accepted: that is no single job's fault.
    """
    from aiobench import AiobenchError, AuthenticationError

    answers: dict[str, JobSnapshot] = {}
    errors: dict[str, AiobenchError] = {}
    refused: list[AuthenticationError] = []

    async def ask(job_id: str, scope: anyio.CancelScope) -> None:
        try:
            answers[job_id] = await client.job(job_id).fetch()
        except AuthenticationError as error:
            refused.append(error)
            scope.cancel()
        except AiobenchError as error:
            errors[job_id] = error

    with one_error():
        async with anyio.create_task_group() as tasks:
            for job_id in ids:
                tasks.start_soon(ask, job_id, tasks.cancel_scope)
    if refused:
        raise refused[0]
    return Answers(
        [answers[each] for each in ids if each in answers], {each: errors[each] for each in ids if each in errors}
    )


def show_results(
    jobs: Sequence[str],
    rows: Callable[[JobSnapshot], list[dict[str, object]]],
    table: Callable[[JobSnapshot], Table],
    *,
    output: Path | None,
    quiet: bool,
    as_json: bool,
) -> None:
    """Ask for the documents of jobs and show something of each: rows as JSON or in a file, or a table.

    A job that has not ended shows what there is so far, with a hint.
    """

    async def work(client: Client) -> Exit:
        if output is not None:
            check_target(output)  # before any request
        answers = await ask_for_snapshots(client, read_ids(jobs))
        found = [row for each in answers.snapshots for row in rows(each)]
        if output is not None:
            _save(answers, found, output, as_json=as_json, quiet=quiet)
        elif as_json:
            print_json([*found, *answers.error_fields])
        elif not quiet:
            _show(answers, table)
        if quiet and not as_json:
            print_ids(each.id for each in answers.snapshots)
        return answers.report(as_json=as_json)

    run(work, as_json=as_json)


def _save(answers: Answers, rows: list[dict[str, object]], path: Path, *, as_json: bool, quiet: bool) -> None:
    """Save the rows, unless no job answered, and say so."""
    if answers.snapshots:
        write_rows(rows, path)
    if as_json:
        saved = {"path": str(path) if answers.snapshots else None, "rows": len(rows)}
        print_json({**saved, "errors": answers.error_fields} if answers.errors else saved)
        return
    if answers.snapshots and not quiet:
        for each in answers.snapshots:
            _hint_if_unended(each)
        hint(f"{len(rows):,} rows saved in {path}")


def _show(answers: Answers, table: Callable[[JobSnapshot], Table]) -> None:
    """Show a table for each job."""
    from aiobench.cli.tables import show_table
    from aiobench.cli.terminal import console_of_stdout

    console = console_of_stdout()
    for each in answers.snapshots:
        _hint_if_unended(each)
        if len(answers.snapshots) > 1:
            console.print(f"Job {each.id}", style="bold", soft_wrap=True)
        show_table(console, table(each))


def _hint_if_unended(snapshot: JobSnapshot) -> None:
    if not snapshot.is_terminal:
        hint(f"job {snapshot.id} has not ended: it is {printable(snapshot.status)}")
