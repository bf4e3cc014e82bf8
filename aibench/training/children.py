"""Lets processes that this one starts find the package, and end when this one is dead. Imports no torch."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

import aibench

DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux' prctl(2)


def environment(**further: str) -> dict[str, str]:
    """Return the variables of a child: this process's, with the package on the path, and `further` ones."""
    paths = [str(Path(aibench.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **further}


def die_with(parent: int, number: int) -> bool:
    """Have the kernel send this process the signal `number` when `parent` is dead; Linux alone can.

    Returns:
        Whether the parent lives: one that died before sends nothing any more.
    """
    if sys.platform == "linux":
        import ctypes

        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(DIES_WITH_PARENT, number)
    return os.getppid() == parent
