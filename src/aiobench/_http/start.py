"""Starts a job exactly once, although the reply to a POST may be lost (F10)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from aiobench._errors import APIError, APIStatusError, InvalidResponseError, StartOutcomeUnknownError
from aiobench._http.retries import backoff, was_surely_not_received
from aiobench._wire.benchmarks import started_job_id

if TYPE_CHECKING:
    from aiobench._http.platform import Platform

__all__ = ["start_job"]

logger = logging.getLogger("aiobench.http")

LEAST_LOOK = 0.5  # seconds from one look to the next, at least
LOOKS = 3  # at the job list, for a job that the platform may still be making


async def start_job(
    platform: Platform,
    benchmark_id: str,
    *,
    about_to_send: Callable[[frozenset[str] | None], Awaitable[None]] | None = None,
) -> str:
    """Start a job of a benchmark; return the job's id.

    Cases: 1. an answer with a job: that is it. 2. Surely not received: sent again, within `max_retries`. 3. Refused
    (a 4xx): the error. 4. Anything else may or may not have started a job, so the job list is held against the one
    from before: 4a. one new job: that is it; 4b. none, and the server itself said that it failed: that error;
    4c. none, or several: unknown.

    Args:
        platform: The platform.
        benchmark_id: The benchmark.
        about_to_send: Awaited before the request, with the ids of the existing jobs; None if their list is too
            long.

    Returns:
        The job's id.

    Raises:
        StartOutcomeUnknownError: In case 4c.
        APIError: In cases 2, 3 and 4b, and if the job list cannot be read before the start.
    """
    async with platform.session.starting(benchmark_id):  # two at once could take one new job for both of them
        job_id = await _start_job(platform, benchmark_id, about_to_send)
    platform.session.fresh.note(str(platform.job_request(job_id).url), platform.session.now())
    return job_id


async def _start_job(
    platform: Platform,
    benchmark_id: str,
    about_to_send: Callable[[frozenset[str] | None], Awaitable[None]] | None,
) -> str:
    before: frozenset[str] | None
    try:
        before = await _job_ids(platform, benchmark_id)
    except InvalidResponseError as error:
        if not error.too_large:
            raise
        before = None
    request = platform.start_request(benchmark_id)
    if about_to_send is not None:
        await about_to_send(before)
    try:
        return await platform.session.call(request, started_job_id, platform.options)  # 1; 2 is tried again inside
    except APIError as error:
        if _was_refused(error) or was_surely_not_received(error):
            raise  # 2, 3
        logger.warning("%s; looking for a new job in the job list", error)
        return await _new_job(platform, benchmark_id, before, error)


async def _new_job(platform: Platform, benchmark_id: str, before: frozenset[str] | None, failure: APIError) -> str:
    why = "no new job is in the job list" if before is not None else "the job list is too long to be compared"
    for look in range(1, LOOKS + 1):
        if before is None:
            break
        try:
            new = await _job_ids(platform, benchmark_id) - before
        except APIError as error:
            why = f"the job list could not be fetched either ({error})"
            break
        if len(new) == 1:
            return next(iter(new))  # 4a
        if new:
            why = f"{len(new)} new jobs are in the job list: {', '.join(sorted(new))}"
            break
        if _is_the_servers_word(failure):
            try:
                raise failure  # 4b
            finally:
                del failure  # else it and this frame would hold each other
        if look < LOOKS:
            await platform.session.sleep(LEAST_LOOK + backoff(look, platform.session.random))
    raise StartOutcomeUnknownError(
        f"starting benchmark {benchmark_id}: the answer was lost ({failure}) and {why}; "
        "look at list_jobs() before you start it again",
        benchmark_id=benchmark_id,
    ) from failure


async def _job_ids(platform: Platform, benchmark_id: str) -> frozenset[str]:
    return frozenset(entry.job_id for entry in await platform.job_list(benchmark_id, purpose="starting a job: "))


def _was_refused(error: APIError) -> bool:
    return isinstance(error, APIStatusError) and error.status_code < 500 and error.status_code not in {408, 499}


def _is_the_servers_word(error: APIError) -> bool:
    """Return whether the platform itself reported the failure, rather than a gateway that got no reply."""
    return (
        isinstance(error, APIStatusError)
        and error.status_code in {500, 501, 503}
        and error.body.lstrip().startswith("{")  # a gateway speaks HTML, or nothing
    )
