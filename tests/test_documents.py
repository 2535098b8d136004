"""What the documents say is so: their Python runs against the local backend, and what they point to is there."""

from __future__ import annotations

import asyncio
import io
import re
import subprocess
import sys
import tomllib
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from sybil import Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

import aiobench
from aiobench import errors, events
from aiobench.local import LocalBackend
from aiobench.sync import _bridge

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sybil import Example

ROOT = Path(__file__).parents[1]
PROGRAMS = [
    str(path.relative_to(ROOT))
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
    if "```python" in path.read_text("utf-8")
]
PAGES = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "docs/**/*.md", "changelog.d/*.md", ".github/**/*.md")
    for path in ROOT.glob(pattern)
    if path.name != "template.md"
)
HOSTS = {
    "peps.python.org",
    "semver.org",
}  # a new one is a decision: it has to stay, and to be worth leaving the page for
NOBODYS = (".example", ".internal")  # kept free for documents and private networks
NUMBER = re.compile(r"\d+(?:\.\d+)?")
LINK = re.compile(r"\]\(([^()\s]+)\)|^\[[^\]]+\]:\s*(\S+)|\b(?:href|src)=[\"']([^\"']+)", re.MULTILINE)
CITED = re.compile(r"\b(docs/[\w/.-]+\.md)(?:#([\w-]+))?")  # a page of ours, and perhaps a heading of it
SOURCES = sorted(
    str(path.relative_to(ROOT))
    for pattern in (
        "*.py",
        "*.toml",
        *(f"{folder}/**/*.py" for folder in ("src", "tests", "benchmarks", "tools", "examples")),
    )
    for path in ROOT.glob(pattern)
)
CODE = re.compile(r"^(`{3,})[^`].*?^\1$|^(`{3,})$.*?^\2$", re.MULTILINE | re.DOTALL)


async def finished_job(backend: LocalBackend) -> tuple[str, str]:
    """Run a small benchmark and return its id and its job's."""
    async with backend.client() as client:
        benchmark = await client.create_benchmark(
            "documents", dataset="countries-de", models=["iso-gettext", "copy-source"], metrics=["exact-match"]
        )
        job = await benchmark.start()
        await job.wait(timeout=60)
        return benchmark.id, job.id


@pytest.fixture(scope="module")
def backend() -> Iterator[LocalBackend]:
    """Serve a platform of our own."""
    with LocalBackend() as backend:
        yield backend


@pytest.fixture
def environment(backend: LocalBackend) -> dict[str, str]:
    """Give each page a benchmark with one finished job, as the environment variables that a reader would set."""
    benchmark_id, job_id = asyncio.run(finished_job(backend))
    return {
        "BACKEND_URL": backend.base_url,
        "TEAM_API_KEY": backend.api_key,
        "BENCHMARK_ID": benchmark_id,
        "JOB_ID": job_id,
    }


def same(shown: str, printed: str) -> bool:
    """Compare word by word. `…` stands for any word, and a figure may be off by 5%.

    The texts and names that are scored come from Babel and pycountry, whose releases differ a little.
    """

    def alike(one: str, other: str) -> bool:
        if "…" in one:
            return re.fullmatch(re.escape(one).replace("…", ".*"), other) is not None
        if NUMBER.sub("#", one) != NUMBER.sub("#", other):
            return False
        figures = zip(NUMBER.findall(one), NUMBER.findall(other), strict=True)
        return all(float(a) == pytest.approx(float(b), rel=0.05) for a, b in figures)

    words, others = shown.split(), printed.split()
    return len(words) == len(others) and all(map(alike, words, others))


@pytest.fixture
def _own_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give a page's jobs without a client a background thread that ends with the page, not with the process."""
    owner = _bridge.Owner(_bridge._nothing_to_close, is_default=True)
    monkeypatch.setattr(_bridge, "_default", owner)
    yield
    owner.close()


class Run:
    """The programs of one page, and what they printed since the page last showed an output."""

    def __init__(self) -> None:
        self.printed = io.StringIO()

    def program(self, example: Example) -> None:
        assert self.printed.getvalue() == "", f"line {example.line}: the program before it has no output block"
        with redirect_stdout(self.printed):
            PythonEvaluator()(example)

    def output(self, example: Example) -> None:
        printed, self.printed = self.printed.getvalue(), io.StringIO()
        assert same(example.parsed, printed), f"line {example.line} should show:\n{printed}"


@pytest.mark.usefixtures("_own_thread")
@pytest.mark.parametrize("document", PROGRAMS)
def test_blocks_of_a_document_run(
    document: str, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader who pastes the programs of one page in order gets the output that the page shows below each."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    run = Run()
    parsers = [CodeBlockParser("python", run.program), CodeBlockParser("text", run.output)]

    try:
        for example in Sybil(parsers=parsers, path=str(ROOT)).parse(ROOT / document).examples():
            example.evaluate()
    finally:
        if HTTPXClientInstrumentor().is_instrumented_by_opentelemetry:  # by telemetry.md, for the whole process
            HTTPXClientInstrumentor().uninstrument()
    assert run.printed.getvalue() == ""


def test_tests_of_the_page_about_testing_pass(tmp_path: Path) -> None:
    """A reader who pastes the page's tests into one file and runs pytest sees what the page shows."""
    page = (ROOT / "docs" / "howto" / "testing.md").read_text("utf-8")
    (tmp_path / "test_mine.py").write_text("\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL)), "utf-8")
    command = (sys.executable, "-W", "ignore", "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_mine.py")
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False, timeout=100)

    shown = re.findall(r"^\$ pytest -q test_mine.py\n(\d+ passed)$", page, re.MULTILINE)
    assert re.findall(r"^(.*?) in [\d.]+s", run.stdout, re.MULTILINE) == shown, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("shown", "printed", "expected"),
    [
        ("LLM  86.6", "LLM 87.1\n", True),
        ("LLM  86.6", "LLM 96.6\n", False),
        ("job … done", "job 1f3 done", True),
        ("'a': 1,", "'b': 1,", False),
        ("one", "one two", False),
        ("BLEU", "chrF", False),
    ],
)
def test_output_is_compared_by_words_and_figures(*, shown: str, printed: str, expected: bool) -> None:
    """An output block that shows another word, or a figure that is more than 5% off, is noticed."""
    assert same(shown, printed) is expected


