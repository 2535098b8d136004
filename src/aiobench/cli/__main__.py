"""`python -m aiobench.cli`: the same as `python -m aiobench`."""

from aiobench.cli import main

main()
