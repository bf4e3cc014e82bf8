"""Samples: digits on photographs, an ImageNet tree, or made-up images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from aibench.config import Source
from aibench.contract import Facts, TaskData, Tensors, digest
from aibench.tasks.image_classification import layout
from aibench.tasks.image_classification.cluttered import cluttered_digits
from aibench.tasks.image_classification.config import Config
from aibench.tasks.image_classification.imagenet import ImageTree
from aibench.vision.files import class_folders

IMAGENET_SIZES = {"train": 1_281_167, "val": 50_000}  # of ILSVRC 2012


class Images(Tensors):
    """Images in memory."""

    def fingerprint(self) -> str:
        """Of all pixels and labels."""
        return digest(*self.tensors)


class MadeUp(Images):
    """Random images with random classes: what the reference model is timed on where its data are not at hand.

    Args:
        images: uint8 (images, 3, height, width); the samples take turns in using them.
        labels: int64 (samples,).
    """

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        super().__init__(torch.arange(len(labels)) % len(images), labels)
        self.images = images

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        image, label = super().__getitem__(index)
        return self.images[image], label

    def gather(self, indices: Tensor) -> tuple[Tensor, ...]:
        """The batch of the samples at `indices`, int64 (batch,)."""
        images, labels = super().gather(indices)
        return self.images[images], labels

    def fingerprint(self) -> str:
        """Of all pixels and labels."""
        return digest(self.images, *self.tensors)


class Data(TaskData):
    """Images, uint8 (3, size, size), and the index of what they show, int64 ()."""

    unit = "images"
    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.root = Path(str(config.data.root)).expanduser()
        match config.data.source:
            case Source.embedded:
                self.classes = [str(digit) for digit in range(10)]
            case Source.disk:
                train = layout.split_folder(self.root, "train")
                assert train is not None, "Config.problems lets no such root through"
                self.classes = class_folders(train)
            case Source.synthetic:
                self.classes = [f"class {index}" for index in range(config.data.classes)]
        self.splits = {split: self._read(split) for split in ("train", "val")}

    @property
    def facts(self) -> Facts:
        """`classes`: their names, in the order of their indices."""
        return {"classes": self.classes}

    def dataset(self, split: str) -> Any:
        return self.splits[split]

    def fingerprint(self) -> str:
        return digest(*(dataset.fingerprint() for dataset in self.splits.values()))

    def _read(self, split: str) -> Any:
        data = self.config.data
        count = data.train_size if split == "train" else data.val_size
        if data.source is Source.embedded:
            return Images(*cluttered_digits(split, count, self.config.data.seed))
        if data.source is Source.disk:
            return ImageTree(self.root, split, self.classes, data)
        generator = torch.Generator().manual_seed(2 * data.seed + (split == "val"))
        distinct = torch.randint(256, (64, 3, data.size, data.size), dtype=torch.uint8, generator=generator)
        labels = torch.randint(data.classes, (count or IMAGENET_SIZES[split],), generator=generator)
        return MadeUp(distinct, labels)
