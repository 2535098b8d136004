"""Models: the demo's systems, functions, and predictions in a column or a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

if TYPE_CHECKING:
    from aiobench.local.catalogue.systems import System
    from aiobench.local.datasets import Dataset, Segment

__all__ = ["FileModel", "FunctionModel", "Model", "Predict", "PredictionsModel", "SystemModel"]

Predict = Callable[["Segment"], "str | Awaitable[str]"]
Function = Callable[[str], "str | Awaitable[str]"]


@frozen
class Model(ABC):
    """A model that benchmarks can run.

    Attributes:
        label: Its name for people.
        supplier: Who made what it builds on.
        description: A sentence about it.
        price: Credits for 1,000 characters of output.
        timeout: Seconds that an attempt at a segment may take.
        retries: Attempts after one that failed.
        concurrency: Segments at a time, where it runs in this process.
    """

    label: str
    supplier: str = field(default="you", kw_only=True)
    description: str = field(default="", kw_only=True)
    price: float = field(default=0.0, kw_only=True)
    timeout: float = field(default=300.0, kw_only=True)
    retries: int = field(default=0, kw_only=True)
    concurrency: int = field(default=1, kw_only=True)

    @property
    def can_hang(self) -> bool:
        """Whether it runs foreign code that may hang, and so needs a thread that can be abandoned."""
        return True

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Its parameters and their defaults."""
        return {}

    def check(self, configuration: Mapping[str, Any]) -> None:
        """Reject an invalid configuration.

        Raises:
            ValueError: If a parameter is unknown or its value is of no use.
        """
        if configuration:
            raise ValueError(f"model {self.label} has no parameters")

    @abstractmethod
    def prepared(self, configuration: Mapping[str, Any], dataset: Dataset) -> Predict:
        """Prepare to run on a dataset.

        Returns:
            A function from a segment to the output, or to an awaitable of it. What it raises makes that segment a
            failed one.
        """


@frozen
class SystemModel(Model):
    """One of the demo's systems, created anew for each configuration."""

    id: str
    system: type[System]

    @classmethod
    def of(cls, system_id: str, system: type[System]) -> SystemModel:
        """Wrap a system under its id."""
        description = " ".join((system.__doc__ or "").partition("\n\n")[0].split())
        return cls(
            system.label, system_id, system, supplier=system.supplier, description=description, price=system.price
        )

    @property
    def can_hang(self) -> bool:
        """It cannot."""
        return False

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The system's parameters and their defaults."""
        from aiobench.local.catalogue.systems import parameters

        return parameters(self.system)

    def check(self, configuration: Mapping[str, Any]) -> None:
        """Reject parameters that the system does not have."""
        self._configured(configuration)

    def prepared(self, configuration: Mapping[str, Any], dataset: Dataset) -> Predict:
        """Create the system."""
        translate = self._configured(configuration).translator(dataset)
        return lambda segment: translate(segment.source)

    def _configured(self, configuration: Mapping[str, Any]) -> System:
        from aiobench.local.catalogue.systems import configure

        return configure(self.id, configuration)


@frozen
class FunctionModel(Model):
    """A function of one source, plain or async."""

    function: Function

    def prepared(self, configuration: Mapping[str, Any], dataset: Dataset) -> Predict:  # noqa: ARG002 - takes all alike
        """Return the function, adapted to take a segment."""
        return lambda segment: self.function(segment.source)


@frozen
class PredictionsModel(Model):
    """A column of the dataset that holds a model's outputs. An empty cell is a failed segment."""

    column: str

    @property
    def can_hang(self) -> bool:
        """It cannot."""
        return False

    def prepared(self, configuration: Mapping[str, Any], dataset: Dataset) -> Predict:  # noqa: ARG002
        """Return a function that reads the column."""
        if self.column not in dataset.columns:
            known = ", ".join(map(repr, dataset.columns)) or "no further columns"
            raise LookupError(f"dataset {dataset.name} has no column {self.column!r} of predictions; it has {known}")
        return self._predict

    def _predict(self, segment: Segment) -> str:
        try:
            return segment.columns[self.column]
        except KeyError:
            raise LookupError("there is no prediction") from None


@frozen
class FileModel(Model):
    """A file that holds a model's outputs by segment."""

    path: str
    outputs: Mapping[str, str] = field(repr=False)

    @property
    def can_hang(self) -> bool:
        """It cannot."""
        return False

    def prepared(self, configuration: Mapping[str, Any], dataset: Dataset) -> Predict:  # noqa: ARG002 - takes all alike
        """Return a function that reads the outputs."""
        return self._predict

    def _predict(self, segment: Segment) -> str:
        try:
            return self.outputs[segment.id]
        except KeyError:
            raise LookupError(f"{self.path} has no prediction for segment {segment.id!r}") from None
