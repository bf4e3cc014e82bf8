"""Finds the images of Cityscapes, as published or prepared for CycleGAN and pix2pix. Imports no torch.

raw       `leftImg8bit/SPLIT/CITY/*_leftImg8bit.png` and `gtFine/SPLIT/CITY/*_gtFine_{color,labelIds}.png`, of the
          splits train and val
folders   `trainA` and `testA` (or `valA`) with photos, `trainB` and `testB` with label maps, all named `NUMBER_A.jpg`
          or `NUMBER_B.jpg`; a number in testA and the same in testB are of one scene
joined    `train` and `test` (or `val`), each file a photo and at its right the label map of the scene
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aibench.datasets.folders import class_folders, enumerated, image_files, listed, not_found

_PHOTO, _COLOURS, _IDS = "_leftImg8bit.png", "_gtFine_color.png", "_gtFine_labelIds.png"
_HELD_OUT = ("test", "val")
_WANTED = "leftImg8bit and gtFine, or trainA, trainB, testA and testB, or train and test"


class Layout(enum.StrEnum):
    """Lists how a folder may hold the data set."""

    raw = enum.auto()
    folders = enum.auto()
    joined = enum.auto()


@dataclass(frozen=True, slots=True)
class Files:
    """Holds the files of one split, sorted.

    Attributes:
        layout: How the folder holds them.
        photos: Photos; under `joined` the same files as `labels`.
        labels: Label maps in Cityscapes' colours.
        ids: Under `raw`, of each label map the file with the values of its labels; else empty.
    """

    layout: Layout
    photos: list[Path]
    labels: list[Path]
    ids: list[Path]


def layout_of(root: Path) -> Layout | None:
    """Return how `root` holds the data set; None where it does not."""

    def has(*names: str) -> bool:
        return all((root / name).is_dir() for name in names)

    if has("leftImg8bit", "gtFine"):
        return Layout.raw
    if has("trainA", "trainB") and any(has(f"{name}A", f"{name}B") for name in _HELD_OUT):
        return Layout.folders
    if has("train") and any(has(name) for name in _HELD_OUT):
        return Layout.joined
    return None


def problems(root: Path, typed: str) -> Iterator[str]:
    """Yield what keeps the folder `root` from being one of the three layouts, a line each."""
    layout = layout_of(root)
    if layout is None:
        yield not_found(typed, f"the folders {_WANTED}", root, "Set data.root to the folder that holds them.")
        return
    for split in ("train", "val"):
        yield from _problems_of(root, typed, split, layout)


def files(root: Path, split: str) -> Files:
    """Return the files of `split`, `train` or `val`, in `root`, which has no `problems`."""
    layout = layout_of(root)
    assert layout is not None, "Config.problems lets no such root through"
    if layout is Layout.raw:
        names = _frames(root / "leftImg8bit" / split, _PHOTO)
        photos = [root / "leftImg8bit" / split / f"{name}{_PHOTO}" for name in names]
        labels, ids = ([root / "gtFine" / split / f"{name}{kind}" for name in names] for kind in (_COLOURS, _IDS))
        return Files(layout, photos, labels, ids)
    if layout is Layout.folders:
        folders = [_folder(root, split, letter) for letter in "AB"]
        photos, labels = ([folder / name for name in sorted(image_files(folder), key=_number)] for folder in folders)
        return Files(layout, photos, labels, [])
    folder = _folder(root, split, "")
    images = [folder / name for name in image_files(folder)]
    return Files(layout, images, images, [])


def _folder(root: Path, split: str, letter: str) -> Path:
    """Return the folder of `split` in a prepared layout."""
    names = ("train",) if split == "train" else _HELD_OUT
    return next(root / f"{name}{letter}" for name in names if (root / f"{name}{letter}").is_dir())


def _problems_of(root: Path, typed: str, split: str, layout: Layout) -> Iterator[str]:
    if layout is Layout.raw:
        yield from _raw_problems(root, typed, split)
        return
    for letter in "AB" if layout is Layout.folders else [""]:
        folder = _folder(root, split, letter)
        if not image_files(folder):
            yield not_found(typed, f"images in {folder.name}", folder, "Restore them.")
            return
    if layout is Layout.folders:
        for folder in (_folder(root, split, letter) for letter in "AB"):
            twice = sorted(number for number, count in Counter(map(_number, image_files(folder))).items() if count > 1)
            if twice:
                yield f"data.root={typed}: {folder.name} has two images of {enumerated(twice)}. Remove one of each."
                return
    if layout is Layout.folders and split == "val":
        first, second = (_folder(root, split, letter) for letter in "AB")
        numbers = [{_number(name) for name in image_files(folder)} for folder in (first, second)]
        single = sorted(numbers[0] ^ numbers[1])
        if single:
            yield (
                f"data.root={typed}: {first.name} and {second.name} must show the same scenes, and only one of them "
                f"has {enumerated(single)}. Restore the other's images."
            )


def _raw_problems(root: Path, typed: str, split: str) -> Iterator[str]:
    photos, labels = root / "leftImg8bit" / split, root / "gtFine" / split
    wanted = {
        kind: _frames(folder, kind) if folder.is_dir() else []
        for kind, folder in ((_PHOTO, photos), (_COLOURS, labels), (_IDS, labels))
    }
    for kind, folder in ((_PHOTO, photos), (_COLOURS, labels)):
        if not wanted[kind]:
            found = listed(folder) if folder.is_dir() else "no such folder"
            place = folder.relative_to(root)
            yield f"data.root={typed}: looked for {place}/CITY/*{kind}, found {found}. Unpack both archives there."
            return
    known = set(wanted[_PHOTO])
    for kind in (_COLOURS, _IDS):
        missing = [f"{name}{kind}" for name in sorted(known - set(wanted[kind]))]
        if missing:
            yield (
                f"data.root={typed}: {len(known):,} photos in leftImg8bit/{split}, and gtFine/{split} lacks "
                f"{enumerated(missing)}. Unpack gtFine_trainvaltest.zip there."
            )
            return


def _frames(folder: Path, kind: str) -> list[str]:
    """Return `CITY/FRAME` of each file of a kind, sorted."""
    return [
        f"{city}/{name.removesuffix(kind)}"
        for city in class_folders(folder)
        for name in image_files(folder / city)
        if name.endswith(kind)
    ]


def _number(name: str) -> str:
    """Return what the file names of a photo and its label map share: `7` of `7_A.jpg`."""
    return Path(name).stem.removesuffix("_A").removesuffix("_B")
