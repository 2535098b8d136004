"""Results of many jobs on a real cluster of processes: the same figures, no key in the graph, no job lost."""

from __future__ import annotations

import os
import pickle
import signal
from typing import TYPE_CHECKING

import dask
import numpy as np
import pandas as pd
import pytest

from aiobench import analysis
from aiobench.distributed import leaderboard, read_results
from aiobench.errors import ConfigurationError, ResultParseError
from aiobench.testing import FakePlatform
from distributed import Client as DaskClient
from distributed import LocalCluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Dask's own event loops and sockets are closed when its garbage collector says so.
pytestmark = [pytest.mark.filterwarnings("ignore::ResourceWarning"), pytest.mark.timeout(300)]

BLEU, TER = "BLEU by sacrebleu", "TER by sacrebleu"
JOBS = 200
KEY = "fake-key"


def results(number: int) -> pd.DataFrame:
    """Return the results of one job: two models on five segments of its own."""
    random = np.random.default_rng(number)
    return pd.DataFrame(
        {
            "segment_id": [*range(5)] * 2,
            "Model": ["first"] * 5 + ["second"] * 5,
            "Model_success": [True] * 9 + [number % 3 != 0],
            "source": [f"source {number} {place}" for place in range(5)] * 2,
            "reference": [f"reference {place}" for place in range(5)] * 2,
            "hypothesis": ["NA"] * 10,
            BLEU: [*random.normal(50, 5, 9), np.nan if number % 3 == 0 else 50.0],
        }
    )


def platform(jobs: int = JOBS) -> FakePlatform:
    """Make a platform with ended jobs."""
    fake = FakePlatform()
    for number in range(jobs):
        fake.job("completed", id=f"job-{number}", scores={"first": {BLEU: 50.0}}, segments=results(number))
    return fake


@pytest.fixture(scope="module")
def cluster() -> Iterator[DaskClient]:
    """Run two workers, processes of their own, whose environment names a platform that is served."""
    with (
        platform().served() as environment,
        LocalCluster(
            n_workers=2, threads_per_worker=2, processes=True, dashboard_address=":0", env=dict(environment)
        ) as cluster,
        DaskClient(cluster) as client,
    ):
        assert KEY in environment.values()
        yield client


IDS = [f"job-{number}" for number in range(JOBS)]


def test_the_leaderboard_is_the_one_in_memory(cluster: DaskClient) -> None:
    """One partition a job, and the same figures as from all segments put together."""
    frame = read_results(IDS, client=cluster)
    expected = pd.concat([results(number).assign(job_id=f"job-{number}") for number in range(JOBS)])

    assert frame.npartitions == JOBS
    pd.testing.assert_frame_equal(leaderboard(frame), analysis.leaderboard(expected))


def test_texts_are_as_they_are(cluster: DaskClient) -> None:
    """`NA` is a text, as in a download."""
    frame = read_results(IDS[:2], client=cluster).compute()

    assert set(frame["hypothesis"]) == {"NA"}
    assert frame["job_id"].value_counts().to_dict() == {"job-0": 10, "job-1": 10}


def test_no_key_is_in_the_graph(cluster: DaskClient) -> None:
    """The tasks carry job ids alone: all who can see them learn nothing else."""
    frame = read_results(IDS[:3], client=cluster)

    assert KEY.encode() not in pickle.dumps(dict(frame.__dask_graph__()))


def test_a_worker_that_is_killed_loses_no_job(cluster: DaskClient, tmp_path: Path) -> None:
    """Its partitions are fetched again, by another."""
    frame = read_results(IDS, client=cluster, directory=tmp_path)
    future = cluster.compute(frame.groupby("job_id").size())
    pids = cluster.run(os.getpid)
    while not list(tmp_path.glob("*.csv")):
        assert future.status == "pending"
    os.kill(next(iter(pids.values())), signal.SIGKILL)

    assert future.result(timeout=120).to_dict() == dict.fromkeys(IDS, 10)
    assert sorted(path.stem for path in tmp_path.glob("*.csv")) == sorted(IDS)


def test_files_that_are_there_are_not_fetched_again(cluster: DaskClient, tmp_path: Path) -> None:
    """A folder that a run left is read, no matter who wrote it."""
    read_results(IDS[:3], client=cluster, directory=tmp_path).compute()
    changed = results(1).assign(hypothesis="kept")
    changed.to_csv(tmp_path / "job-1.csv", index=False)

    frame = read_results(IDS[:3], client=cluster, directory=tmp_path).compute()

    assert set(frame[frame["job_id"] == "job-1"]["hypothesis"]) == {"kept"}


# Older versions of Dask warn of the cluster of another test.
@pytest.mark.filterwarnings("ignore:Running on a single-machine scheduler:UserWarning")
def test_metrics_of_any_job_are_columns_and_other_columns_must_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """A metric that a job lacks is missing; any other column that differs is refused with the job's name."""
    fake = FakePlatform()
    fake.job("completed", id="a", scores={"m": {BLEU: 1.0}}, segments=results(1))
    other = results(2).rename(columns={BLEU: TER})
    fake.job("completed", id="b", scores={"m": {TER: 1.0}}, segments=other)
    fake.job("completed", id="c", scores={"m": {BLEU: 1.0}}, segments=results(3).assign(extra=1))
    with fake.served() as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with dask.config.set(scheduler="synchronous"):
            both = read_results(["a", "b"]).compute()
            wrong = read_results(["a", "c"])
            with pytest.raises(ResultParseError, match="job c cannot be read together: it has 'extra'"):
                wrong.compute()

    assert both[[BLEU, TER]].isna().groupby(both["job_id"].astype(str)).all().to_numpy().tolist() == [
        [False, True],
        [True, False],
    ]


@pytest.mark.parametrize(("jobs", "sentence"), [([], "there are no jobs"), (["a", "a"], "job 'a' is given twice")])
def test_what_cannot_be_read_is_explained(jobs: list[str], sentence: str) -> None:
    """Before any work is done."""
    with pytest.raises(ConfigurationError, match=sentence):
        read_results(jobs)
