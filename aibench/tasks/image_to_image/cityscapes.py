"""Reads Cityscapes from disk: unpaired images to train on, and held-out pairs with their classes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from aibench.contract import DataError
from aibench.tasks.image_to_image.classes import LABELS, class_of_colour, class_of_id
from aibench.tasks.image_to_image.layout import Files, Layout
from aibench.tasks.image_to_image.scores import nearest_colour
from aibench.vision.files import read_image, read_values


class Reader:
    """Reads the images of one split.

    Args:
        files: The split's.
        size: Height and width to which images are resized, in pixels (bicubic, as in the authors' code).
        counts: Takes so many label maps and photos, evenly spaced; None takes all.

    Attributes:
        available: How many label maps and photos the split has, whatever was asked for.

    Raises:
        DataError: Fewer files than asked for.
    """

    def __init__(self, files: Files, size: int, count: int | None, key: str) -> None:
        self.available = {"label maps": len(files.labels), "photos": len(files.photos)}
        self.joined = files.layout is Layout.joined
        self.size = size
        self.labels, self.photos, self.ids = (
            _evenly_spaced(paths, count, key) for paths in (files.labels, files.photos, files.ids)
        )

    def label_map(self, index: int) -> Tensor:
        """Read a label map in colours, uint8 (3, size, size)."""
        return _tensor(self._resized(self._labels(index)))

    def photo(self, index: int) -> Tensor:
        """Read a photo, uint8 (3, size, size)."""
        return _tensor(self._resized(self._photo(index)))

    def pair(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """Read a label map, its photo, and the classes of its pixels, uint8 (height, width) at the size of its file.

        Raises:
            DataError: The images differ in size, or the map holds what is no label.
        """
        labels, photo = self._labels(index), self._photo(index)
        if labels.size != photo.size:
            raise DataError(
                f"{self.labels[index]}: {_pixels(labels)}, and its photo {self.photos[index]} has {_pixels(photo)}."
            )
        classes = self._of_ids(index, labels) if self.ids else _of_colours(labels)
        return _tensor(self._resized(labels)), _tensor(self._resized(photo)), classes

    def file_paths(self) -> Iterator[Path]:
        """Yield the images, each once."""
        yield from dict.fromkeys((*self.labels, *self.photos, *self.ids))

    def names(self) -> str:
        """Name the files, without the place where they lie."""
        return "\n".join(path.name for path in (*self.labels, *self.photos))

    def _labels(self, index: int) -> Image.Image:
        return self._half(self.labels[index], right=True) if self.joined else read_image(self.labels[index])

    def _photo(self, index: int) -> Image.Image:
        return self._half(self.photos[index], right=False) if self.joined else read_image(self.photos[index])

    def _half(self, path: Path, right: bool) -> Image.Image:
        image = read_image(path)
        width, height = image.size
        if width != 2 * height:
            raise DataError(
                f"{path}: {_pixels(image)}; a photo with its label map at its right is twice as wide as high."
            )
        return image.crop((height, 0, width, height) if right else (0, 0, height, height))

    def _resized(self, image: Image.Image) -> Image.Image:
        return image.resize((self.size, self.size), Image.Resampling.BICUBIC)

    def _of_ids(self, index: int, labels: Image.Image) -> Tensor:
        values = read_values(self.ids[index])
        height, width = values.shape
        if (width, height) != labels.size:
            raise DataError(
                f"{self.ids[index]}: {width}x{height} pixels, and {self.labels[index]} has {_pixels(labels)}."
            )
        if values.max() >= len(LABELS):
            raise DataError(
                f"{self.ids[index]}: holds the value {values.max()}, and Cityscapes' labels are 0 to {len(LABELS) - 1}."
            )
        return torch.from_numpy(np.array(class_of_id(), dtype=np.uint8)[values])


class Unpaired(Dataset[tuple[Tensor, Tensor]]):
    """Reads label maps from disk with photos that have nothing to do with them.

    `order` says which photo comes with a sample; each epoch has another. An epoch has as many samples as there are
    label maps or photos, whichever are more; the fewer take turns.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.length = max(len(reader.labels), len(reader.photos))
        self.order = np.arange(self.length) % len(reader.photos)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        reader = self.reader
        return reader.label_map(index % len(reader.labels)), reader.photo(int(self.order[index]))

    def redraw(self, generator: np.random.Generator) -> None:
        """Give the photos other label maps."""
        self.order = np.resize(generator.permutation(len(self.reader.photos)), self.length)

    def signature(self) -> str:
        """Name the files."""
        return self.reader.names()

    def file_paths(self) -> Iterator[Path]:
        """Yield the images."""
        return self.reader.file_paths()


class Paired(Dataset[tuple[Tensor, Tensor, Tensor]]):
    """Reads label maps from disk with their photos and their classes."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def __len__(self) -> int:
        return len(self.reader.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        return self.reader.pair(index)

    def signature(self) -> str:
        """Name the files."""
        return self.reader.names()

    def file_paths(self) -> Iterator[Path]:
        """Yield the images."""
        return self.reader.file_paths()


def _of_colours(labels: Image.Image) -> Tensor:
    """Return the classes of a prepared label map: JPEG compression has moved its colours a little."""
    colours = class_of_colour()
    nearest = nearest_colour(_tensor(labels)[None], torch.tensor(list(colours), dtype=torch.uint8))[0]
    return torch.tensor(list(colours.values()), dtype=torch.uint8)[nearest]


def _tensor(image: Image.Image) -> Tensor:
    pixels: NDArray[np.uint8] = np.array(image)
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


def _pixels(image: Image.Image) -> str:
    return f"{image.size[0]}x{image.size[1]} pixels"


def _evenly_spaced(paths: list[Path], count: int | None, key: str) -> list[Path]:
    if count is None or not paths:
        return paths
    if count > len(paths):
        raise DataError(f"{paths[0].parent}: {len(paths):,} images, fewer than {key}={count}. Lower {key}.")
    return [paths[place * len(paths) // count] for place in range(count)]
