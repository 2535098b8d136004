"""The page in a real browser: `nox -s browser`, which needs Debian's chromium."""

from __future__ import annotations

import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from aiobench.local import LocalBackend

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

HOSTILE = '<img src=x onerror="document.title=1"><script>document.title = 1</script>'
WAIT = 20_000  # milliseconds


@pytest.fixture(scope="module")
def gates() -> tuple[threading.Event, threading.Event]:
    """Hold the models `waits` and `waits too` up."""
    return threading.Event(), threading.Event()


@pytest.fixture(scope="module")
def backend(gates: tuple[threading.Event, threading.Event]) -> Iterator[LocalBackend]:
    """Serve a job that has ended, and one that waits; names are markup."""

    def waits(source: str) -> str:
        gates[0].wait(60)
        return source

    def waits_too(source: str) -> str:
        gates[1].wait(60)
        return source

    models = {HOSTILE: str.upper, "waits": waits, "waits too": waits_too}
    with LocalBackend(models=models) as backend, backend.sync_client() as client:
        arguments: dict[str, Any] = {"dataset": "countries-de", "metrics": ["chrf", "wer"]}
        chosen = ["iso-gettext", "copy-source", HOSTILE]
        client.create_benchmark(f"Done {HOSTILE}", models=chosen, **arguments).start().wait(timeout=60)
        client.create_benchmark("Waiting", models=["waits"], **arguments).start()
        yield backend
        for gate in gates:
            gate.set()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Debian's chromium."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium")
    assert path is not None, "install Debian's chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-quic"])
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """Collect what the browser complains of."""
    return []


@pytest.fixture
def opened(backend: LocalBackend, browser: Browser, complaints: list[str]) -> Iterator[Page]:
    """Open the page and give it the key, by the keyboard alone."""
    context = browser.new_context(viewport={"width": 1100, "height": 900})
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(backend.base_url)
    page.keyboard.type(backend.api_key)  # the field has the focus
    page.keyboard.press("Enter")
    page.get_by_role("row", name="Waiting").wait_for(timeout=WAIT)
    yield page
    context.close()


def test_names_are_shown_and_never_run(opened: Page, complaints: list[str]) -> None:
    """Benchmarks and models with markup for names are texts, in the list and in the leaderboard."""
    opened.get_by_role("button", name=f"Done {HOSTILE}").click()
    rows = opened.get_by_role("table", name="chrF by sacrebleu").get_by_role("row")
    rows.filter(has_text=HOSTILE).wait_for(timeout=WAIT)

    assert opened.title() == "aiobench"
    assert opened.locator("img").count() == 0
    assert opened.locator("script").count() == 1
    assert complaints == []


def test_a_wrong_key_is_told_and_another_can_be_typed(backend: LocalBackend, browser: Browser) -> None:
    """The field is selected again; the right key opens the page."""
    page = browser.new_page()
    page.goto(backend.base_url)
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    page.get_by_text("That is not the key of this backend.").wait_for(timeout=WAIT)
    page.keyboard.type(backend.api_key)
    page.keyboard.press("Enter")
    page.get_by_text("Live", exact=True).wait_for(timeout=WAIT)
    page.close()


def test_the_key_is_kept_in_memory_alone(opened: Page) -> None:
    """No cookie and no storage; after a reload the page asks again."""
    assert opened.context.cookies() == []
    assert opened.context.storage_state()["origins"] == []
    assert opened.get_by_label("The backend's API key").input_value() == ""
    opened.reload()
    opened.get_by_label("The backend's API key").wait_for(timeout=WAIT)
    assert opened.get_by_role("table").count() == 0


