"""One module for each command: its options, what it asks for, and what it prints.

Each module has `command`, the function that typer reads the options from, and `EXAMPLE`, the end of its `--help`.
What several commands share belongs beside this package.
"""
