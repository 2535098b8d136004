"""The demo's two datasets, generated from the CLDR."""

from __future__ import annotations

import csv
import json
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["write_demo_datasets"]

DEMO_LANGUAGES = {"de": "German", "fr": "French"}


def write_demo_datasets(root: Path) -> None:
    """Write the demo's datasets: English country names with their German and French names in the CLDR.

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