def test_the_policy_would_have_been_heard(opened: Page, complaints: list[str]) -> None:
    """A script that is not the page's own does not run, and the console says so."""
    opened.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "document.title = 1";
            document.body.append(script);
        }"""
    )
    assert opened.title() == "aiobench"
    assert any("Content Security Policy" in complaint for complaint in complaints)


def test_all_of_it_is_reached_by_the_keyboard(opened: Page, complaints: list[str]) -> None:
    """Tab goes to the jobs, Enter opens one, and the focus goes to its title; its files are next."""
    for _ in range(20):
        opened.keyboard.press("Tab")
        if opened.evaluate("() => document.activeElement.textContent").startswith("Done"):
            break
    opened.keyboard.press("Enter")
    opened.get_by_role("table", name="WER by jiwer").wait_for(timeout=WAIT)
    assert opened.evaluate("() => document.activeElement.id") == "one-title"
    opened.keyboard.press("Tab")
    assert opened.evaluate("() => document.activeElement.textContent") == "Results (CSV)"
    opened.keyboard.press("Tab")
    with opened.context.expect_page() as report:
        opened.keyboard.press("Enter")
    report.value.get_by_role("heading", name="Scores").wait_for(timeout=60_000)
    assert complaints == []


def test_everything_has_a_name(opened: Page) -> None:
    """What a screen reader says: each button, link, bar and table has a name, and the changes are a status."""
    opened.get_by_role("button", name=f"Done {HOSTILE}").click()
    opened.get_by_role("table", name="chrF by sacrebleu").wait_for(timeout=WAIT)
    nameless = opened.evaluate(
        """() => [...document.querySelectorAll("button, a, progress, table, [role=region], input")]
            .filter((each) => each.checkVisibility())
            .filter((each) => !(each.getAttribute("aria-label") || each.textContent.trim() || each.labels?.length
                || document.getElementById(each.getAttribute("aria-labelledby"))))
            .map((each) => each.outerHTML)"""
    )
    assert nameless == []
    assert opened.get_by_role("progressbar", name="Progress of Waiting").count() == 1
    assert opened.get_by_role("button", name="Cancel Waiting").count() == 1
    assert opened.get_by_role("button", name=f"Cancel Done {HOSTILE}").count() == 0
    assert opened.locator("#said").get_attribute("aria-live") == "polite"


@pytest.mark.parametrize("width", [360, 1400])
def test_nothing_sticks_out_at_the_side(opened: Page, width: int) -> None:
    """On a phone and on a wide screen, the page is as wide as the window: wide tables scroll in themselves."""
    opened.set_viewport_size({"width": width, "height": 800})
    opened.get_by_role("button", name=f"Done {HOSTILE}").click()
    opened.get_by_role("table", name="chrF by sacrebleu").wait_for(timeout=WAIT)
    assert opened.evaluate("() => document.documentElement.scrollWidth") == width


def start_two(backend: LocalBackend) -> None:
    """Start two jobs that wait, of which one can run beside the one there is."""
    with backend.sync_client() as client:
        for name in ("Another", "Third"):
            client.create_benchmark(name, dataset="countries-de", models=["waits too"], metrics=["chrf"]).start()


def test_a_job_moves_without_a_reload_and_can_be_canceled(
    opened: Page, backend: LocalBackend, gates: tuple[threading.Event, threading.Event]
) -> None:
    """Jobs that start while the page is open appear on top; one is canceled, and the other goes on to its end."""
    with ThreadPoolExecutor(1) as elsewhere:  # this thread has the browser's event loop
        elsewhere.submit(start_two, backend).result()
    opened.get_by_role("row", name="Third").wait_for(timeout=WAIT)
    assert opened.locator("#jobs tbody tr").first.inner_text().startswith("Third")

    opened.get_by_role("button", name="Cancel Third").click()
    opened.get_by_role("row", name="Third").get_by_text("canceled").wait_for(timeout=WAIT)
    gates[1].set()
    opened.get_by_role("row", name="Another").get_by_text("completed").wait_for(timeout=WAIT)
    assert "249 of 249" in opened.get_by_role("row", name="Another").inner_text()
    assert opened.locator("#said").inner_text() == "Another: completed"
