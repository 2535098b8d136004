"""`strict`, `dtype_backend` and `engine`: for a job's frame, in both APIs, and for a file that was saved."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from aiobench import MissingExtraError, ResultParseError, ResultsWarning
from aiobench.errors import ConfigurationError
from aiobench.frames import read_results
from aiobench.testing import FakePlatform

if TYPE_CHECKING:
    from pathlib import Path

BLEU = "BLEU by sacrebleu"
SCORES = {"model-a": {BLEU: 31.2}}
FAULTY = f"Model,source,{BLEU}\nmodel-a,NA,31.5\nmodel-a,None,Error\n"


def platform(tmp_path: Path) -> FakePlatform:
    """Make a platform whose job `j` has results with a field that is no figure."""
    fake = FakePlatform()
    segments = pd.DataFrame({"Model": ["model-a"] * 2, "source": ["NA", "None"], BLEU: ["31.5", "Error"]})
    fake.job("completed", id="j", scores=SCORES, segments=segments)
    return fake


@pytest.mark.anyio
async def test_a_fault_is_a_warning_or_an_error(tmp_path: Path) -> None:
    """By default the field is missing, and a warning names its line; with strict, there is no frame."""
    async with platform(tmp_path).client() as client:
        job = client.job("j")
        with pytest.warns(ResultsWarning, match="line 3"):
            frame = await job.download_results_as_csv(return_dataframe=True)
        with pytest.raises(ResultParseError, match="line 3"):
            await job.download_results_as_csv(return_dataframe=True, strict=True)

    assert frame[BLEU].isna().tolist() == [False, True]


def test_the_blocking_api_has_them_too(tmp_path: Path) -> None:
    """The same arguments in `aiobench.sync`."""
    with platform(tmp_path).sync_client() as client:
        job = client.job("j")
        with pytest.raises(ResultParseError, match="line 3"):
            job.download_results_as_csv(return_dataframe=True, strict=True)
        with pytest.warns(ResultsWarning):
            frame = job.download_results_as_csv(return_dataframe=True, dtype_backend="pyarrow", engine="python")

    assert str(frame["source"].dtype) == "string[pyarrow]"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"dtype_backend": "numpy"}, "dtype_backend= must be 'numpy_nullable' or 'pyarrow', not 'numpy'"),
        ({"engine": "c"}, "engine= must be 'pyarrow' or 'python', not 'c'"),
        ({"strict": "yes"}, "strict= must be True or False, not 'yes'"),
    ],
)
def test_what_is_no_choice_is_refused_before_the_download(
    tmp_path: Path, options: dict[str, Any], sentence: str
) -> None:
    """Nothing is asked of the platform."""
    fake = platform(tmp_path)
    with fake.sync_client() as client, pytest.raises(ConfigurationError, match=re.escape(sentence)):
        client.job("j").download_results_as_csv(return_dataframe=True, **options)

    assert list(fake.requests) == []


def test_a_saved_file_is_read_as_a_jobs(tmp_path: Path) -> None:
    """Only empty fields are missing, and a metric's faults are reported."""
    path = tmp_path / "results.csv"
    path.write_text(FAULTY)

    with pytest.warns(ResultsWarning, match=re.escape(f"{path}, line 3")):
        frame = read_results(path, metrics=[BLEU])
    with pytest.raises(ResultParseError, match="line 3"):
        read_results(path, metrics=[BLEU], strict=True)

    assert frame["source"].tolist() == ["NA", "None"]
    assert read_results(path)[BLEU].tolist() == ["31.5", "Error"]


def test_pyarrow_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"aiobench\[export\]"):
        read_results(tmp_path / "any.csv", engine="pyarrow")
