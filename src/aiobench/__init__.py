"""aiobench: benchmark jobs of the aiXplain platform, async first."""

from aiobench._version import __version__ as __version__
