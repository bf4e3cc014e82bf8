"""Finds the record files of robot pushing. Imports no torch."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from pathlib import Path

from aibench.datasets.folders import files_like, not_found


class Collection(enum.StrEnum):
    """Lists the collections of pushing robots."""

    google_push = enum.auto()  # push_train/push_train.tfrecord-00000-of-00264 ...
    bair = enum.auto()  # softmotion30_44k/{train,test}/*.tfrecords


SPLITS = {"train": "train", "val": "test"}  # folders of `bair`
_GOOGLE_FOLDERS = ("push/push_train", "push_train", ".")
_BAIR_FOLDERS = ("softmotion30_44k", ".")


def record_files(root: Path, collection: Collection, held_out_part: float) -> dict[str, list[Path]]:
    """Return the files of each split, sorted; no file where there is none.

    Of `google_push`, whose files come without a split of this kind, the last `held_out_part` are held out.
    """
    if collection is Collection.bair:
        home = next((root / name for name in _BAIR_FOLDERS if (root / name / "train").is_dir()), root)
        return {split: _files(home / folder, "*.tfrecords") for split, folder in SPLITS.items()}
    found = (_files(root / folder, "push_train.tfrecord-*-of-*") for folder in _GOOGLE_FOLDERS)
    files = next((paths for paths in found if paths), [])
    kept = int((1 - held_out_part) * len(files) + 1e-9)
    return {"train": files[:kept], "val": files[kept:]}


def _files(folder: Path, pattern: str) -> list[Path]:
    return [folder / name for name in files_like(folder, pattern)] if folder.is_dir() else []


def problems(
    root: Path, typed: str, collection: Collection, expected: int | None, held_out_part: float
) -> Iterator[str]:
    """Yield what keeps the folder `root` from being the `collection` of `expected` files, a line each."""
    files = record_files(root, collection, held_out_part)
    count = sum(map(len, files.values()))
    if count and expected is not None and count != expected:
        yield (
            f"data.root={typed}: {count:,} record files, and data.files={expected}. Complete the data set, or set "
            f"data.files={count}."
        )
    elif not all(files.values()):
        wanted = {
            Collection.google_push: "2 or more files push_train.tfrecord-*-of-* (also in push_train, push/push_train)",
            Collection.bair: "train/*.tfrecords and test/*.tfrecords (also in softmotion30_44k)",
        }
        yield not_found(
            typed,
            wanted[collection],
            root,
            "Set data.root to the folder that holds them, or data.collection to the one that is there.",
        )
