"""`python -m aiobench.cli`: the command line where no `aiobench` is on the path."""

import sys

from aiobench.cli import main

sys.exit(main())
