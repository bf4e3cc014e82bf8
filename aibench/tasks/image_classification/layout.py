"""Where the images of an ImageNet tree lie: `train/CLASS/*` and `val/CLASS/*` or `validation/CLASS/*`. No torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

SPLITS = {"train": ("train",), "val": ("val", "validation")}
SUFFIXES = (".jpeg", ".jpg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
_SHOWN = 5


def split_folder(root: Path, split: str) -> Path | None:
    """The folder that holds the classes of `split`; None where there is none."""
    return next((root / name for name in SPLITS[split] if (root / name).is_dir()), None)


def class_folders(folder: Path) -> list[str]:
    """Names of the folders in `folder`, sorted: a class's index is its place in this list."""
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def image_files(folder: Path) -> list[str]:
    """Names of the image files in `folder`, sorted."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.name.lower().endswith(SUFFIXES) and entry.is_file()]
    return sorted(name for name in names if not name.startswith("."))


def problems(root: Path, classes: int) -> Iterator[str]:
    """What keeps the folder `root` from being an ImageNet tree of `classes` classes, a line each."""
    folders = {split: split_folder(root, split) for split in SPLITS}
    train, val = folders["train"], folders["val"]
    if train is None or val is None:
        yield (
            f"data.root={root}: looked for the folders train and val (or validation), found {_listed(root)}. "
            "Set data.root to the folder that holds them."
        )
        return
    known = class_folders(train)
    for folder in (train, val):
        if not class_folders(folder):
            images = len(image_files(folder))
            yield (
                f"data.root={root}: looked for a folder for each class in {folder.name}, found {images:,} images and "
                f"no folder. Sort the images into folders named after their classes: {folder.name}/n01440764/*.JPEG."
            )
            return
    strange = [name for name in class_folders(val) if name not in set(known)]
    if strange:
        yield (
            f"data.root={root}: {val.name} has classes that train lacks: {_enumerated(strange)}. "
            "Name the folders of both after the same classes."
        )
    if len(known) != classes:
        yield (
            f"data.root={root}: {len(known):,} class folders in train, and data.classes={classes}. "
            f"Complete the data set, or set data.classes={len(known)}."
        )


def _listed(folder: Path) -> str:
    return _enumerated(sorted(entry.name for entry in folder.iterdir())) or "nothing"


def _enumerated(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
