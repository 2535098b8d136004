"""`python -m benchmarks [NAME …]`: run all benchmarks, or those named, and write `bench-results/NAME.json`."""

from __future__ import annotations

import argparse
import time
from importlib import import_module

from benchmarks import results
from benchmarks.machine import description
from benchmarks.processes import server
from benchmarks.rounds import HEAD, Bench, as_json
from benchmarks.targets import verdicts

NAMES = (
    "poll",
    "layers",
    "monitor",
    "downloads",
    "frames",
    "documents",
    "imports",
    "sync",
    "local",
    "evaluating",
    "testing",
)


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; none: all")
    parser.add_argument("--rounds", type=int, default=4, help="rounds of each contender")
    parser.add_argument("--seconds", type=float, default=0.25, help="length of a round")
    parser.add_argument(
        "--profile", action="store_true", help="profile one more round each, into bench-results/profiles"
    )
    options = parser.parse_args()
    if unknown := sorted(set(options.names) - set(NAMES)):
        parser.error(f"there is no benchmark {', '.join(unknown)}")
    machine = description()
    print("\n".join(f"{name:<14} {value}" for name, value in machine.items()))
    older = {folder.name.rpartition("-")[2]: str(folder.resolve()) for folder in results.FOLDER.glob("aixplain-*")}
    for name in options.names or NAMES:
        started = time.monotonic()
        with server() as running:
            profiles = results.FOLDER / "profiles" if options.profile else None
            bench = Bench(running, options.rounds, options.seconds, profiles, older)
            print(f"\n{name}\n{HEAD}", flush=True)
            import_module(f"benchmarks.{name}").run(bench)
        results.write(name, machine, as_json(bench.figures))
        print(f"{time.monotonic() - started:.0f} s", flush=True)
    print("\nfigures to reach", *verdicts(), sep="\n")


if __name__ == "__main__":
    main()
