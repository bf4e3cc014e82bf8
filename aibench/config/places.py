"""Reads the home folder at the begin of a path. Imports no torch."""

from __future__ import annotations

import os
from pathlib import Path


def expanded(path: object) -> Path:
    """Return `path` with the home folder in place of `~`; a user that this machine does not know stays as typed.

    So what is said of such a path names it, where `Path.expanduser` raises an error that does not.
    """
    return Path(os.path.expanduser(str(path)))
