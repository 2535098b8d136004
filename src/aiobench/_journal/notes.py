"""The notes of jobs: JSON values that come back with every event of a job."""

from __future__ import annotations

import json

from aiobench.documents import JSON
from aiobench.errors import ConfigurationError

__all__ = ["Notes", "checked_note", "parsed_note"]

LONGEST = 4096  # bytes of JSON


def checked_note(note: JSON) -> str | None:
    """Return a note as JSON text, None for none.

    Raises:
        ConfigurationError: If it is not a JSON value, or longer than 4 kB.
    """
    if note is None:
        return None
    try:
        text = json.dumps(note, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
        size = len(text.encode())
        same = json.loads(text) == note
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"note= must be a JSON value: {error}") from error
    if not same:
        raise ConfigurationError("note= must be a JSON value: it has lists for tuples, and texts as keys of objects")
    if size > LONGEST:
        raise ConfigurationError(f"note= takes at most {LONGEST} bytes as JSON, and this one takes {size}")
    return text


def parsed_note(text: str | None) -> JSON:
    """Return the value of a note."""
    value: JSON = None if text is None else json.loads(text)
    return value


class Notes:
    """The notes of the jobs that have one, by job id."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self._texts)

    def put_text(self, job_id: str, text: str | None) -> None:
        """Keep a note, as JSON text; without one, the job keeps the note that it has."""
        if text is not None:
            self._texts[job_id] = text

    def text(self, job_id: str) -> str | None:
        """Return the note of a job as JSON text."""
        return self._texts.get(job_id)

    def of(self, job_id: str) -> JSON:
        """Return a job's note as a fresh value."""
        return parsed_note(self._texts.get(job_id))

    def drop(self, job_id: str) -> None:
        """Forget the note of a job that has ended."""
        self._texts.pop(job_id, None)
