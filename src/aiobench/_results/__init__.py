"""A job's results as the platform reports them, in the shapes that users read.

Pure functions of a decoded document belong here, and the one place that makes pandas frames. No requests, and no files
but the given CSV. The shapes are those of the platform's SDK; `docs/reference/wire.md` says where they
differ on purpose.
"""