def test_the_reference_names_what_the_package_exports() -> None:
    """Every public name has its place in the reference, each once; errors and events have theirs as modules."""
    pages = "\n".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "reference").glob("*.md"))
    named = re.findall(r"^::: aiobench\.(\w+)$", pages, re.MULTILINE)

    in_modules = {*errors.__all__, *events.__all__}
    assert sorted({*aiobench.__all__} - {*in_modules, "__version__"}) == sorted({*named} - {"errors", "events"})
    assert len(named) == len({*named})


def links(page: str) -> list[str]:
    """Give what a page links to, code apart."""
    text = CODE.sub("", (ROOT / page).read_text("utf-8"))
    return [next(filter(None, found)) for found in LINK.findall(re.sub(r"`[^`\n]*`", "", text))]


def anchors(path: Path) -> set[str]:
    """Give the anchors of a page's headings, as GitHub and MkDocs spell them."""
    headings = re.findall(r"^#+ +(.+?)\s*$", CODE.sub("", path.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """A link inside the project names a file that is there, and a heading that the file has; one outside is meant."""
    broken = []
    for link in links(page):
        url = urlsplit(link)
        if url.scheme:
            meant = url.scheme == "https" and url.hostname in HOSTS
        else:
            target = (ROOT / page).parent / url.path if url.path else ROOT / page
            meant = target.exists() and (not url.fragment or url.fragment in anchors(target))
        broken += [] if meant else [link]
    assert broken == []


@pytest.mark.parametrize(
    "page", [page for page in PAGES if not page.startswith(("changelog.d", "docs/assets", ".github"))]
)
def test_prose_is_wrapped(page: str) -> None:
    """A line of prose has at most 100 characters; tables, headings, code and issue templates have what they need."""
    lines = CODE.sub("", (ROOT / page).read_text("utf-8")).splitlines()

    assert [line for line in lines if len(line) > 100 and not line.startswith(("|", "#"))] == []


@pytest.mark.parametrize("page", PAGES)
def test_addresses_are_meant(page: str) -> None:
    """Whatever else looks like an address is this machine, or nobody's: no example reaches a stranger's server."""
    found = {urlsplit(url).hostname for url in re.findall(r"https?://[\w.:\[\]-]+", (ROOT / page).read_text("utf-8"))}

    assert {host for host in found if host and not host.endswith(NOBODYS)} <= {*HOSTS, "127.0.0.1", "localhost"}


@pytest.mark.parametrize("page", PAGES)
def test_files_and_sessions_that_are_named_exist(page: str) -> None:
    """What stands in backticks and looks like a path of the project, or runs a nox session, is there."""
    text = (ROOT / page).read_text("utf-8")
    paths = re.findall(r"`((?:\.ci|benchmarks|changelog\.d|docs|examples|src|tests|tools)/[\w./-]*)`", text)
    sessions = re.findall(r"\bnox (?:-R )?-s ([a-z]+)", text)
    known = re.findall(r"^def ([a-z]+)\(session", (ROOT / "noxfile.py").read_text("utf-8"), re.MULTILINE)

    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert {*sessions} <= {*known}


@pytest.mark.parametrize("place", [*PAGES, *SOURCES])
def test_extras_that_are_named_exist(place: str) -> None:
    """Whoever installs an extra that a page, a docstring or an error names gets it."""
    named = re.findall(
        r"\bextras? `([a-z]+)`|\bextra=\"([a-z]+)\"|aiobench\[([a-z,]+)\]", (ROOT / place).read_text("utf-8")
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

    assert {each for words in named for each in "".join(words).split(",")} <= set(project["optional-dependencies"])


def test_what_comments_refer_to_exists() -> None:
    """A page, a heading or a decision that the code cites is there."""
    decisions = set(re.findall(r"^(\d+)\. \*\*", (ROOT / "docs/design.md").read_text("utf-8"), re.MULTILINE))
    broken = []
    for source in SOURCES:
        text = (ROOT / source).read_text("utf-8")
        for page, anchor in CITED.findall(text):
            if not (ROOT / page).is_file() or (anchor and anchor not in anchors(ROOT / page)):
                broken.append((source, page, anchor))
        broken += [(source, cited) for cited in re.findall(r"\bdecision (\d+)", text) if cited not in decisions]
    assert broken == []


NOT_IN_A_CLONE = re.compile(r"\b(?:WIRE|API2?|FAULTS|DESIGN|STYLE)\.md\b|\b(?:FAULTS F\d|DESIGN,\s)")


@pytest.mark.parametrize("source", SOURCES)
def test_what_a_clone_does_not_hold_is_not_cited(source: str) -> None:
    """No source refers to a page that readers of the repository cannot open."""
    assert NOT_IN_A_CLONE.findall((ROOT / source).read_text("utf-8")) == []
