"""Reads faces on disk: VGGFace2's folders of identities, and the images that LFW's pairs name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import v2

from aibench.contract import DataError, digest
from aibench.datasets.folders import class_folders, image_files
from aibench.tasks.face_embedding.layout import HELD_OUT, TRAIN, pairs_file
from aibench.vision.files import read_image

Indices = NDArray[np.int64]


class Faces(Dataset[tuple[Tensor, Tensor]]):
    """Reads images on disk. A sample is an image, uint8 (3, size, size), and the index of its person, int64 ().

    An image is resized until its shorter side has `size` pixels, and its middle is taken. Paths lie in one array, not
    in three million strings: processes that read samples share its memory.

    Args:
        folder: What the paths are relative to.
        paths: The paths of the images.
        labels: Who they show, int64 (images,).
        size: In pixels.
    """

    def __init__(self, folder: Path, paths: list[bytes], labels: Indices, size: int) -> None:
        self.folder = folder
        self.paths = np.array(paths)
        self.labels = labels
        self.transform = v2.Compose([v2.Resize(size), v2.CenterCrop(size), v2.PILToTensor()])

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image: Tensor = self.transform(read_image(self.folder / os.fsdecode(self.paths[index])))
        return image, torch.tensor(self.labels[index])

    def fingerprint(self) -> str:
        """Name the files and people."""
        return digest(self.paths.view(np.uint8), self.labels)

    def file_paths(self) -> Iterator[Path]:
        """Yield the images."""
        return (self.folder / os.fsdecode(path) for path in self.paths)


def vggface2(root: Path, count: int | None, size: int) -> Faces:
    """Return the training images below `root`; `count` of them takes the first people's.

    Raises:
        DataError: A person's folder without images, or fewer images than asked for.
    """
    folder = root / TRAIN
    paths: list[bytes] = []
    labels: list[Indices] = []
    for place, name in enumerate(class_folders(folder)):
        found = image_files(folder / name)
        if not found:
            raise DataError(f"{folder / name}: no image in this person's folder. Restore its images, or remove it.")
        paths += [os.fsencode(f"{name}/{image}") for image in found]
        labels.append(np.full(len(found), place))
        if count is not None and len(paths) >= count:
            break
    if count is not None and count > len(paths):
        raise DataError(f"{folder}: {len(paths):,} images, fewer than data.train_size={count}. Lower data.train_size.")
    return Faces(folder, paths[:count], np.concatenate(labels)[:count], size)


@dataclass(frozen=True)
class Protocol:
    """Holds LFW's held-out images and what is asked of them.

    Attributes:
        images: Those that the pairs name, in the order in which they first come.
        pairs: int64 (pairs, 4): first image, second image, whether one person's, fold.
        folds: How many there are.
    """

    images: Faces
    pairs: Indices
    folds: int


def lfw(root: Path, size: int) -> Protocol:
    """Read LFW as its list of pairs has it: fold by fold, in each the pairs of one person, then the others.

    Raises:
        DataError: The list is not LFW's, or names an image that is not there.
    """
    path = pairs_file(root)
    assert path is not None, "Config.problems lets no such root through"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: {getattr(error, 'strerror', None) or error}. Restore this file.") from error
    folds, each = _header(path, lines)
    index: dict[str, int] = {}
    people: dict[str, int] = {}
    labels: list[int] = []
    pairs = []
    for place, line in enumerate(lines[1 : 1 + 2 * folds * each]):
        same = place // each % 2 == 0
        named = _pair(path, place + 2, line, same)
        for name, number in named:
            image = f"{name}/{name}_{number:04d}.jpg"
            if image not in index:
                if not (root / HELD_OUT / image).is_file():
                    raise DataError(f"{path}, line {place + 2}: no image {image} in {root / HELD_OUT}. Restore it.")
                index[image] = len(index)
                labels.append(people.setdefault(name, len(people)))
        first, second = (index[f"{name}/{name}_{number:04d}.jpg"] for name, number in named)
        pairs.append((first, second, int(same), place // (2 * each)))
    faces = Faces(root / HELD_OUT, [os.fsencode(image) for image in index], np.array(labels), size)
    return Protocol(faces, np.array(pairs), folds)


def _header(path: Path, lines: list[str]) -> tuple[int, int]:
    """Return the folds, and the pairs of one person in each; there are as many of two."""
    words = lines[0].split() if lines else []
    if len(words) != 2 or not all(word.isdigit() and int(word) > 0 for word in words):
        raise DataError(f"{path}, line 1: looked for the numbers of folds and pairs, found {' '.join(words)!r}.")
    folds, each = int(words[0]), int(words[1])
    if folds < 2:
        raise DataError(f"{path}, line 1: {folds} fold; the protocol needs 2 or more.")
    if len(lines) < 1 + 2 * folds * each:
        raise DataError(
            f"{path}: {len(lines):,} lines; {folds} folds of twice {each} pairs take {1 + 2 * folds * each:,}. "
            "Restore this file."
        )
    return folds, each


def _pair(path: Path, number: int, line: str, same: bool) -> list[tuple[str, int]]:
    """Return the two images of line `number`: `name i j` for one person, `name i other j` for two."""
    words = line.split("\t") if "\t" in line else line.split()
    words = [words[0], words[1], words[0], words[2]] if same and len(words) == 3 else words
    form = "a name and two numbers" if same else "two names, a number after each"
    whole = len(words) == 4 and words[1].isdigit() and words[3].strip().isdigit()
    if not whole or (not same and words[0] == words[2]):
        raise DataError(f"{path}, line {number}: looked for {form}, found {line[:60]!r}.")
    if same and int(words[1]) == int(words[3]):
        raise DataError(f"{path}, line {number}: an image with itself, {line[:60]!r}.")
    return [(words[0], int(words[1])), (words[2], int(words[3]))]
