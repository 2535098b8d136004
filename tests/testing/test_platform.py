"""The fake platform: jobs that move by its clock, trouble on request, and every way in."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

import anyio
import httpx
import pandas as pd
import pytest

import aiobench
from aiobench import AiobenchError, Client, ConfigurationError, Finished, PollPolicy, Stalled
from aiobench._clock import Clock
from aiobench.testing import FakePlatform

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.anyio

SCORES = {"model-a": {"BLEU by sacrebleu": 31.2}, "model-b": {"BLEU by sacrebleu": 28.7}}
EXACT = PollPolicy(interval=10.0, backoff=1.0, jitter=0.0)
JOB = "sdk/benchmarks/jobs/{jobId}"
SEGMENTS = pd.DataFrame(
    {
        "segment_id": [0, 1, 0, 1],
        "Model": ["model-a", "model-a", "model-b", "model-b"],
        "Model_success": [True, False, True, True],
        "hypothesis": ["Hallo", None, "None", "007"],
        "BLEU by sacrebleu": [100.0, None, 3.5, 0.5],
    }
)


@pytest.fixture
def fake() -> FakePlatform:
    """Make a platform of the test's own."""
    return FakePlatform()


async def test_job_moves_by_the_clock(fake: FakePlatform) -> None:
    """A job goes through its history, and each status lasts as long as it was said to."""
    job = fake.job("queued", "in_progress", "completed", every=60.0, scores=SCORES)

    async with fake.client(poll=EXACT) as client:
        snapshot = await client.job(job.id).wait()

    assert (snapshot.status, fake.now) == ("completed", 120.0)
    assert {row["Model"]: row["BLEU by sacrebleu"] for row in snapshot.score_rows()} == {
        "model-a": 31.2,
        "model-b": 28.7,
    }


async def test_time_stands_still_while_a_large_document_is_decoded(fake: FakePlatform) -> None:
    """A document that a worker thread decodes takes no time of the platform's: others' waits do not end meanwhile."""
    job = fake.job("completed", explanation={"metricInDependent": [{"words": ["word"] * 400_000}]})
    fetched_at: list[float] = []

    async with fake.client() as client, anyio.create_task_group() as tasks:
        tasks.start_soon(fake.sleep, 3600.0)
        await client.job(job.id).fetch()
        fetched_at.append(fake.now)

    assert (fetched_at, fake.now) == ([0.0], 3600.0)


async def test_statuses_are_seen_at_their_times(fake: FakePlatform) -> None:
    """Moving the clock moves the jobs, without a client."""
    job = fake.job("queued", "in_progress", "failed", every=5.0)

    seen = [job.status]
    for _ in range(4):
        fake.advance(2.5)
        seen.append(job.status)

    assert seen == ["queued", "queued", "in_progress", "in_progress", "failed"]


async def test_list_and_documents_agree_at_any_time(fake: FakePlatform) -> None:
    """What the job list says of a job, its document says, too."""
    jobs = [fake.job("queued", "in_progress", "completed", every=every) for every in (1.0, 3.0, 9.0)]

    async with fake.client() as client:
        for _ in range(12):
            listed = {job.id: job.status for job in await client.list_jobs(jobs[0].benchmark_id)}
            assert listed == {job.id: await client.job(job.id).check_status() for job in jobs}
            fake.advance(2.0)


async def test_waits_count_in_the_platforms_time(fake: FakePlatform) -> None:
    """`timeout` ends a wait at its second of the fake's clock."""
    job = fake.job("in_progress")

    async with fake.client() as client:
        with pytest.raises(aiobench.WaitTimeoutError):
            await client.job(job.id).wait(timeout=3600.0)

    assert fake.now == 3600.0


async def test_a_monitor_times_out_in_the_platforms_time(fake: FakePlatform) -> None:
    """`timeout` of a monitor and of `wait_all` counts by the fake's clock, the consumer's real time aside."""
    ends, goes_on = fake.job("in_progress", "completed", every=60.0), fake.job("in_progress")

    async with fake.client() as client:
        outcomes = await client.wait_all([ends.id, goes_on.id], timeout=600.0)
        assert fake.now == 600.0
        async with client.monitor([goes_on.id], timeout=3000.0) as monitor:
            with pytest.raises(aiobench.JobsWaitTimeoutError):
                await anext(monitor)

    assert fake.now == 3600.0
    assert isinstance(outcomes[goes_on.id], aiobench.WaitTimeoutError)
    assert outcomes[ends.id].status == "completed"


