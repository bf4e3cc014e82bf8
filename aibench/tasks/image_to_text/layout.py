"""Finds COCO 2014's images and captions on disk. Imports no torch."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from pathlib import Path

from aibench.datasets.folders import not_found


class Split(enum.StrEnum):
    """Lists which images of COCO 2014 are trained on, and which are held out."""

    coco2014 = enum.auto()  # COCO's own: train2014, and val2014
    karpathy = enum.auto()  # Karpathy & Li 2015: 113,287 of both, and 5,000 of val2014


FOLDERS = {"train": "train2014", "val": "val2014"}
_KARPATHY = "dataset_coco.json"


def caption_files(root: Path, split: Split) -> list[Path]:
    """Return the files with the captions: for training and held out, or one for both."""
    if split is Split.karpathy:
        return [next((path for path in (root / _KARPATHY,) if path.is_file()), root / "annotations" / _KARPATHY)]
    return [root / "annotations" / f"captions_{folder}.json" for folder in FOLDERS.values()]


def problems(root: Path, typed: str, split: Split) -> Iterator[str]:
    """Yield what keeps the folder `root` from holding COCO 2014 and the captions of `split`, a line each."""
    wanted = [*(root / folder for folder in FOLDERS.values()), *caption_files(root, split)]
    missing = [str(path.relative_to(root)) for path in wanted if not path.exists()]
    if missing:
        advice = (
            "Put dataset_coco.json of caption_datasets.zip there, or set data.split=coco2014."
            if missing[0].endswith(_KARPATHY)
            else "Unpack train2014.zip, val2014.zip and annotations_trainval2014.zip into one folder, and set "
            "data.root to it."
        )
        yield not_found(typed, ", ".join(missing), root, advice)
