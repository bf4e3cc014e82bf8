"""Finds the folder of a task's data set on this machine where `data.root` does not name it. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

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
    common = os.environ.get(DATA)
    if common:
        folder = Path(common).expanduser() / task
        if folder.is_dir():
            return str(folder)
    return None if installed is None else str(installed)


def home_of(task: str, roots: Mapping[str, str]) -> str | None:
    """Return where the data of `task` should be put: the folder that is named for it, there or not."""
    common = os.environ.get(DATA)
    return roots.get(task) or (str(Path(common).expanduser() / task) if common else None)
