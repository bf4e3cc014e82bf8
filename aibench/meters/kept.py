"""Keeps as JSON in the cache what takes long to find out and stays as it is."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection
from contextlib import ExitStack
from functools import cache as once
from pathlib import Path
from typing import Any

from filelock import FileLock

from aibench.config.places import expanded
from aibench.results.result import write_atomically

Content = dict[str, Any]


def kept(
    cache: str,
    name: str,
    make: Callable[[], Content],
    keys: Collection[str],
    *,
    again: bool = False,
    lasts: Callable[[Content], bool] = lambda _: True,
) -> Content:
    """Return what `make` makes, from the file `name` where it was made before; of two processes the second waits.

    A cache that cannot be written costs the time to make it anew, and that is said once.

    Args:
        cache: The folder `data.cache`; made where it is missing.
        name: Name of the file, with a digest of all that decides what is in it.
        make: Makes the content.
        keys: Keys that the content has; a file with others is made anew.
        again: Whether to make it also where one is kept.
        lasts: Returns whether what was made is worth keeping.
    """
    path = expanded(cache) / name
    with ExitStack() as held:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(FileLock(f"{path}.lock"))
        except OSError as error:
            _say(cache, error.strerror or str(error))
        found = None if again else _read(path)
        if found is not None and set(found) == set(keys):
            return found
        found = make()
        try:
            if lasts(found):
                write_atomically(path, json.dumps(found))
        except OSError as error:
            _say(cache, error.strerror or str(error))
        return found


def _read(path: Path) -> Content | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


@once
def _say(cache: str, reason: str) -> None:
    logging.getLogger("aibench").warning(
        "aibench: data.cache=%s: %s, so what was measured is not kept. Set data.cache to a folder that can be written.",
        cache,
        reason,
    )