async def test_a_journal_does_not_let_time_pass(fake: FakePlatform, tmp_path: Path) -> None:
    """Writing to the disk takes no time of the fake, so that nothing times out meanwhile."""
    jobs = [fake.job("in_progress", "completed", every=10.0) for _ in range(50)]

    async with (
        fake.client(poll=EXACT) as client,
        client.monitor([job.id for job in jobs], journal=tmp_path / "journal", timeout=10.5) as monitor,
    ):
        ended = [event.job.id async for event in monitor if isinstance(event, Finished)]

    assert sorted(job.id for job in jobs) == sorted(ended)


async def test_stalls_count_in_the_platforms_time(fake: FakePlatform) -> None:
    """`stall_after` counts by the fake's clock, in a wait and in a monitor."""
    job = fake.job("in_progress")

    async with fake.client(poll=EXACT) as client:
        with pytest.raises(aiobench.JobStalledError):
            await client.job(job.id).wait(stall_after=900.0)
        assert fake.now == 900.0
        async with client.monitor([job.id], stall_after=600.0) as monitor:
            stalled = [event async for event in _until(monitor, Stalled)]

    assert (len(stalled), fake.now) == (1, 1500.0)


async def _until(monitor: aiobench.Monitor, kind: type[object]):  # noqa: ANN202 - a generator of events
    async for event in monitor:
        if isinstance(event, kind):
            yield event
            return


async def test_attempt_times_out_in_the_platforms_time(fake: FakePlatform) -> None:
    """A reply that takes longer than the client's `timeout` is given up on at that second."""
    job = fake.job()
    fake.delay(31.0)

    async with fake.client(timeout=30.0, max_retries=0) as client:
        with pytest.raises(aiobench.APITimeoutError):
            await client.job(job.id).check_status()
        assert fake.now == 30.0
        fake.delay(29.0)
        assert await client.job(job.id).check_status() == "completed"

    assert fake.now == 59.0


async def test_reply_that_never_comes_is_given_up_on(fake: FakePlatform) -> None:
    """A delay may be endless."""
    job = fake.job()
    fake.delay(math.inf, times=1)

    async with fake.client(max_retries=0) as client:
        with pytest.raises(aiobench.APITimeoutError):
            await client.job(job.id).check_status()

    assert fake.now == 30.0


async def test_retry_after_is_kept_by_the_platforms_clock(fake: FakePlatform) -> None:
    """A 429 that asks for 45 seconds is asked again 45 seconds later, and not before."""
    job = fake.job()
    fake.answer(429, retry_after=45)

    async with fake.client() as client:
        await client.job(job.id).check_status()

    first, second = (request.at for request in fake.requests)
    assert first == 0.0
    assert 45.0 <= second <= 50.0


async def test_answer_is_for_the_route_it_names(fake: FakePlatform) -> None:
    """A fault for one route leaves the others alone."""
    job = fake.job()
    fake.answer(403, route="sdk/benchmarks/{id}/jobs", message="Not yours")

    async with fake.client() as client:
        assert await client.job(job.id).check_status() == "queued"
        with pytest.raises(aiobench.PermissionDeniedError, match="Not yours"):
            await client.list_jobs(job.benchmark_id)


async def test_body_that_is_no_document_is_given_as_it_is(fake: FakePlatform) -> None:
    """A gateway's page comes with the status of a success, and is no job."""
    job = fake.job()
    fake.answer(200, body="<html>Please sign in</html>", times=math.inf)

    async with fake.client(max_retries=0) as client:
        with pytest.raises(aiobench.APIError):
            await client.job(job.id).check_status()


async def test_dropped_connections_are_asked_again(fake: FakePlatform) -> None:
    """A connection that drops brings no reply, and the next request one."""
    job = fake.job("in_progress")
    fake.drop_connection(times=2)

    async with fake.client() as client:
        assert await client.job(job.id).check_status() == "in_progress"

    assert [request.route for request in fake.requests] == [JOB] * 3


