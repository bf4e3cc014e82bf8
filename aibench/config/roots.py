"""Finds the folder of a task's data set on this machine where `data.root` does not name it. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from aibench.config.places import expanded

DATA = "AIBENCH_DATA"  # an environment variable: a folder with one for each task in it


def root_of(task: str, roots: Mapping[str, str], installed: Path | None = None) -> str | None:
    """Return the folder of `task`'s data set; None where this machine says of none.

    Args:
        task: Name of the task.
        roots: Folders by task, as a file in `conf/local` has them.
        installed: Where a package that is installed has the data.
    """
    if task in roots:
        return roots[task]
    common = home_of(task)
    if common is not None and Path(common).is_dir():
        return common
    return None if installed is None else str(installed)


def home_of(task: str) -> str | None:
    """Return the folder of `task` in the one for the data of all tasks, there or not; None where none is named."""
    common = os.environ.get(DATA)
    return str(expanded(common) / task) if common else None
