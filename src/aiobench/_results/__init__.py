"""A job document → scores, failure rates, explanations and frames.

Pure functions of a decoded document belong here, and the one place that makes pandas frames; no requests, no files
but the CSV it is told to read. The shapes are those of the platform's SDK; where they differ on purpose, `WIRE.md`,
"What the incumbent SDK does with it", says how.
"""
