"""Finds LSUN's databases: `CATEGORY_train_lmdb/data.mdb` and `CATEGORY_val_lmdb/data.mdb`. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from aibench.datasets.folders import listed

SPLITS = ("train", "val")
# LSUN's scenes (Yu et al. 2015, arXiv 1506.03365).
CATEGORIES = (
    *("bedroom", "bridge", "church_outdoor", "classroom", "conference_room"),
    *("dining_room", "kitchen", "living_room", "restaurant", "tower"),
)


def database(root: Path, category: str, split: str) -> Path:
    """Return the file that holds the images of `split`."""
    return root / f"{category}_{split}_lmdb" / "data.mdb"


def problems(root: Path, typed: str, category: str) -> Iterator[str]:
    """Yield what keeps the folder `root` from being LSUN, a line each."""
    for split in SPLITS:
        file = database(root, category, split)
        if file.is_file():
            continue
        holder = file.parent if file.parent.is_dir() else root
        yield (
            f"data.root={typed}: looked for {file.relative_to(root)}, found {listed(holder)} in {holder.name}. Unpack "
            f"{category}_{split}_lmdb.zip there, or set data.root to the folder that holds {file.parent.name}."
        )
