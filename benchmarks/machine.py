"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["description"]

PACKAGES = (
    "aiobench", "aixplain", "aiohttp", "anyio", "attrs", "h11", "httpcore", "httpx", "httpx-aiohttp", "httpx2",
    "huggingface-hub", "msgspec", "openai", "pandas", "pyarrow", "requests", "uvloop",
)  # fmt: skip


def description() -> dict[str, str]:
    """Describe machine and versions."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "load": ", ".join(f"{each:.1f}" for each in os.getloadavg()),
    } | {name: _version(name) for name in PACKAGES}


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    found = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(found, platform.machine())


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "absent"
