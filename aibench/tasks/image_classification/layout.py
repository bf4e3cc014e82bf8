"""Finds the images of an ImageNet tree: `train/CLASS/*` and `val/CLASS/*` or `validation/CLASS/*`. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from aibench.datasets.folders import class_folders, enumerated, image_files, not_found

SPLITS = {"train": ("train",), "val": ("val", "validation")}


def split_folder(root: Path, split: str) -> Path | None:
    """Return the folder that holds the classes of `split`; None where there is none."""
    return next((root / name for name in SPLITS[split] if (root / name).is_dir()), None)


def problems(root: Path, typed: str, classes: int) -> Iterator[str]:
    """Yield what keeps the folder `root` from being an ImageNet tree of `classes` classes, a line each."""
    folders = {split: split_folder(root, split) for split in SPLITS}
    train, val = folders["train"], folders["val"]
    if train is None or val is None:
        yield not_found(
            typed, "the folders train and val (or validation)", root, "Set data.root to the folder that holds them."
        )
        return
    known = class_folders(train)
    for folder in (train, val):
        if not class_folders(folder):
            images = len(image_files(folder))
            yield (
                f"data.root={typed}: looked for a folder for each class in {folder.name}, found {images:,} images and "
                f"no folder. Sort the images into folders named after their classes: {folder.name}/n01440764/*.JPEG."
            )
            return
    strange = [name for name in class_folders(val) if name not in set(known)]
    if strange:
        yield (
            f"data.root={typed}: {val.name} has classes that train lacks: {enumerated(strange)}. "
            "Name the folders of both after the same classes."
        )
    if len(known) != classes:
        yield (
            f"data.root={typed}: {len(known):,} class folders in train, and data.classes={classes}. "
            f"Complete the data set, or set data.classes={len(known)}."
        )
