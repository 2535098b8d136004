"""Rows → segments and models: which rows are the same segment, and which model each belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from attrs import frozen

from aiobench._results import lazy_pandas as pd
from aiobench.analysis.errors import AnalysisError
from aiobench.analysis.metrics import Floats

__all__ = ["Codes", "Rows", "paired", "scores_of"]

Codes = npt.NDArray[np.intp]

TEXTS = (("source", "reference"), ("inputText", "referenceText"))
TEXT_COLUMNS = frozenset(column for pair in TEXTS for column in pair)


@frozen(eq=False)
class Rows:
    """A results frame whose rows know their segment and their model.

    Attributes:
        frame: The rows, numbered from 0.
        models: The models' names, in order of first sight; `NAME (JOB)` where one was run several times.
        model: Each row's model, a place in `models`.
        segment: Each row's segment, counted from 0 in order of first sight.
        segments: How many segments there are.
        keys: The columns that tell segments apart.
    """

    frame: pd.DataFrame
    models: tuple[str, ...]
    model: Codes
    segment: Codes
    segments: int
    keys: tuple[str, ...]

    def place(self, model: str) -> int:
        """Return a model's place among the models.

        Raises:
            AnalysisError: If there is no such model.
        """
        try:
            return self.models.index(str(model))  # a frame may have numbers for models
        except ValueError:
            raise AnalysisError(f"there is no model {model!r}; the frame has {', '.join(self.models)}") from None

    def column(self, name: str) -> pd.Series[Any]:
        """Return a column.

        Raises:
            AnalysisError: If there is no such column.
        """
        if name not in self.frame.columns:
            raise AnalysisError(f"there is no column {name!r}; the frame has {', '.join(map(str, self.frame.columns))}")
        return self.frame[name]


def paired(segments: pd.DataFrame, segment: str | Sequence[str] | None = None) -> Rows:
    """Find the rows of each segment.

    Args:
        segments: One row per segment and model, with a column `Model`.
        segment: The columns that tell segments apart. Defaults to `segment_id`, then `source` and `reference`.

    Raises:
        AnalysisError: If the frame has no rows, no models or no such columns, or a model has a segment twice.
    """
    if not isinstance(segments, pd.DataFrame):
        raise AnalysisError(f"segments must be a pandas frame, not {type(segments).__name__}")
    if "Model" not in segments.columns:
        raise AnalysisError(
            f"there is no column 'Model'; the frame has {', '.join(map(str, segments.columns)) or 'no columns'}"
        )
    if not segments.columns.is_unique:
        twice = segments.columns[segments.columns.duplicated()][0]
        raise AnalysisError(f"the frame has two columns named {twice!r}")
    if segments.empty:
        raise AnalysisError("the frame has no rows")
    frame = segments.reset_index(drop=True)
    model, names = pd.factorize(frame["Model"])
    if (model < 0).any():
        raise AnalysisError(f"{int((model < 0).sum())} rows name no model")
    keys = _keys(frame, segment)
    code = _segment_codes(frame, keys, model)
    models = tuple(map(str, names))
    if _has_twice(model, code):
        model, models = _models_by_job(frame, keys, model, models, code)
    return Rows(frame, models, model, code, int(code.max()) + 1, keys)


def scores_of(rows: Rows, metric: str) -> Floats:
    """Return a metric's scores, one row a segment and one column a model; NaN where a model has none.

    A segment that a model failed on has no score, whatever the column says, and neither has one whose score is
    infinite.

    Raises:
        AnalysisError: If the column holds anything but numbers.
    """
    column = rows.column(metric)
    try:
        values = pd.to_numeric(column).astype("Float64").to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise AnalysisError(f"the column {metric!r} is not a metric: {error}") from error
    values = np.where(np.isfinite(values), values, np.nan)
    if "Model_success" in rows.frame.columns:
        success = rows.frame["Model_success"]
        values[success.isin([False, "False", "false"]).to_numpy(dtype=bool, na_value=False)] = np.nan
    scores = np.full((rows.segments, len(rows.models)), np.nan)
    scores[rows.segment, rows.model] = values
    return scores


def _keys(frame: pd.DataFrame, segment: str | Sequence[str] | None) -> tuple[str, ...]:
    """Choose the columns that tell segments apart."""
    columns = frame.columns
    if segment is not None:
        keys = (segment,) if isinstance(segment, str) else tuple(segment)
        if not keys:
            raise AnalysisError("segment names no column")
        for key in keys:
            if key not in columns:
                raise AnalysisError(f"there is no column {key!r}; the frame has {', '.join(map(str, columns))}")
    elif "segment_id" in columns and frame["segment_id"].notna().any():
        keys = _with_texts_if_jobs_differ(frame)
    else:
        pair = next((pair for pair in TEXTS if pair[0] in columns), None)
        if pair is None:
            raise AnalysisError(
                "the rows of a segment cannot be found: there is no column segment_id or source; name one with "
                f"segment=…. The frame has {', '.join(map(str, columns))}"
            )
        keys = tuple(column for column in pair if column in columns)
    for key in set(keys) - TEXT_COLUMNS:  # an empty text is a text, but a segment without an id has none
        missing = int(frame[key].isna().sum())
        if missing:
            raise AnalysisError(f"{missing} rows have no {key}")
    return keys


def _with_texts_if_jobs_differ(frame: pd.DataFrame) -> tuple[str, ...]:
    """Take ids for what they are within one dataset; two datasets both count from 0, and their texts differ."""
    source = next((pair[0] for pair in TEXTS if pair[0] in frame.columns), None)
    if source is None:
        return ("segment_id",)
    texts = frame[["segment_id", source]].dropna().drop_duplicates()
    differing = texts["segment_id"].duplicated()
    if not differing.any():
        return ("segment_id",)
    if "job_id" in frame.columns and not frame.groupby("job_id")[source].count().eq(0).any():
        within = frame[["job_id", "segment_id", source]].dropna().drop_duplicates()
        if not within.duplicated(["job_id", "segment_id"]).any():
            return ("segment_id", source)
    example = texts.loc[differing, "segment_id"].iloc[0]
    raise AnalysisError(
        f"segment_id {example!r} has rows with different texts in {source!r}: the frame holds several datasets. Add a "
        "column job_id, or name the columns that tell segments apart with "
        "segment=[…]"
    )


def _segment_codes(frame: pd.DataFrame, keys: tuple[str, ...], model: Codes) -> Codes:
    """Number the segments; where texts alone tell them apart, equal ones are counted for each model."""
    columns = [frame[key].fillna("") if key in TEXT_COLUMNS else frame[key] for key in keys]
    code = _combined([_factorized(column) for column in columns])
    if set(keys) <= TEXT_COLUMNS:
        runs = [code, model]
        if "job_id" in frame.columns:
            runs.append(_factorized(frame["job_id"]))
        occurrence = np.asarray(pd.Series(0, index=frame.index).groupby(_combined(runs)).cumcount(), dtype=np.intp)
        code = _combined([code, occurrence])
    return code


def _factorized(column: pd.Series[Any]) -> Codes:
    return np.asarray(pd.factorize(column, use_na_sentinel=False)[0])


def _combined(parts: Sequence[Codes]) -> Codes:
    """Number the combinations of several codes in order of first sight."""
    code = parts[0]
    for part in parts[1:]:
        code = np.asarray(pd.factorize(code * (int(part.max()) + 1) + part)[0])
    return code


def _has_twice(model: Codes, code: Codes) -> bool:
    return bool(pd.Series(code * (int(model.max()) + 1) + model).duplicated().any())


def _models_by_job(
    frame: pd.DataFrame, keys: tuple[str, ...], model: Codes, models: tuple[str, ...], code: Codes
) -> tuple[Codes, tuple[str, ...]]:
    """Tell the runs of one model apart by job, where that is what makes a segment come twice."""
    rows = pd.DataFrame({"model": model, "segment": code})
    if "job_id" in frame.columns:
        rows["job"] = _factorized(frame["job_id"])
        if not rows.duplicated().any():
            repeated = set(rows.loc[rows.duplicated(["model", "segment"]), "model"])
            names = [
                f"{models[place]} ({job})" if place in repeated else models[place]
                for place, job in zip(model, frame["job_id"], strict=True)
            ]
            new, unique = pd.factorize(pd.Series(names))
            return np.asarray(new), tuple(map(str, unique))
    twice = rows.duplicated(["model", "segment"])
    first = int(twice.to_numpy().argmax())
    example = ", ".join(f"{key} {frame[key].iloc[first]!r}" for key in keys)
    raise AnalysisError(
        f"model {models[model[first]]!r} has {int(twice.sum())} segments more than once, for example {example}. Remove "
        "the duplicates, tell runs apart with a column job_id, or name the columns that tell segments apart with "
        "segment=[…]"
    )
