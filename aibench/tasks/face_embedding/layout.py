"""Finds VGGFace2's training images and LFW's pairs on disk. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from aibench.datasets.folders import class_folders, image_files, not_found

TRAIN, HELD_OUT, PAIRS = "train", "lfw", "pairs.txt"


def pairs_file(root: Path) -> Path | None:
    """Return LFW's list of pairs, beside its folder or in it; None where there is none."""
    return next((path for path in (root / HELD_OUT / PAIRS, root / PAIRS) if path.is_file()), None)


def problems(root: Path, typed: str) -> Iterator[str]:
    """Yield what keeps the folder `root` from holding VGGFace2 and LFW, a line each."""
    missing = [name for name in (TRAIN, HELD_OUT) if not (root / name).is_dir()]
    if missing:
        yield not_found(
            typed,
            f"the folders {TRAIN} (VGGFace2) and {HELD_OUT} (LFW)",
            root,
            "Set data.root to the folder that holds both.",
        )
        return
    if pairs_file(root) is None:
        yield (
            f"data.root={typed}: looked for {PAIRS} in {HELD_OUT} and beside it, found none. Add LFW's list of pairs "
            "(view 2, 6,000 pairs)."
        )
    for name, example in ((TRAIN, "n000002/0001_01.jpg"), (HELD_OUT, "Aaron_Eckhart/Aaron_Eckhart_0001.jpg")):
        if not class_folders(root / name):
            images = len(image_files(root / name))
            yield (
                f"data.root={typed}: looked for a folder for each person in {name}, found {images:,} images and no "
                f"folder. Unpack the data set as it is: {name}/{example}."
            )
