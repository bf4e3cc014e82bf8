"""Finds the files of VOC2007: in a folder VOC2007, or in the VOCdevkit that holds it. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from aibench.datasets.folders import listed

HOME = "VOC2007"
IMAGE_SETS = {"train": "trainval", "val": "test"}  # paper, 4.1.2: trained on trainval, scored on the test data


def home(root: Path) -> Path:
    """Return the folder VOC2007 at `root`, which is it or holds it."""
    return root / HOME if (root / HOME).is_dir() else root


def image_list(folder: Path, split: str) -> Path:
    """Return the file that names the images of `split`, `train` or `val`; `folder` is VOC2007."""
    return folder / "ImageSets" / "Main" / f"{IMAGE_SETS[split]}.txt"


def problems(root: Path, typed: str) -> Iterator[str]:
    """Yield what keeps the folder `root`, as `typed`, from holding VOC2007; at most a line."""
    folder = home(root)
    wanted = [folder / "Annotations", folder / "JPEGImages", *(image_list(folder, split) for split in IMAGE_SETS)]
    missing = [path.relative_to(folder).as_posix() for path in wanted if not path.exists()]
    if missing:
        yield (
            f"data.root={typed}: looked in {folder} for {', '.join(missing)}; found {listed(folder)}. Unpack VOC2007's "
            "trainval and test archives into one folder, and set data.root to the VOCdevkit in it."
        )
