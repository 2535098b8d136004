"""Check the built wheel and sdist: required files are present, and the wheel contains only the package.

Usage: python tools/check_dist.py DIRECTORY
"""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

IN_WHEEL = {"aiobench/__init__.py", "aiobench/py.typed"}
IN_SDIST = {"CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml", "src/aiobench/py.typed"}


def complaints(directory: Path) -> list[str]:
    """Return what is wrong with the one wheel and the one sdist in *directory*, a sentence each."""
    (wheel,) = directory.glob("aiobench-*.whl")
    (sdist,) = directory.glob("aiobench-*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = set(archive.namelist())
    with tarfile.open(sdist) as archive:
        in_sdist = {name.partition("/")[2] for name in archive.getnames()}
    alien = {name for name in in_wheel if not name.startswith(("aiobench/", "aiobench-"))}
    return [
        *(f"{wheel.name} lacks {name}" for name in sorted(IN_WHEEL - in_wheel)),
        *(f"{wheel.name} holds {name}, which is not part of the package" for name in sorted(alien)),
        *(f"{sdist.name} lacks {name}" for name in sorted(IN_SDIST - in_sdist)),
    ]


if __name__ == "__main__":
    sys.exit("\n".join(complaints(Path(sys.argv[1]))) or None)
