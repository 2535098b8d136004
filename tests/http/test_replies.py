"""What a reply means: a class of error for each status, and nothing secret in any text."""

from __future__ import annotations

import json
import pickle

import httpx
import pytest

from aiobench import errors
from aiobench._http.replies import SNIPPET, Reply, error_of, invalid
from aiobench._http.retries import is_retried
from job_documents import sample_bytes

KEY = "k3y-of-the-team"


def reply(status: int, body: bytes | object = b"", **headers: str) -> Reply:
    """Make a reply to a question for a job."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply("job J", status, httpx.Headers({k.replace("_", "-"): v for k, v in headers.items()}), content)


def status_error(status: int, body: bytes | object = b"", **headers: str) -> errors.APIStatusError:
    """Make the error of a status."""
    error = error_of(reply(status, body, **headers), KEY)
    assert isinstance(error, errors.APIStatusError)
    return error


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_success_is_no_error(status: int) -> None:
    """Every 2xx is a success."""
    assert error_of(reply(status)) is None


@pytest.mark.parametrize(
    ("status", "expected", "retried"),
    [
        (400, errors.BadRequestError, False),
        (401, errors.AuthenticationError, False),
        (402, errors.APIStatusError, False),
        (403, errors.PermissionDeniedError, False),
        (404, errors.NotFoundError, False),
        (408, errors.APIStatusError, True),
        (409, errors.ConflictError, True),
        (413, errors.APIStatusError, False),
        (422, errors.BadRequestError, False),
        (429, errors.RateLimitError, True),
        (500, errors.ServerError, True),
        (502, errors.ServerError, True),
        (503, errors.ServerError, True),
        (599, errors.ServerError, True),
    ],
)
def test_class_of_each_status(status: int, expected: type[errors.APIStatusError], retried: bool) -> None:
    """The tree of errors says which class a status is; the retry table which ones are asked again."""
    error = status_error(status)

    assert (expected, status, retried) == (type(error), error.status_code, is_retried(error))


def test_error_of_the_sample() -> None:
    """The platform's message is in the text and in `.message`, with advice; the body in `.body`."""
    error = status_error(404, sample_bytes("error_404"), X_Request_Id="req-1", Retry_After="7")

    assert (error.message, error.request_id, error.retry_after) == ("Benchmark job not found", "req-1", 7.0)
    assert sample_bytes("error_404").decode() == error.body
    assert "job J: HTTP 404, 'Benchmark job not found'; check the id" in str(error)
    assert "(request req-1)" in str(error)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"message": "No"}, "No"),
        ({"message": None}, '{"message": null}'),
        ({"message": ["No"]}, '{"message": ["No"]}'),
        (b"<html>Bad gateway</html>", "<html>Bad gateway</html>"),
        (b"\xff\xfe", "\N{REPLACEMENT CHARACTER}" * 2),
        (b"[]", "[]"),
        (b"", ""),
    ],
)
def test_message_of_any_body(body: bytes | object, message: str) -> None:
    """Whatever a gateway answers, there is a message: its own, or the beginning of the body."""
    assert message == status_error(502, body).message


@pytest.mark.parametrize(
    "header", ["X-Request-Id", "x-amzn-RequestId", "X-Amz-Request-Id", "X-Correlation-Id", "Request-Id"]
)
def test_request_id_of_usual_headers(header: str) -> None:
    """The request's id is read from the headers that servers and gateways use."""
    assert status_error(500, **{header: "r"}).request_id == "r"


def test_long_bodies_are_cut() -> None:
    """An error shows the beginning of a page, not the page."""
    error = status_error(500, b"x" * 100_000)

    assert (len(error.body), len(error.message)) == (SNIPPET, SNIPPET)


@pytest.mark.parametrize(
    "body",
    [
        {"message": f"key {KEY} is not known"},
        f"<p>Authorization: Token {KEY}</p>".encode(),
        ("x" * (SNIPPET - 5) + KEY).encode(),
        {"message": "see https://results.example/x.csv?X-Amz-Signature=s3cret"},
    ],
)
def test_errors_hold_no_secret(body: bytes | object) -> None:
    """A server that echoes the key or a signature does not bring it into text, attributes or pickle (F18)."""
    error = status_error(400, body)

    for shown in (str(error), repr(error), error.message, error.body, str(pickle.dumps(error))):
        assert KEY not in shown
        assert KEY[:5] not in shown
        assert "s3cret" not in shown


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_refused(status: int) -> None:
    """A redirect of an API call is an invalid response; where to is said without query and key (F14)."""
    error = error_of(reply(status, location=f"https://evil.example/{KEY}?token=s3cret"), KEY)

    assert isinstance(error, errors.InvalidResponseError)
    assert f"job J: HTTP {status}, but redirected to 'https://evil.example/[redacted]'" in str(error)
    assert "s3cret" not in str(error)


def test_redirect_to_nowhere() -> None:
    """A 3xx without a location is refused in words that fit it."""
    assert "HTTP 304, but redirected, which is not followed" in str(error_of(reply(304)))


def test_invalid_response() -> None:
    """A reply that is not what its route promises says why and shows how it begins; asking again may help."""
    error = invalid(reply(200, b"<html>" + KEY.encode(), X_Request_Id="r"), "it is not JSON", KEY)

    assert (error.body, error.request_id, is_retried(error)) == ("<html>[redacted]", "r", True)
    assert str(error) == "job J: HTTP 200, but it is not JSON"


def test_connection_errors_are_retried() -> None:
    """No answer at all may be another one the next time."""
    assert is_retried(errors.APITimeoutError("late"))
