"""`report()`: contents in, one file out."""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from aiobench._files import publish
from aiobench._results import lazy_pandas as pd
from aiobench.analysis import AnalysisError
from aiobench.errors import MissingExtraError
from aiobench.report.contents import contents_of
from aiobench.snapshot import JobSnapshot

__all__ = ["report"]


def report(
    snapshots: JobSnapshot | Iterable[JobSnapshot],
    to: str | os.PathLike[str],
    *,
    segments: pd.DataFrame | None = None,
    baseline: str | None = None,
    title: str | None = None,
) -> Path:
    """Write a report about jobs as one HTML file that needs no network, no scripts and no other file.

    It begins with the verdict in a sentence. Then come the leaderboard with intervals, pictures, comparisons, the worst
    segments side by side, failures, explanations, and where all of it comes from. Long tables are cut, and say so.

    Args:
        snapshots: The jobs, as `fetch()` or `wait()` returned them.
        to: The file. It appears whole or not at all.
        segments: Their results, as `download_results_as_csv()` returns them; several put together with a column
            `job_id`. Without them, there are averages alone, and nothing can be said about chance.
        baseline: A model to compare all others with. Defaults to every pair.
        title: The title. Defaults to the benchmark's name.

    Returns:
        The path of the file.

    Raises:
        AnalysisError: If there is nothing to report, or the segments cannot be analysed.
        OSError: If the file cannot be written.
        MissingExtraError: If the extra `report` is not installed.
    """
    try:
        from jinja2 import Environment, StrictUndefined
    except ImportError as error:
        raise MissingExtraError("aiobench.report", extra="report") from error
    given = (snapshots,) if isinstance(snapshots, JobSnapshot) else tuple(snapshots)
    if not given and segments is None:
        raise AnalysisError("there is nothing to report: pass at least one snapshot, or segments=")
    path = Path(to)
    contents = contents_of(given, segments, baseline=baseline, title=title)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    folder = resources.files("aiobench.report")
    template = environment.from_string((folder / "report.html.jinja").read_text(encoding="utf-8"))
    page = template.render(contents=contents, styles=(folder / "report.css").read_text(encoding="utf-8"))
    publish(path, lambda part: part.write_text(page, encoding="utf-8", errors="replace"))
    return path
