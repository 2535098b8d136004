"""One HTML file about jobs, for people who were not there (extra `report`)."""

from aiobench.report.report import report

__all__ = ["report"]
