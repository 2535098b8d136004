"""`python -m aiobench`: the command line where no `aiobench` is on the path."""

import sys

from aiobench.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
