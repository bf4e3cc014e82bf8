"""Finds the images: any folders of them below `train`, and those of the evaluation in `kodak`. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from aibench.datasets.folders import class_folders, image_files, not_found

TRAIN, HELD_OUT = "train", "kodak"


def images_below(folder: Path) -> Iterator[str]:
    """Yield paths, relative to `folder`, of the images in it and in the folders in it, at any depth; sorted in each."""
    yield from image_files(folder)
    for name in class_folders(folder):
        for path in images_below(folder / name):
            yield os.path.join(name, path)


def problems(root: Path, typed: str) -> Iterator[str]:
    """Yield what keeps the folder `root` from holding images to train on and to evaluate with, a line each."""
    missing = [name for name in (TRAIN, HELD_OUT) if not (root / name).is_dir()]
    if missing:
        yield not_found(
            typed,
            f"the folders {TRAIN} and {HELD_OUT}",
            root,
            "Set data.root to the folder that holds both; they may be links.",
        )
        return
    if next(images_below(root / TRAIN), None) is None:
        yield not_found(
            typed, f"images in {TRAIN} and the folders in it", root / TRAIN, "Put the training images there."
        )
    if not image_files(root / HELD_OUT):
        yield not_found(
            typed,
            f"images in {HELD_OUT}",
            root / HELD_OUT,
            "Put kodim01.png to kodim24.png there, or other images to evaluate with.",
        )
