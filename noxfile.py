"""Every check of the project, one session each: `nox -s NAME`; `nox -l` lists them.

Environments are created with uv if it is installed, and with virtualenv and pip otherwise.
"""

import re
import subprocess
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["tests", "lint", "types", "docs"]

PYPROJECT = nox.project.load_toml("pyproject.toml")
EXTRAS = PYPROJECT["project"]["optional-dependencies"]
SLOW = (  # most of these start programs, clusters or backends: more than half of the tests' time
    "examples",
    "tests/cli",
    "tests/distributed",
    "tests/local",
    "tests/progress/test_programs.py",
    "tests/sync/test_examples.py",
    "tests/sync/test_processes.py",
    "tests/test_documents.py",
    "tests/test_examples.py",
    "tests/testing/test_plugin.py",
)
WINDOWS = (  # without what starts clusters, notebooks and servers by the dozen, which Wine is too slow for
    "tests/analysis",
    "tests/cli",
    "tests/faults",
    "tests/http",
    "tests/journal",
    "tests/results",
    "tests/sync/test_calls.py",
    "tests/sync/test_processes.py",
    "tests/test_files.py",
    "tests/test_job.py",
    "tests/test_monitor.py",
    "tests/test_monitor_journal.py",
    "tests/testing",
    "tests/watch",
    "tests/wire",
)
ON_TRIO = (  # tests that run it by themselves
    "tests/testing/test_clock.py::test_loops_in_two_threads_share_a_clock",
    "tests/testing/test_plugin.py",
    "tests/watch/test_unchanged.py",
)


def install(session: nox.Session, *what: str, group: str) -> None:
    """Install *what* and a dependency group, with bytecode only where programs are started again and again."""
    bytecode = "--compile" if "test" in group else "--no-compile"
    session.install(bytecode, *what, *nox.project.dependency_groups(PYPROJECT, group))


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests; arguments go to pytest: `nox -s tests -- -k watch`, `nox -s tests -- -n 2 -x`."""
    install(session, "-e", ".[all]", group="test")
    session.run("pytest", *session.posargs or ("-n", "auto"))


@nox.session(default=False)
def unit(session: nox.Session) -> None:
    """Run the tests without the slow ones; arguments go to pytest."""
    install(session, "-e", ".[all]", group="test")
    without = [f"--ignore={each}" for each in SLOW]
    session.run("pytest", *session.posargs or ("-n", "auto"), *without)


@nox.session(default=False)
def browser(session: nox.Session) -> None:
    """Look at pages in a real browser: Debian's chromium, which must be installed."""
    install(session, "-e", ".[all]", group="browser")
    session.run("pytest", *session.posargs, "-m", "browser")


@nox.session(default=False)
def coverage(session: nox.Session) -> None:
    """Run all tests with line and branch coverage; less than `fail_under` is an error."""
    install(session, "-e", ".[all]", group="test")
    session.run("pytest", *session.posargs or ("-n", "auto"), "--cov")


@nox.session(default=False)
def faults(session: nox.Session) -> None:
    """Prove the promises with three seeds and 100,000 cancellations. A failure prints the command that replays it."""
    install(session, "-e", ".[all]", group="test")
    arguments = session.posargs or ("-n", "auto")
    for seed in ("1", "2", "3"):
        session.run("pytest", *arguments, "tests/faults", env={"AIOBENCH_FAULT_SEED": seed})
    cancellations = ("tests/faults/test_connections.py", "-k", "random_cancellations and not aiohttp")
    session.run("pytest", *arguments, *cancellations, "--timeout", "570", env={"AIOBENCH_CANCELLATIONS": "100000"})


@nox.session(default=False)
def soak(session: nox.Session) -> None:
    """Run a service among faults for ten minutes and print what grows; `nox -s soak -- --minutes 60` runs longer."""
    install(session, "-e", ".[all]", group="test")
    session.run("python", "-m", "faults.soak", *session.posargs, env={"PYTHONPATH": "tests"})


@nox.session(default=False)
def kills(session: nox.Session) -> None:
    """Kill services while they start jobs, and backends while they run them; `nox -s kills -- 1000 SEED`."""
    install(session, "-e", ".[all]", group="test")
    for program in ("faults.killed_starts", "local.killed_jobs"):
        session.run("python", "-m", program, *session.posargs, env={"PYTHONPATH": "tests"})


@nox.session(default=False)
def simulate(session: nox.Session) -> None:
    """Check how often intervals hold the truth; `nox -s simulate -- --write` puts the tables into docs/numbers.md."""
    session.install("-e", ".[stats]")
    session.run("python", "tools/simulate.py", *session.posargs)


@nox.session(default=False)
def guards(session: nox.Session) -> None:
    """Remove each guard of a promise in turn and check that a test fails: `nox -s guards -- F16` for one promise."""
    install(session, "-e", ".[all]", group="test")
    session.run("python", "tools/guards.py", *session.posargs)