async def test_lost_reply_of_a_start_starts_one_job(fake: FakePlatform) -> None:
    """The job is started, the reply is lost, and the client finds the job in the list."""
    benchmark = fake.benchmark("queued", "completed")
    fake.lose_start_reply()

    async with fake.client() as client:
        started = await client.start_job(benchmark.id)

    assert [job.id for job in benchmark.jobs] == [started.id]


async def test_dropped_start_starts_no_job(fake: FakePlatform) -> None:
    """A start whose connection drops before it is read starts nothing, and says that nobody knows."""
    benchmark = fake.benchmark()
    fake.drop_connection(times=math.inf, route="sdk/benchmarks/{id}/start")

    async with fake.client() as client:
        with pytest.raises(AiobenchError):
            await client.start_job(benchmark.id)

    assert benchmark.jobs == []


async def test_requests_say_what_was_asked(fake: FakePlatform) -> None:
    """Each request is kept with its method, route, ids and time."""
    job = fake.job("in_progress")

    async with fake.client() as client:
        await client.list_jobs(job.benchmark_id)
        fake.advance(3.0)
        await client.job(job.id).check_status()
        await client.start_job(job.benchmark_id)

    assert [(each.method, each.route, each.job, each.benchmark, each.at) for each in fake.requests] == [
        ("GET", "sdk/benchmarks/{id}/jobs", None, "benchmark", 0.0),
        ("GET", JOB, "job-1", None, 3.0),
        ("GET", "sdk/benchmarks/{id}/jobs", None, "benchmark", 3.0),
        ("POST", "sdk/benchmarks/{id}/start", None, "benchmark", 3.0),
        ("GET", JOB, "job-2", None, 3.0),
    ]


async def test_segments_are_downloaded_as_they_were_given(fake: FakePlatform) -> None:
    """The frame comes back, with scores and failures that fit it."""
    job = fake.job("completed", segments=SEGMENTS)

    async with fake.client() as client:
        snapshot = await client.job(job.id).fetch()
        frame = await client.job(job.id).download_results_as_csv(return_dataframe=True)

    alike = (each.astype(object).where(each.notna(), None) for each in (SEGMENTS, frame))  # whatever stands for missing
    pd.testing.assert_frame_equal(*alike)
    assert {row["Model"]: row["BLEU by sacrebleu"] for row in snapshot.score_rows()} == {
        "model-a": 100.0,
        "model-b": 2.0,
    }
    assert snapshot.failure_rates() == {"model-a": 50.0, "model-b": 0.0}


async def test_segments_of_an_older_file_are_served(fake: FakePlatform) -> None:
    """A frame need not say which model a row is of; it is then served alone."""
    segments = pd.DataFrame({"pipelineid": ["p"], "BLEU by sacrebleu": [1.5]})
    job = fake.job("completed", segments=segments)

    async with fake.client() as client:
        frame = await client.job(job.id).download_results_as_csv(return_dataframe=True)

    pd.testing.assert_frame_equal(segments, frame, check_dtype=False)


async def test_job_without_segments_has_no_results(fake: FakePlatform) -> None:
    """Where no frame was given there is no file, and the client says so."""
    job = fake.job("completed", scores=SCORES)

    async with fake.client() as client:
        with pytest.raises(aiobench.ResultsNotReadyError):
            await client.job(job.id).download_results_as_csv(return_dataframe=True)


async def test_url_of_results_expires(fake: FakePlatform) -> None:
    """An hour later the URL in a document is refused, as a presigned one is, and a fresh one works."""
    job = fake.job("completed", segments=SEGMENTS)

    async with fake.client() as client:
        first = await client.job(job.id).fetch()
        fake.advance(3601.0)
        second = await client.job(job.id).fetch()

    answers = [fake._respond(_results_request(url)) for url in (first.report_url, second.report_url)]
    assert [answer.status for answer in answers] == [403, 200]
    assert b"<Code>AccessDenied</Code>" in answers[0].body


