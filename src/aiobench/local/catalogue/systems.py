"""The demo's models: systems that really translate names, each wrong in its own way."""

from __future__ import annotations

import gettext
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import pycountry
from attrs import field, fields_dict, frozen, validators
from rapidfuzz import fuzz, process, utils

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from aiobench.local.datasets import Dataset

    Translate = Callable[[str], str]

__all__ = ["SYSTEMS", "System", "configure", "parameters"]


@frozen
class System(ABC):
    """A model; its fields are its parameters.

    Attributes:
        label: Its name for people.
        supplier: Who made what it builds on.
        price: Credits for 1,000 characters of output; play money, so that there is something to see.
    """

    label: ClassVar[str]
    supplier: ClassVar[str]
    price: ClassVar[float]

    @abstractmethod
    def translator(self, dataset: Dataset) -> Translate:
        """Prepare to translate a dataset.

        Args:
            dataset: What will be translated; its target language is what matters.

        Returns:
            A function from a source to its translation; whatever it raises makes that segment a failed one.
        """


class _NoTranslation(gettext.NullTranslations):
    def gettext(self, message: str) -> str:  # noqa: ARG002 - the signature is the standard library's
        raise LookupError("the catalogue has no such name")


def _catalogue(language: str) -> gettext.NullTranslations:
    return gettext.translation("iso3166-1", pycountry.LOCALES_DIR, languages=[language])


@frozen
class IsoGettext(System):
    """The ISO 3166-1 translations that ship with pycountry. An unknown name stays as it is."""

    label: ClassVar[str] = "ISO 3166-1 names"
    supplier: ClassVar[str] = "pycountry"
    price: ClassVar[float] = 0.5

    def translator(self, dataset: Dataset) -> Translate:
        try:
            return _catalogue(dataset.target_language).gettext
        except FileNotFoundError:
            return gettext.NullTranslations().gettext


@frozen
class IsoStrict(System):
    """The same catalogue, but an unknown name is a failure: `Russia`, say, is in the CLDR but not in ISO 3166-1."""

    label: ClassVar[str] = "ISO 3166-1 names, strict"
    supplier: ClassVar[str] = "pycountry"
    price: ClassVar[float] = 0.5

    def translator(self, dataset: Dataset) -> Translate:
        catalogue = _catalogue(dataset.target_language)
        catalogue.add_fallback(_NoTranslation())
        return catalogue.gettext


@frozen
class NearestName(System):
    """The translation of the ISO 3166-1 name most similar to the source, right or wrong.

    Attributes:
        min_similarity: Below this similarity (0 to 100) the segment fails.
    """

    label: ClassVar[str] = "Nearest ISO 3166-1 name"
    supplier: ClassVar[str] = "rapidfuzz"
    price: ClassVar[float] = 2.0

    min_similarity: float = field(
        default=0.0, validator=[validators.instance_of((int, float)), validators.ge(0), validators.le(100)]
    )

    def translator(self, dataset: Dataset) -> Translate:
        catalogue = _catalogue(dataset.target_language)
        names = [
            name
            for country in pycountry.countries
            for name in {country.name, getattr(country, "common_name", country.name)}
        ]
        prepared = {name: utils.default_process(name) for name in sorted(names)}

        def translate(source: str) -> str:
            best = process.extractOne(
                utils.default_process(source), prepared, scorer=fuzz.WRatio, score_cutoff=self.min_similarity
            )
            if best is None:
                raise LookupError(f"no name is {self.min_similarity:g}% similar")
            return catalogue.gettext(best[2])

        return translate


@frozen
class CopySource(System):
    """The baseline: returns the source unchanged.

    Attributes:
        case: `keep`, `lower` or `upper`.
    """

    label: ClassVar[str] = "Copy of the source"
    supplier: ClassVar[str] = "aiobench"
    price: ClassVar[float] = 0.0

    case: str = field(default="keep", validator=validators.in_(("keep", "lower", "upper")))

    def translator(self, dataset: Dataset) -> Translate:  # noqa: ARG002 - it copies in any language
        convert: dict[str, Translate] = {"keep": str, "lower": str.lower, "upper": str.upper}
        return convert[self.case]


SYSTEMS: Mapping[str, type[System]] = {
    "iso-gettext": IsoGettext,
    "iso-strict": IsoStrict,
    "nearest-name": NearestName,
    "copy-source": CopySource,
}


def parameters(system: type[System]) -> dict[str, Any]:
    """Return a system's parameters and their defaults."""
    return {name: attribute.default for name, attribute in fields_dict(system).items()}


def configure(model_id: str, configuration: Mapping[str, Any]) -> System:
    """Create a system with the given parameters.

    Args:
        model_id: A key of `SYSTEMS`.
        configuration: Parameters by name; the others keep their defaults.

    Returns:
        The system.

    Raises:
        ValueError: A parameter is unknown or its value is of no use.
    """
    system = SYSTEMS[model_id]
    known = parameters(system)
    unknown = sorted(configuration.keys() - known.keys())
    if unknown:
        raise ValueError(f"model {model_id} has no parameter {unknown[0]!r}; it has {sorted(known) or 'none'}")
    try:
        return system(**configuration)
    except (TypeError, ValueError) as error:
        raise ValueError(f"model {model_id}: {error.args[0]}") from error
