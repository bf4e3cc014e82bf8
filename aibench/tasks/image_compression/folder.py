"""Reads images from disk one by one: random patches of any folder tree, and whole pictures to evaluate with."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import v2

from aibench.contract import DataError, digest
from aibench.datasets.folders import image_files
from aibench.tasks.image_compression.layout import images_below
from aibench.tasks.image_compression.metric import SMALLEST
from aibench.vision.files import read_image
from aibench.vision.jpeg import read_pixels


class Files(Dataset[Tensor]):
    """Reads the images of a folder. A sample is one of them, uint8 (3, height, width).

    File names lie in one array, not in a million strings: processes that read samples share its memory.

    Args:
        folder: Holds them.
        names: Their paths relative to `folder`, in order.
        count: How many to take, evenly spaced; None takes all.
        key: The configuration key that `count` is from.

    Attributes:
        available: How many images there are, whatever was asked for.

    Raises:
        DataError: There are fewer.
    """

    def __init__(self, folder: Path, names: list[str], count: int | None, key: str) -> None:
        self.folder = folder
        self.available = len(names)
        self.names: NDArray[np.bytes_] = np.array([os.fsencode(name) for name in names])
        if count is not None:
            if count > len(names):
                raise DataError(f"{folder}: {len(names):,} images, fewer than {key}={count}. Lower {key}.")
            self.names = self.names[np.arange(count) * len(names) // count]

    def __len__(self) -> int:
        return len(self.names)

    def path(self, index: int) -> Path:
        """Return the file of sample `index`."""
        return self.folder / os.fsdecode(self.names[index])

    def fingerprint(self) -> str:
        """Name the files."""
        return digest(self.names.view(np.uint8))

    def file_paths(self) -> Iterator[Path]:
        """Yield the images."""
        return (self.path(index) for index in range(len(self)))


class Patches(Files):
    """Cuts a random patch out of each image, uint8 (3, size, size).

    An image smaller than that is continued by its border.

    Args:
        folder: Holds images, and folders of them at any depth.
        size: Height and width of a patch.
        count: How many to take, evenly spaced; None takes all.
    """

    def __init__(self, folder: Path, size: int, count: int | None) -> None:
        super().__init__(folder, list(images_below(folder)), count, "data.train_size")
        self.patch = v2.Compose([v2.RandomCrop(size, pad_if_needed=True, padding_mode="edge"), v2.PILToTensor()])

    def __getitem__(self, index: int) -> Tensor:
        patch: Tensor = self.patch(read_image(self.path(index)))
        return patch


class Pictures(Files):
    """Reads whole images, uint8 (3, height, width), each of its own size.

    Args:
        folder: Holds them, not in folders of their own.
        count: How many to take, evenly spaced; None takes all.
    """

    def __init__(self, folder: Path, count: int | None) -> None:
        super().__init__(folder, image_files(folder), count, "data.val_size")

    def __getitem__(self, index: int) -> Tensor:
        path = self.path(index)
        picture = read_pixels(path)
        height, width = picture.shape[1:]
        if min(height, width) < SMALLEST:
            raise DataError(
                f"{path}: {width}x{height} pixels, and MS-SSIM with five scales needs {SMALLEST} on each side. "
                "Take larger images."
            )
        return picture
