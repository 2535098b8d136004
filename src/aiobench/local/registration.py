"""How models of one's own are named where they are registered."""

from __future__ import annotations

from attrs import frozen

__all__ = ["predictions"]


@frozen
class predictions:  # noqa: N801 - reads as a word where models are listed
    """A column of a dataset that holds a model's outputs, one for each segment.

    Attributes:
        column: The column's name.
    """

    column: str