def _results_request(url: str | None):  # noqa: ANN202 - a request as it arrives
    from aiobench.testing._routes import Incoming

    assert url is not None
    return Incoming("GET", httpx.URL(url).raw_path.decode(), {}, b"", "https://results.test")


async def test_explanations_and_failures_are_in_the_document(fake: FakePlatform) -> None:
    """What a job is said to bring is there once it has ended, and not before."""
    explanation = {"metricInDependent": [{"datasetId": "dataset"}], "metricDependent": []}
    job = fake.job("in_progress", "completed", scores=SCORES, failures={"model-b": 2}, explanation=explanation)

    async with fake.client() as client:
        before = await client.job(job.id).fetch()
        after = await client.job(job.id).wait()

    assert (before.score_rows() and [], before.explanations()["metricInDependent"]) == ([], [])
    assert explanation == after.explanations()
    assert after.failure_rates() == {"model-a": 0.0, "model-b": 25.0}


async def test_benchmark_that_a_client_creates_can_be_run(fake: FakePlatform) -> None:
    """Create, load, start, wait, read: as on the platform."""
    async with fake.client() as client:
        made = await client.create_benchmark("Mine", dataset="d", models=["m"], metrics=["bleu"])
        loaded = await client.get_benchmark(made.id)
        snapshot = await (await loaded.start()).wait()

    assert (
        loaded.name,
        tuple(loaded.model_ids),
        tuple(loaded.dataset_ids),
        tuple(loaded.metric_ids),
    ) == ("Mine", ("m",), ("d",), ("bleu",))
    assert snapshot.score_rows() == [{"Model": "m", "BLEU by sacrebleu": 50.0}]


async def test_unknown_ids_are_not_found(fake: FakePlatform) -> None:
    """A job or benchmark that is not there is a 404."""
    async with fake.client() as client:
        with pytest.raises(aiobench.NotFoundError):
            await client.get_job("nowhere")
        with pytest.raises(aiobench.NotFoundError):
            await client.list_jobs("nowhere")


async def test_wrong_key_is_refused(fake: FakePlatform) -> None:
    """The platform knows its key."""
    job = fake.job()
    with fake.served() as environment:
        async with Client("another", base_url=environment["BACKEND_URL"]) as client:
            with pytest.raises(aiobench.AuthenticationError):
                await client.get_job(job.id)


async def test_set_status_moves_a_job_by_hand(fake: FakePlatform) -> None:
    """A job can be moved without time, and only forwards."""
    job = fake.job("in_progress")
    job.set_status("canceling", "canceled", every=30.0)
    assert job.status == "canceling"

    fake.advance(30.0)

    assert (job.status, job.updated_at) == ("canceled", 30.0)
    with pytest.raises(ConfigurationError, match="ends with 'canceled'"):
        job.set_status("completed")


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda fake: fake.job("in_progress", "queued"), "cannot go backwards, from 'in_progress' to 'queued'"),
        (lambda fake: fake.job("completed", "failed"), "ends with 'completed': 'failed' cannot come after it"),
        (lambda fake: fake.job("queued", 7), "not of 7"),
        (lambda fake: fake.job(every=-1.0), "every= must be a number of seconds"),
        (lambda fake: fake.job(every=math.inf), "every= must be a number of seconds"),
        (lambda fake: fake.job(scores={"model-a": 3.0}), "{model: {metric: average}}"),
        (lambda fake: fake.job(segments=[1]), "must be a frame of results, not list"),
        (lambda fake: [fake.job(id="a"), fake.job(id="a")], "there is a job 'a' already"),
        (lambda fake: [fake.benchmark(id="b"), fake.benchmark(id="b")], "there is a benchmark 'b' already"),
        (lambda fake: fake.advance(-1.0), "0 or more, not -1.0"),
        (lambda fake: fake.advance("1"), "0 or more, not '1'"),
        (lambda fake: fake.delay(-1.0), "0 or more, not -1.0"),
        (lambda fake: fake.delay(1.0, times="all"), "times= must be a number of requests"),
        (lambda fake: fake.lose_start_reply(-1), "or math.inf, not -1"),
        (lambda fake: fake.answer("503"), "status= must be an HTTP status from 200 to 599, not '503'"),
        (lambda fake: fake.answer(429, retry_after=-1), "0 or more, not -1"),
        (lambda fake: fake.drop_connection(route="sdk/benchmarks/jobs"), "(did you mean 'sdk/benchmarks"),
    ],
)
async def test_bad_input_is_refused_with_a_sentence(
    fake: FakePlatform, use: Callable[[FakePlatform], object], message: str
) -> None:
    """A fake that cannot be says why."""
    with pytest.raises(ConfigurationError) as caught:
        use(fake)

    assert message in str(caught.value)


