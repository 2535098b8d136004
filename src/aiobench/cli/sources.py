"""Segments from where a command is pointed at: jobs of the platform, or files that were saved before."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from aiobench.cli.files import READ_ENDINGS
from aiobench.cli.options import read_ids
from aiobench.cli.running import with_client
from aiobench.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from aiobench import Client, JobSnapshot

__all__ = ["Segments", "read_segments"]


@frozen
class Segments:
    """The results of several sources in one frame.

    Attributes:
        names: The sources: job ids and files.
        frame: Their rows; with a column `job_id` where there are several sources.
        snapshots: The documents of the jobs among them.
    """

    names: tuple[str, ...]
    frame: pd.DataFrame
    snapshots: tuple[JobSnapshot, ...] = ()


def read_segments(sources: Sequence[str]) -> Segments:
    """Read the results of jobs and files.

    Raises:
        AiobenchError: If a job cannot be read; all sources are needed.
        OSError: If a file cannot be read.
    """
    import pandas as pd

    names = read_ids(sources)
    jobs = [name for name in names if not _is_file(name)]
    frames = {name: _read_file(Path(name)) for name in names if name not in jobs}
    snapshots: tuple[JobSnapshot, ...] = ()
    if jobs:
        downloaded, snapshots = with_client(partial(_download, jobs))
        frames |= downloaded
    if len(names) == 1:
        return Segments(tuple(names), frames[names[0]], snapshots)
    marked = [frames[name].assign(job_id=name) for name in names]
    return Segments(tuple(names), pd.concat(marked, ignore_index=True), snapshots)


async def _download(jobs: list[str], client: Client) -> tuple[dict[str, pd.DataFrame], tuple[JobSnapshot, ...]]:
    frames: dict[str, pd.DataFrame] = {}
    snapshots: list[JobSnapshot] = []
    for job_id in jobs:  # one after the other: a frame can take all the memory there is
        job = client.job(job_id)
        snapshots.append(await job.fetch())
        frames[job_id] = await job.download_results_as_csv(return_dataframe=True, progress=sys.stderr.isatty())
    return frames, tuple(snapshots)


def _is_file(name: str) -> bool:
    path = Path(name)
    return path.suffix.lower() in READ_ENDINGS or path.is_file()


def _read_file(path: Path) -> pd.DataFrame:
    import pandas as pd

    from aiobench.frames import read_results

    try:
        match path.suffix.lower():
            case ".parquet":
                return pd.read_parquet(path)
            case ".jsonl":
                return pd.read_json(path, lines=True)
            case _:
                return read_results(path)
    except ImportError as error:
        raise MissingExtraError(f"reading {path.suffix} files", extra="export") from error
    except ValueError as error:
        raise OSError(f"{path} cannot be read: {error}") from error
