"""What a dataset is: segments in one language pair."""

from __future__ import annotations

from attrs import frozen

__all__ = ["Dataset", "Segment"]


@frozen
class Segment:
    """One thing to translate, what a translator made of it, and what it is about."""

    source: str
    reference: str
    topic: str


@frozen
class Dataset:
    """Segments in one language pair (languages as ISO 639 codes, such as `de`)."""

    id: str
    name: str
    source_language: str
    target_language: str
    description: str
    segments: tuple[Segment, ...]
