"""Pictures as SVG for embedding in a page: without comments or duplicate ids, and with a text alternative."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from attrs import frozen

from aiobench import plotting
from aiobench._display import printable
from aiobench._results import lazy_pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Picture", "pictures_of"]

SVG, XLINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
REFERENCE = re.compile(r"url\(#([^)]+)\)")
MOST_MODELS = 40


@frozen
class Picture:
    """A picture: its title, a description in words, and its SVG."""

    title: str
    description: str
    svg: str


def pictures_of(
    segments: pd.DataFrame, board: pd.DataFrame, pairs: pd.DataFrame | None, metrics: Sequence[str]
) -> tuple[Picture, ...]:
    """Draw the scores on each metric, the differences on the first, and the failures.

    With more models than a picture can hold, there is none: the tables have them.
    """
    if board["Model"].nunique() > MOST_MODELS:
        return ()
    pictures: list[Picture] = []
    for metric in metrics:
        rows = [row for row in board.to_dict("records") if row["metric"] == metric and row["n"] > 0]
        said = "; ".join(f"{row['Model']} {row['mean']:.3g} ({row['low']:.3g} to {row['high']:.3g})" for row in rows)
        pictures.append(_picture(plotting.scores(board, metric=metric), f"Means on {metric}", said, len(pictures)))
    if pairs is not None and len(pairs[pairs["metric"] == metrics[0]]) <= MOST_MODELS:
        rows = [row for row in pairs.to_dict("records") if row["metric"] == metrics[0]]
        said = "; ".join(f"{row['a']} minus {row['b']}: {row['difference']:.3g}" for row in rows)
        ax = plotting.differences(pairs, metric=metrics[0])
        pictures.append(_picture(ax, f"Differences in {metrics[0]}", said, len(pictures)))
    said = "The share of segments that each model failed on; the table of failures has the figures."
    pictures.append(_picture(plotting.failures(segments), "Failed segments", said, len(pictures)))
    return tuple(pictures)


def _picture(ax: Axes, title: str, description: str, number: int) -> Picture:
    figure = ax.get_figure(root=True)
    assert figure is not None  # axes that plotting made have one
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return Picture(title, description, _embedded(file.getvalue(), title, description, f"picture{number}"))


def _embedded(svg: bytes, title: str, description: str, prefix: str) -> str:
    """Prepare an SVG for a page; parsing it drops its comments, which hold the texts that were drawn."""
    ET.register_namespace("", SVG)
    ET.register_namespace("xlink", XLINK)
    root = ET.fromstring(svg)  # noqa: S314 - matplotlib's own
    width, height = (float(root.attrib.pop(name).removesuffix("pt")) for name in ("width", "height"))
    root.set("role", "img")
    root.set("aria-labelledby", f"{prefix}-title {prefix}-text")
    root.set("style", f"max-width: {width:.0f}pt; aspect-ratio: {width:.2f} / {height:.2f}")
    for element in root.iter():
        for name, value in element.attrib.items():
            if name == "id":
                element.set(name, f"{prefix}-{value}")
            elif name in {"href", f"{{{XLINK}}}href"} and value.startswith("#"):
                element.set(name, f"#{prefix}-{value[1:]}")
            elif "url(#" in value:
                element.set(name, REFERENCE.sub(rf"url(#{prefix}-\1)", value))
    for metadata in root.findall(f"{{{SVG}}}metadata"):
        root.remove(metadata)
    for tag, text, name in (("desc", description, "text"), ("title", title, "title")):
        element = ET.Element(f"{{{SVG}}}{tag}", id=f"{prefix}-{name}")
        element.text = printable(text)
        root.insert(0, element)
    return ET.tostring(root, encoding="unicode")