async def test_monitor_sees_every_end(fake: FakePlatform) -> None:
    """A monitor of a hundred jobs sees each end once, in an hour that passes at once."""
    jobs = [
        fake.job("in_progress", "completed", every=36.0 * number, benchmark=f"b{number % 7}")
        for number in range(1, 100)
    ]

    async with fake.client() as client, client.monitor([job.id for job in jobs], timeout=7200.0) as monitor:
        ends = [event.job.id async for event in monitor if isinstance(event, Finished)]

    assert sorted(job.id for job in jobs) == sorted(ends)
    assert 3564.0 <= fake.now <= 3700.0


async def test_same_test_takes_the_same_time_each_time() -> None:
    """Time, jitter included, is the same in every run: a test that passes once passes always."""

    async def one_run() -> tuple[float, int]:
        fake = FakePlatform()
        jobs = [fake.job(every=100.0 + number) for number in range(20)]
        fake.answer(503, times=5)
        async with fake.client() as client:
            await client.wait_all([job.id for job in jobs])
        return fake.now, len(fake.requests)

    assert len({await one_run() for _ in range(5)}) == 1


async def test_stopped_clock_moves_by_hand_alone(fake: FakePlatform) -> None:
    """Inside of `stopped()`, nothing passes but what the test lets pass."""
    job = fake.job("in_progress", "completed", every=60.0)

    async with fake.client(poll=EXACT) as client, anyio.create_task_group() as tasks:
        with fake.stopped():
            tasks.start_soon(client.job(job.id).wait)
            await anyio.wait_all_tasks_blocked()
            assert (job.status, fake.now) == ("in_progress", 0.0)
            fake.advance(60.0)
            await anyio.wait_all_tasks_blocked()
            assert fake.now == 60.0


async def test_service_that_makes_its_own_client_is_on_the_platforms_clock(fake: FakePlatform) -> None:
    """Over real sockets, with settings from the environment, an hour takes a moment just the same."""
    job = fake.job("in_progress", "completed", every=3600.0, segments=SEGMENTS)

    with fake.served():
        async with Client(poll=EXACT) as client:
            snapshot = await client.job(job.id).wait()
            frame = await client.job(job.id).download_results_as_csv(return_dataframe=True)

    assert (snapshot.status, fake.now, len(frame)) == ("completed", 3600.0, 4)


async def test_job_without_a_client_is_on_the_platforms_clock(fake: FakePlatform) -> None:
    """A job that finds its client by itself does so, also where one was made before."""
    for _ in range(2):
        platform = FakePlatform()
        job = platform.job("in_progress", "completed", every=600.0)
        with platform.served():
            await aiobench.BenchmarkJob(job.id, "", "").wait(poll=EXACT)
        assert platform.now == 600.0


async def test_served_replies_take_time_of_the_platform(fake: FakePlatform) -> None:
    """A delay is as long over sockets: a client gives up at its second, and waits for less."""
    job = fake.job("in_progress")

    with fake.served():
        async with Client(timeout=10.0, max_retries=0) as client:
            fake.delay(11.0, times=1)
            with pytest.raises(aiobench.APITimeoutError):
                await client.job(job.id).check_status()
            assert fake.now == 10.0
            fake.delay(9.0, times=1)
            assert await client.job(job.id).check_status() == "in_progress"

    assert fake.now == 19.0


async def test_endless_delay_does_not_outlive_the_server(fake: FakePlatform) -> None:
    """A request that is never answered ends with the server, which does not wait for it."""
    fake.delay(math.inf)

    with fake.served() as environment:
        async with Client(timeout=5.0, max_retries=0) as client:
            with pytest.raises(aiobench.APITimeoutError):
                await client.get_job("any")

    async with Client(base_url=environment["BACKEND_URL"], api_key="key", max_retries=0) as client:
        with pytest.raises(aiobench.APIConnectionError):
            await client.get_job("any")


