"""Reads images of an ImageNet tree from disk, one by one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate
from torch.utils.data import Dataset
from torchvision.transforms import v2

from aibench.contract import DataError, digest
from aibench.datasets.folders import class_folders, image_files
from aibench.tasks.image_classification.config import DataConfig
from aibench.tasks.image_classification.layout import split_folder
from aibench.vision.jpeg import read_pixels

MIRRORED = 0.5
Transform = Callable[[Tensor], Tensor]


class ImageTree(Dataset[tuple[Tensor, Tensor]]):
    """Reads the images of one split. A sample is an image, uint8 (3, size, size), and its class's index, int64 ().

    File names lie in one array, not in a million strings: processes that read samples share its memory.

    Args:
        root: Holds the folders of the splits.
        split: `train`, whose images are cropped and flipped at random, or `val`.
        classes: Names of the class folders; their order gives the indices.
        config: `size`, `resize`, `train_size` and `val_size` are used. A size takes evenly spaced images of the
            sorted tree, hence of all classes.

    Attributes:
        available: How many images the split has, whatever was asked for.

    Raises:
        DataError: A class folder without images, or fewer images than asked for.
    """

    def __init__(self, root: Path, split: str, classes: list[str], config: DataConfig) -> None:
        folder = split_folder(root, split)
        assert folder is not None, "Config.problems lets no such root through"
        self.folder = folder
        self.classes = classes
        self.transform = training_transform(config.size) if split == "train" else held_out_transform(config)
        count = config.train_size if split == "train" else config.val_size
        names, labels = _scan(folder, classes)
        self.available = len(names)
        self.names, self.labels = _evenly_spaced(names, labels, count, folder, f"data.{split}_size")

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return self.transform(read_pixels(self.path(index))), torch.tensor(self.labels[index])

    def path(self, index: int) -> Path:
        """Return the file of sample `index`."""
        return Path(self.folder, self.classes[self.labels[index]], os.fsdecode(self.names[index]))

    def fingerprint(self) -> str:
        """Name the files and classes, and how pictures are resized: Pillow, which did before, rounds otherwise."""
        return digest("resized as tensors", "\n".join(self.classes), self.names.view(np.uint8), self.labels)

    def file_paths(self) -> Iterator[Path]:
        """Yield the images."""
        return (self.path(index) for index in range(len(self)))


def training_transform(size: int) -> Transform:
    """Cut a random part out of the picture at `size` by `size` pixels, mirrored half of the time.

    Part: 8 to 100 % of the area, sides as 3:4 to 4:3 (Szegedy et al. 2015, arXiv 1409.4842, 6).
    """
    return RandomPart(size)


class RandomPart:
    """Does what v2's RandomResizedCrop and RandomHorizontalFlip do, by their draws, in a fifth less time.

    What is left out is their way through the kinds of input that they take.
    """

    def __init__(self, size: int) -> None:
        self.size, self._crop = size, v2.RandomResizedCrop(size)

    def __call__(self, picture: Tensor) -> Tensor:
        at = self._crop.make_params([picture])
        part = picture[:, at["top"] : at["top"] + at["height"], at["left"] : at["left"] + at["width"]]
        size = self.size, self.size
        resized = interpolate(part[None], size=size, mode="bilinear", antialias=True, align_corners=False)[0]
        return resized.flip(-1) if torch.rand(1) < MIRRORED else resized


def held_out_transform(config: DataConfig) -> Transform:
    """Cut out the middle `size` by `size` pixels of the picture, its shorter side resized to `resize`."""
    transform: Transform = v2.Compose([v2.Resize(config.resize), v2.CenterCrop(config.size)])
    return transform


def _scan(folder: Path, classes: list[str]) -> tuple[NDArray[np.bytes_], NDArray[np.int64]]:
    """Return names and class indices of all images in `folder`, class by class; `classes` may name more than it has."""
    index = {name: place for place, name in enumerate(classes)}
    names: list[bytes] = []
    labels: list[NDArray[np.int64]] = []
    for name in class_folders(folder):
        found = image_files(folder / name)
        if not found:
            raise DataError(f"{folder / name}: no image in this class folder. Restore its images, or remove it.")
        names += map(os.fsencode, found)
        labels.append(np.full(len(found), index[name]))
    return np.array(names), np.concatenate(labels)


def _evenly_spaced(
    names: NDArray[np.bytes_], labels: NDArray[np.int64], count: int | None, folder: Path, key: str
) -> tuple[NDArray[np.bytes_], NDArray[np.int64]]:
    if count is None:
        return names, labels
    if count > len(names):
        raise DataError(f"{folder}: {len(names):,} images, fewer than {key}={count}. Lower {key}.")
    chosen = np.arange(count) * len(names) // count
    return names[chosen], labels[chosen]
