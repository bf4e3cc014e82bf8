"""Samples: pieces of generated pictures, a folder tree of images with Kodak's beside it, or made-up images."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from aibench.config import Source
from aibench.config.places import expanded
from aibench.contract import PARTS, Baseline, Identity, TaskData, digest
from aibench.datasets.published import IMAGENET_AND_KODAK
from aibench.tasks.image_compression import layout
from aibench.tasks.image_compression.config import Config
from aibench.tasks.image_compression.crops import Crops, crops
from aibench.tasks.image_compression.folder import Patches, Pictures

MADE_UP_COUNTS = {"train": 1_281_167, "val": 24}  # images of ImageNet, ILSVRC 2012, and of Kodak
KODAK_SIZE = (512, 768)


class MadeUp(Dataset[Tensor]):
    """Repeats random images in turn: the reference model is timed on them where its data are not at hand.

    Args:
        images: uint8 (images, 3, height, width); the samples take turns in using them.
        count: Number of samples.
    """

    def __init__(self, images: Tensor, count: int) -> None:
        self.images = images
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Tensor:
        return self.images[index % len(self.images)]

    def gather(self, indices: Tensor) -> Tensor:
        """Return the batch of the samples at `indices`, int64 (batch,)."""
        return self.images[indices % len(self.images)]

    def fingerprint(self) -> str:
        """Return the digest of all pixels, and of how many samples there are."""
        return digest(self.images, str(self.count))


class Data(TaskData):
    """Holds images: patches to train on, whole pictures held out.

    A sample is `image`: uint8 (3, height, width); height and width of a patch are `data.size`.
    """

    unit = "patches"
    with_test = (Source.embedded,)
    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.splits = {split: self._read(split) for split in ("train", "val")}

    def dataset(self, split: str) -> Any:
        return self._test if split == "test" else self.splits[split]

    @cached_property
    def _test(self) -> Crops:
        """Return as many pictures as `val` has, painted when they are first asked for."""
        return crops("test", self.config.data.val_size, self.config.data.size, self.config.data.seed)

    def baselines(self) -> Iterator[Baseline]:
        from aibench.tasks.image_compression.baseline import baselines

        if self.config.data.source is Source.embedded:
            rate = self.config.model.iterations * self.config.model.bits / self.config.model.block**2
            yield from baselines({part: self.dataset(part) for part in PARTS[1:]}, rate)

    def collate(self, samples: list[Tensor]) -> Tensor | list[Tensor]:
        """Return one tensor of images of one size; a list where sizes differ, as Kodak's upright and flat ones."""
        return torch.stack(samples) if len({image.shape for image in samples}) == 1 else samples

    def fingerprint(self) -> str:
        # The pictures of `test` come from the code that painted the others, by the same seed.
        return digest(*(dataset.fingerprint() for dataset in self.splits.values()), self.glance)

    def identity(self) -> Identity | None:
        if self.config.data.source is not Source.disk:
            return None
        train, val = (dataset.available for dataset in self.splits.values())
        return IMAGENET_AND_KODAK.compared({"training images": train, "held-out images": val})

    def _read(self, split: str) -> Any:
        data = self.config.data
        count = data.train_size if split == "train" else data.val_size
        match data.source:
            case Source.embedded:
                return crops(split, count, data.size, data.seed)
            case Source.disk:
                root = expanded(data.root)
                if split == "train":
                    return Patches(root / layout.TRAIN, data.size, count)
                return Pictures(root / layout.HELD_OUT, count)
            case Source.synthetic:
                generator = torch.Generator().manual_seed(2 * data.seed + (split == "val"))
                shape = (64, 3, data.size, data.size) if split == "train" else (2, 3, *KODAK_SIZE)
                images = torch.randint(256, shape, dtype=torch.uint8, generator=generator)
                return MadeUp(images, count or MADE_UP_COUNTS[split])
