"""Datasets: segments, each with a source, a reference and any other columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve, frozen
from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Dataset", "Segment"]


class Segment(Struct, frozen=True):  # which pickles on its way to other processes in half the time of attrs
    """One input for a model, and the right output.

    Attributes:
        id: Its id, unique within the dataset.
        source: What a model is given.
        reference: What its output is compared with.
        topic: What it is about, or an empty string.
        columns: The other columns of its row by name. A missing cell is absent.
    """

    id: str
    source: str
    reference: str
    topic: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)


@frozen
class Dataset:
    """Segments that belong together, in one language pair.

    Attributes:
        source_language: An ISO 639 code such as `de`, or an empty string if it is not known.
        target_language: Likewise.
        columns: The names of the other columns, in order.
    """

    id: str
    name: str
    source_language: str
    target_language: str
    description: str
    segments: tuple[Segment, ...]
    columns: tuple[str, ...] = ()

    def without_segments(self) -> Dataset:
        """Return the same dataset without segments: all that a model needs to prepare."""
        return evolve(self, segments=())