async def test_served_environment_is_set_and_put_back(fake: FakePlatform, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables are there inside of the block alone, and what was there before comes back."""
    monkeypatch.setenv("TEAM_API_KEY", "mine")
    monkeypatch.setenv("AIXPLAIN_API_KEY", "mine")
    before = dict(os.environ)

    with fake.served() as environment:
        assert environment == {name: os.environ[name] for name in ("BACKEND_URL", "TEAM_API_KEY")}
        assert "AIXPLAIN_API_KEY" not in os.environ

    assert before == dict(os.environ)


async def test_clients_after_the_block_have_real_time(fake: FakePlatform) -> None:
    """The clock of the fake is not left behind."""
    with fake.served():
        pass

    async with Client("key") as client:
        assert type(client._context.platform.session.clock) is Clock


def test_blocking_client_waits_in_the_platforms_time(fake: FakePlatform) -> None:
    """The loop of a blocking client runs in another thread, and an hour passes there, too."""
    job = fake.job("in_progress", "completed", every=3600.0, scores=SCORES)

    with fake.sync_client(poll=EXACT) as client:
        snapshot = client.job(job.id).wait()

    assert (snapshot.status, fake.now) == ("completed", 3600.0)


def test_incumbents_shapes_hold(fake: FakePlatform, tmp_path: Path) -> None:
    """A download to a file by the blocking client brings the CSV of the frame."""
    job = fake.job("completed", segments=SEGMENTS)

    with fake.sync_client() as client:
        path = client.job(job.id).download_results_as_csv(tmp_path / "results.csv")

    assert SEGMENTS.to_csv(index=False, lineterminator="\n").encode() == path.read_bytes()


async def test_client_is_used_in_one_loop(fake: FakePlatform) -> None:
    """A client that another loop has used says so."""
    job = fake.job()
    client = fake.client()
    await client.get_job(job.id)

    def elsewhere() -> None:
        anyio.run(client.get_job, job.id, backend="asyncio")

    with pytest.raises(aiobench.ClientStateError, match="event loop"):
        await anyio.to_thread.run_sync(elsewhere)


async def test_recovery_ends_all_trouble(fake: FakePlatform) -> None:
    """After it, no answer, drop, loss or delay is left."""
    job = fake.job("in_progress")
    fake.answer(503, times=math.inf)
    fake.drop_connection(times=3)
    fake.lose_start_reply()
    fake.delay(10.0)

    fake.recover()

    async with fake.client(max_retries=0) as client:
        assert await client.job(job.id).check_status() == "in_progress"
        await client.start_job(job.benchmark_id)
    assert fake.now == 0.0


async def test_a_test_can_wait_by_the_platforms_clock(fake: FakePlatform) -> None:
    """What a test does at a second of the fake happens between what the client does before and after it."""
    job = fake.job("in_progress")

    async def end_it() -> None:
        await fake.sleep(100.0)
        job.set_status("completed")

    async with fake.client(poll=EXACT) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(end_it)
        await client.job(job.id).wait()

    assert 110.0 >= fake.now >= 100.0


def test_document_that_the_client_has_is_not_sent_again(fake: FakePlatform) -> None:
    """A document has a weak ETag; asked for with it, it comes again only once it is another."""
    job = fake.job("in_progress", "completed", every=60.0)
    with fake.served() as environment, httpx.Client(base_url=environment["BACKEND_URL"], trust_env=False) as http:
        path, headers = f"sdk/benchmarks/jobs/{job.id}", {"Authorization": f"Token {fake.api_key}"}
        first = http.get(path, headers=headers)
        headers["If-None-Match"] = first.headers["etag"]
        second = http.get(path, headers=headers)
        fake.advance(60.0)
        third = http.get(path, headers=headers)

    assert [(reply.status_code, bool(reply.content)) for reply in (first, second, third)] == [
        (200, True),
        (304, False),
        (200, True),
    ]
