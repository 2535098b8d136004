"""Datasets: what a folder of a workspace holds, and the demo's two, made from the CLDR."""

from __future__ import annotations

import csv
import json
from collections import Counter
from typing import TYPE_CHECKING

from attrs import frozen

from aiobench.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Dataset", "Segment", "load_datasets", "write_demo_datasets"]

DEMO_LANGUAGES = {"de": "German", "fr": "French"}


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


def load_datasets(root: Path) -> dict[str, Dataset]:
    """Read every dataset of a workspace, in the order of their ids.

    A dataset is a folder, named by its id, with two UTF-8 files: `dataset.json`, an object with `name`,
    `sourceLanguage`, `targetLanguage` and, if wanted, `description`; and `segments.csv` with the columns `source`,
    `reference` and, if wanted, `topic`.

    Args:
        root: The folder that holds the datasets' folders.

    Returns:
        The datasets by id.

    Raises:
        ConfigurationError: A dataset cannot be read, or has no segments.
    """
    folders = sorted(path for path in root.iterdir() if path.is_dir())
    return {folder.name: _load(folder) for folder in folders}


def _load(folder: Path) -> Dataset:
    try:
        about = json.loads((folder / "dataset.json").read_text("utf-8"))
        with (folder / "segments.csv").open(encoding="utf-8", newline="") as lines:
            segments = tuple(
                Segment(row["source"], row["reference"], row.get("topic") or "") for row in csv.DictReader(lines)
            )
        dataset = Dataset(
            id=folder.name,
            name=str(about["name"]),
            source_language=str(about["sourceLanguage"]),
            target_language=str(about["targetLanguage"]),
            description=str(about.get("description", "")),
            segments=segments,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
        raise ConfigurationError(
            f"the dataset in {folder} cannot be read ({error!r}); it needs dataset.json with name, sourceLanguage "
            "and targetLanguage, and segments.csv with the columns source and reference"
        ) from error
    if not segments:
        raise ConfigurationError(f"the dataset in {folder} has no segments; add some to segments.csv or remove it")
    if not all(segment.source and segment.reference for segment in segments):
        raise ConfigurationError(
            f"the dataset in {folder} has a segment without source or reference; fill it or drop it"
        )
    return dataset


def write_demo_datasets(root: Path) -> None:
    """Write the demo's datasets: the English names of countries, with the CLDR's names in German and French.

    The topic is the area of the country's time zones (`Europe`, `Africa`, ...), which the CLDR knows as well.

    Args:
        root: The folder to write the datasets' folders to.
    """
    from babel import Locale
    from babel.core import get_global
    from pycountry import countries

    english = Locale("en").territories
    zones = get_global("territory_zones")
    codes = sorted(country.alpha_2 for country in countries)
    for language, language_name in DEMO_LANGUAGES.items():
        names = Locale(language).territories
        rows = [
            (english[code], names[code], _area(zones.get(code, ())))
            for code in codes
            if {code} <= english.keys() & names.keys()
        ]
        folder = root / f"countries-{language}"
        folder.mkdir(parents=True)
        about = {
            "name": f"Country names, English to {language_name}",
            "sourceLanguage": "en",
            "targetLanguage": language,
            "description": "Countries of ISO 3166-1 as the Unicode CLDR names them; topic: area of their time zones.",
        }
        (folder / "dataset.json").write_text(json.dumps(about, indent=2) + "\n", "utf-8")
        with (folder / "segments.csv").open("w", encoding="utf-8", newline="") as lines:
            writer = csv.writer(lines)
            writer.writerow(("source", "reference", "topic"))
            writer.writerows(rows)


def _area(zones: list[str] | tuple[()]) -> str:
    areas = Counter(zone.partition("/")[0] for zone in zones)
    return areas.most_common(1)[0][0] if areas else "no time zone"
