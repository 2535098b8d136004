"""A report in a real browser: `nox -s browser`, which needs Debian's chromium."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from aiobench.report import report
from report.reports import hostile_evaluation
from report.test_report import Page

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.browser

OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--enable-logging=stderr",
)  # fmt: skip


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a report."""
    evaluation = hostile_evaluation()
    return report(evaluation.snapshot, tmp_path_factory.mktemp("browser") / "r.html", segments=evaluation.segments)


def browse(path: Path, profile: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Open a page in a browser of its own."""
    browser = shutil.which("chromium")
    assert browser is not None, "install Debian's chromium: apt-get install chromium"
    command = (browser, *OPTIONS, f"--user-data-dir={profile}", *options, path.as_uri())
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=100, check=True)


def test_it_opens_without_a_complaint(path: Path, tmp_path: Path) -> None:
    """Nothing on the console, and nothing that a hostile output added."""
    done = browse(path, tmp_path, "--dump-dom")

    page = Page(done.stdout)
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    assert page.named("script") == page.named("img") == []
    assert len(page.named("svg")) == 4


def test_the_console_would_have_been_heard(path: Path, tmp_path: Path) -> None:
    """The check above can fail: a page that breaks its own policy is heard."""
    broken = tmp_path / "broken.html"
    broken.write_text(path.read_text(encoding="utf-8").replace("</main>", "<img src=http://127.0.0.1:9/x></main>"))

    done = browse(broken, tmp_path / "profile", "--dump-dom")

    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] != []


@pytest.mark.parametrize("width", [360, 1400])
def test_nothing_sticks_out_at_the_side(path: Path, tmp_path: Path, width: int) -> None:
    """On a phone and on a wide screen, the page is as wide as the window: wide tables scroll in themselves."""
    measured = tmp_path / "measured.html"
    frame = f'<iframe id="f" src="{path.as_uri()}" style="width: {width}px; height: 900px; border: 0"></iframe>'
    script = "f.onload = () => { document.title = f.contentDocument.documentElement.scrollWidth }"
    measured.write_text(f"<!DOCTYPE html><title>-</title>{frame}<script>{script}</script>")

    done = browse(
        measured, tmp_path / "profile", "--allow-file-access-from-files", "--virtual-time-budget=5000", "--dump-dom"
    )

    assert f"<title>{width}</title>" in done.stdout
