"""Reads ShapeNet's pictures and volumes from disk, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from aibench.contract import DataError, digest
from aibench.tasks.object_reconstruction_3d import layout
from aibench.tasks.object_reconstruction_3d.config import DataConfig
from aibench.tasks.object_reconstruction_3d.layout import Layout
from aibench.tasks.object_reconstruction_3d.volumes import read_binvox, read_mat
from aibench.vision.files import read_image

_CROP = 127  # the middle of 137 pixels: 3D-R2N2's input
_BACKGROUND = (240, 240, 240)  # 3D-R2N2's, of held-out pictures


class ShapeNet(Dataset[tuple[Tensor, Tensor]]):
    """Reads the objects of one split, each from several sides; sample `object * views + view`.

    A sample is a picture, uint8 (3, size, size), and the volume of what it shows, bool (x, y, z).

    Args:
        root: Holds the folders of the layout.
        split: `train` or `val`.
        config: `layout`, `categories`, `size`, `resolution`, `views`, `train_size` and `val_size` are used. A size
            takes evenly spaced objects of the sorted ones, hence of all categories; fewer views than there are take
            evenly spaced ones.

    Attributes:
        available: How many objects the split has, whatever was asked for.

    Raises:
        DataError: A list or folder of objects that cannot be used, or fewer objects than asked for.
    """

    def __init__(self, root: Path, split: str, config: DataConfig) -> None:
        self.root = root
        self.layout = config.layout
        self.size = config.size
        self.resolution = config.resolution
        self.views = config.views
        names = layout.objects(root, config.layout, config.categories, split)
        self.available = len(names)
        count = config.train_size if split == "train" else config.val_size
        if count is not None and count > len(names):
            key = f"data.{split}_size"
            raise DataError(f"{root}: {len(names):,} {split} objects, fewer than {key}={count}. Lower {key}.")
        if count is not None:
            names = [names[place * len(names) // count] for place in range(count)]
        self.names = np.array(names)

    @property
    def objects(self) -> int:
        """Return how many objects there are."""
        return len(self.names)

    def __len__(self) -> int:
        return len(self.names) * self.views

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        place, view = divmod(index, self.views)
        read = read_mat if self.layout is Layout.ptn else read_binvox
        volume = read(self.volume_file(place), self.resolution)
        return torch.from_numpy(self._picture(self.picture_file(place, view))), torch.from_numpy(volume)

    def _picture(self, path: Path) -> NDArray[np.uint8]:
        image = read_image(path) if self.layout is Layout.ptn else _on_grey(path)
        if image.size != (self.size, self.size):
            image = image.resize((self.size, self.size), Image.Resampling.BILINEAR)
        return np.ascontiguousarray(np.moveaxis(np.asarray(image), 2, 0))

    def fingerprint(self) -> str:
        """Name the objects."""
        return digest(self.layout, "\n".join(self.names.tolist()), str(self.views))

    def file_paths(self) -> Iterator[Path]:
        """Yield the pictures of every object, then its volume."""
        for place in range(self.objects):
            yield from (self.picture_file(place, view) for view in range(self.views))
            yield self.volume_file(place)

    def picture_file(self, place: int, view: int) -> Path:
        """Return the file of the picture number `view` of the object number `place`."""
        name, side = str(self.names[place]), view * layout.PICTURES // self.views
        return layout.picture(self.root, self.layout, name, side)

    def volume_file(self, place: int) -> Path:
        """Return the file of the volume of the object number `place`."""
        return layout.volume(self.root, self.layout, str(self.names[place]), self.resolution)


def _on_grey(path: Path) -> Image.Image:
    """Return the middle of a picture with an opacity, on grey."""
    picture = read_image(path, "RGBA")
    if min(picture.size) < _CROP:
        raise DataError(
            f"{path}: {picture.width}x{picture.height} pixels, less than {_CROP}x{_CROP}. Restore this file."
        )
    ground = Image.new("RGBA", picture.size, (*_BACKGROUND, 255))
    left, top = (picture.width - _CROP) // 2, (picture.height - _CROP) // 2
    return Image.alpha_composite(ground, picture).crop((left, top, left + _CROP, top + _CROP)).convert("RGB")
