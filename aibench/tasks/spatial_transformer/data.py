"""Samples: distorted digits, MNIST, or made-up images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate, pad

from aibench.config import Source
from aibench.contract import DataError, Identity, TaskData, Tensors, digest
from aibench.datasets.published import MNIST
from aibench.tasks.spatial_transformer import layout
from aibench.tasks.spatial_transformer.config import DIGITS, SIZE, Config, Distortion
from aibench.tasks.spatial_transformer.distortion import Distorted
from aibench.tasks.spatial_transformer.idx import read_idx
from aibench.vision.embedded import digits

TRAIN_DIGITS = 1_280  # digits for training, of scikit-learn's 1,797; the others are held out
BOX = 20  # height and width of a digit, in pixels: those of MNIST's, which lie in the middle of 28x28 as well
MNIST_SIZES = {"train": 60_000, "val": 10_000}

Samples = tuple[Tensor, Tensor]


class Data(TaskData):
    """Holds images of digits.

    A sample is `(image, digit)`: uint8 (1, 28, 28), int64 () in 0 to 9.
    """

    unit = "images"
    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        sources = {Source.embedded: self._embedded, Source.disk: self._read, Source.synthetic: self._made_up}
        self.upright = {split: sources[config.data.source](split) for split in layout.SPLITS}
        self.splits = {split: self._distorted(split) for split in layout.SPLITS}

    def dataset(self, split: str) -> Tensors:
        return self.splits[split]

    def fingerprint(self) -> str:
        """Return the digest of the digits before they are distorted, and of the held-out images.

        The run's seed draws the others.
        """
        data = self.config.data
        training = f"{data.distortion} {data.rotation} {data.scale} {data.shift}"
        return digest(*self.upright["train"], training, *self.splits["val"].tensors)

    def file_paths(self) -> Iterator[Path]:
        if self.config.data.source is Source.disk:
            for split in layout.SPLITS:
                yield from self._files(split)

    def identity(self) -> Identity | None:
        if self.config.data.source is not Source.disk:
            return None
        kinds = [f"{split} {kind}" for split in layout.SPLITS for kind in ("images", "labels")]
        return MNIST.compared(files=dict(zip(kinds, self.file_paths(), strict=True)))

    def _files(self, split: str) -> tuple[Path, Path]:
        """Return the images and labels of a split."""
        found = layout.mnist_files(Path(str(self.config.data.root)).expanduser(), split)
        assert found is not None, "Config.problems lets no such root through"
        return found

    def _size(self, split: str) -> int | None:
        return self.config.data.train_size if split == "train" else self.config.data.val_size

    def _generator(self, *purpose: int) -> np.random.Generator:
        return np.random.default_rng((self.config.data.seed, *purpose))

    def _distorted(self, split: str) -> Tensors:
        if self.config.data.distortion is Distortion.none:
            return Tensors(*self.upright[split])
        drawn = Distorted(*self.upright[split], self.config.data, self._generator(1, split == "val"))
        return drawn if split == "train" else Tensors(*drawn.tensors)

    def _embedded(self, split: str) -> Samples:
        """Return scikit-learn's digits, enlarged; the split's take turns, and without a size each appears once."""
        pictures, labels = digits()
        order = self._generator(0).permutation(len(labels))
        own = order[:TRAIN_DIGITS] if split == "train" else order[TRAIN_DIGITS:]
        size = self._size(split)
        chosen = own if size is None else np.resize(own, size)
        ink = torch.from_numpy(pictures[chosen]).float()[:, None] * (255 / 16)
        larger = interpolate(ink, (BOX, BOX), mode="bicubic", align_corners=False).round().clamp(0, 255)
        margin = (SIZE - BOX) // 2
        return pad(larger, (margin,) * 4).to(torch.uint8), torch.from_numpy(labels[chosen])

    def _read(self, split: str) -> Samples:
        found = self._files(split)
        images, labels = read_idx(found[0], 3), read_idx(found[1], 1)
        if images.shape[1:] != (SIZE, SIZE):
            height, width = images.shape[1:]
            raise DataError(f"{found[0]}: images of {height}x{width} pixels, not of {SIZE}x{SIZE}. Restore this file.")
        if len(images) != len(labels):
            raise DataError(
                f"{found[1]}: {len(labels):,} labels, and {len(images):,} images in {found[0].name}. Restore both."
            )
        wrong = np.flatnonzero(labels >= DIGITS)
        if len(wrong):
            raise DataError(f"{found[1]}: label {wrong[0]:,} is {labels[wrong[0]]}, no digit. Restore this file.")
        size = self._size(split)
        if size is not None and size > len(images):
            raise DataError(f"{found[0]}: {len(images):,} images, fewer than data.{split}_size={size}. Lower it.")
        return torch.tensor(images[:size, None]), torch.tensor(labels[:size], dtype=torch.int64)

    def _made_up(self, split: str) -> Samples:
        generator, count = self._generator(2, split == "val"), self._size(split) or MNIST_SIZES[split]
        images = generator.integers(256, size=(count, 1, SIZE, SIZE), dtype=np.uint8)
        return torch.from_numpy(images), torch.from_numpy(generator.integers(DIGITS, size=count))
