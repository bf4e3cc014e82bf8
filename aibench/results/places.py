"""Finds result files in folders of runs, sweeps and studies. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

RESULT = "result.json"


def files_at(place: Path) -> list[str]:
    """Return the result files at `place`, sorted: a file itself; a run's or a sweep's; those that a study keeps.

    Links are not followed, and what may not be looked into is passed over. Only a folder without a `result.json` at
    any depth is taken for a study's, which keeps results under other names, right in it or in its `results`.
    """
    if not place.is_dir():
        return [str(place)] if place.exists() else []  # a pipe too: its reader says what it is
    found, left = [], [os.fspath(place)]
    while left:
        try:
            with os.scandir(left.pop()) as entries:
                for entry in entries:
                    if entry.name == RESULT:
                        found.append(entry.path)
                    elif entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
        except OSError:
            continue
    return sorted(found or map(str, place.glob("*.json"))) or sorted(map(str, place.glob("results/*.json")))


def result_files(places: Sequence[Path]) -> Iterator[Path]:
    """Yield the result files at all `places`, each once."""
    seen: set[str] = set()
    for path in (path for place in places for path in files_at(place)):
        if (real := os.path.realpath(path)) not in seen:
            seen.add(real)
            yield Path(path)
