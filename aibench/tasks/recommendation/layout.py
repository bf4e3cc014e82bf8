"""Finds the ratings of MovieLens's releases. Imports no torch."""

from __future__ import annotations

import enum
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from aibench.datasets.folders import not_found


class Release(enum.StrEnum):
    """Lists releases of MovieLens."""

    ml_100k = enum.auto()
    ml_1m = enum.auto()
    ml_20m = enum.auto()


RECBOLE_FILE = "ml-100k.inter"  # in place of u.data: the same ratings, as the package recbole has them
FILES = {Release.ml_100k: "u.data", Release.ml_1m: "ratings.dat", Release.ml_20m: "ratings.csv"}
DATA = {Release.ml_100k: "reference", Release.ml_1m: "ml_1m", Release.ml_20m: "ml_20m"}  # files of conf/data


def in_package() -> Path | None:
    """Return the folder in which the package recbole, of which nothing is imported, has MovieLens 100K."""
    try:
        found = importlib.util.find_spec("recbole")
    except (ImportError, ValueError):
        return None
    places = [Path(place) / "dataset_example/ml-100k" for place in (found and found.submodule_search_locations) or []]
    return next((place for place in places if (place / RECBOLE_FILE).is_file()), None)


def ratings_file(root: Path, release: Release) -> Path | None:
    """Return the ratings in `root`, or in the folder in it that the release's archive makes; None if there are none."""
    folders = (root, root / release.value.replace("_", "-"))
    names = (FILES[release], RECBOLE_FILE) if release is Release.ml_100k else (FILES[release],)
    candidates = (folder / name for folder in folders for name in names)
    return next((path for path in candidates if path.is_file()), None)


def problems(root: Path, typed: str, release: Release) -> Iterator[str]:
    """Yield what keeps the folder `root`, as `typed`, from being the release's; at most a line."""
    if ratings_file(root, release):
        return
    other = next((other for other in Release if ratings_file(root, other)), None)
    hint = (
        f"Set data=recommendation/{DATA[other]} for the release that is there"
        if other
        else "Set data.root to the folder that holds it"
    )
    yield not_found(typed, f"{FILES[release]} of {release}", root, f"{hint}.")