@nox.session(default=False)
def cases(session: nox.Session) -> None:
    """Run small programs that must exit with 0, each in its own process: `nox -s cases -- FOLDER`."""
    install(session, "-e", ".[all]", group="test")
    (folder,) = session.posargs or ("../shared/cases",)
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(Path(folder).glob("*.py"))}
    imported = set(re.findall(r"^(?:from|import) (\w+)", "\n".join(texts.values()), re.MULTILINE))
    programs = [path for path in texts if path.stem not in imported]
    if not programs:
        session.skip(f"there are no programs in {folder}")
    failed = []
    for path in programs:
        done = subprocess.run(
            [Path(session.bin, "python"), path.resolve()],
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        print(path.stem, done.stdout.strip().rpartition("\n")[2])
        if done.returncode:
            failed.append(path.stem)
    if failed:
        session.error(f"{len(failed)} of {len(programs)} failed: {', '.join(failed)}")


@nox.session
def lowest(session: nox.Session) -> None:
    """Run the tests with the oldest supported dependencies."""
    requirements = [*PYPROJECT["project"]["dependencies"], *(r for extra in EXTRAS.values() for r in extra)]
    bare = [re.sub(r"\[.*?\]", "", r) for r in requirements if not r.startswith("aiobench")]  # extras hold commas
    oldest = [r.partition(",")[0].replace(">=", "==") for r in bare]
    constraints = Path(session.create_tmp(), "lowest.txt")
    constraints.write_text("\n".join(oldest), encoding="utf-8")
    install(session, "-e", ".[all]", "--constraint", str(constraints), group="test")
    session.run("pytest", *session.posargs or ("-n", "auto"))


@nox.session(default=False)
def windows(session: nox.Session) -> None:
    """Run tests with a Windows Python under Wine, which must be installed; arguments go to pytest."""
    session.install("pip", "uv")
    program = ("python", "tools/windows.py", Path(session.cache_dir, "windows"), "-m", "pytest")
    # In two processes, so that one that hangs is replaced. trio cannot run there.
    options = ("-p", "no:cacheprovider", "--timeout-method", "thread", "-n", "2", "-k", "not trio")
    session.run(*program, *options, *(f"--deselect={each}" for each in ON_TRIO), *session.posargs or WINDOWS)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, spelling, the contracts between layers, the metadata and the generated source."""
    install(session, group="lint")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("codespell")
    session.run("lint-imports", "--no-cache", env={"PYTHONPATH": "src"})
    session.run("validate-pyproject", "pyproject.toml")
    session.run("python", "tools/gen_sync.py", "--check")


@nox.session
def types(session: nox.Session) -> None:
    """Check types with mypy, on Windows too, and with pyright, and that every public name has one."""
    install(session, "-e", ".[all]", group="types")
    session.run("mypy")
    session.run("mypy", "--platform", "win32", "--cache-dir", ".mypy_cache/win32")
    session.run("pyright")
    session.run("pyright", "--verifytypes", "aiobench", "--ignoreexternal")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation into `site/`; a warning is an error."""
    install(session, group="docs")
    session.run("mkdocs", "build", "--strict", env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure aiobench beside its peers, into `bench-results/`; `nox -s bench -- poll` runs one part."""
    install(session, "-e", ".[all]", group="bench")
    older = Path("bench-results", "aixplain-0.2.47")  # beside the current release; skipped if it cannot be installed
    if not older.exists():
        session.install("--no-deps", "--target", str(older), "aixplain==0.2.47", success_codes=[0, 1])
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Build the wheel and the sdist into `dist/` and check their contents."""
    install(session, group="package")
    for old in Path("dist").glob("aiobench-*"):
        old.unlink()
    session.run("python", "-m", "build", "--installer", "pip", silent=True)
    session.run("twine", "check", "--strict", *map(str, Path("dist").glob("aiobench-*")))
    session.run("python", "tools/check_dist.py", "dist")


@nox.session(default=False)
def changelog(session: nox.Session) -> None:
    """Show what the next release will say; `nox -s changelog -- build --version X.Y.Z` writes it."""
    install(session, group="changelog")
    session.run("towncrier", *session.posargs or ("build", "--draft", "--version", "next"))


# A line of code that needs each extra.
IMPORTS = {
    "": "import aiobench",
    "cli": "from aiobench.cli import main; main(['--help'])",
    "local": "from aiobench.local import LocalBackend; LocalBackend().__enter__().__exit__(None, None, None)",
    "aiohttp": "from aiobench import Client; Client('key', transport='aiohttp')",
    "plot": "import pandas; pandas.DataFrame({'Model': ['LLM'], 'BLEU': [27.5]}).plot(x='Model', kind='bar')",
    "dask": "import dask, distributed; assert dask.delayed(sum)([1, 2]).compute() == 3",
    "export": "import jinja2, openpyxl, pyarrow, tabulate",
    "otel": "import opentelemetry.metrics",
    "report": "import jinja2, matplotlib, scipy.stats, statsmodels.api",
    "stats": "import scipy.stats, statsmodels.api",
    "all": "import aiobench.cli, aiobench.local, dask, distributed, httpx_aiohttp, matplotlib",
}


@nox.session(requires=["build"], reuse_venv=False)
@nox.parametrize("extra", ["", *EXTRAS])
def package(session: nox.Session, extra: str) -> None:
    """Install the wheel with one extra and nothing else, and use that extra."""
    (wheel,) = Path("dist").glob("aiobench-*.whl")
    session.install(f"aiobench[{extra}] @ {wheel.resolve().as_uri()}")
    session.run("python", "-c", IMPORTS[extra])


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """Run the main job as a newcomer does: `aiobench demo`."""
    session.install("-e", ".[cli]")
    session.run("aiobench", "demo", *session.posargs)
