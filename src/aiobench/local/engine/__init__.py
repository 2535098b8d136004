"""Runs jobs: segments, scores, results files and the records of both."""
