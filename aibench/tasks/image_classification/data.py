"""Samples: digits on photographs, an ImageNet tree, or made-up images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from aibench.config import Source
from aibench.config.places import expanded
from aibench.contract import Baseline, Facts, Identity, InTurn, TaskData, Tensors, digest
from aibench.datasets.folders import class_folders
from aibench.datasets.published import IMAGENET
from aibench.tasks.image_classification import layout
from aibench.tasks.image_classification.cluttered import HELD_OUT, cluttered_digits
from aibench.tasks.image_classification.config import Config
from aibench.tasks.image_classification.imagenet import ImageTree

IMAGENET_SIZES = {"train": 1_281_167, "val": 50_000}  # the sizes of ILSVRC 2012
DISTINCT = 64  # made-up images


class Data(TaskData):
    """Holds images and what they show.

    A sample is `(image, label)`: uint8 (3, size, size) and int64 (), an index into `facts["classes"]`.
    """

    unit = "images"
    with_test = (Source.embedded,)  # ImageNet's published test images have no labels
    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.root = expanded(config.data.root)
        match config.data.source:
            case Source.embedded:
                self.classes = [str(digit) for digit in range(10)]
            case Source.disk:
                train = layout.split_folder(self.root, "train")
                assert train is not None, "Config.problems lets no such root through"
                self.classes = class_folders(train)
            case Source.synthetic:
                self.classes = [f"class {index}" for index in range(config.data.classes)]
        self.splits = {split: self._read(split) for split in self.parts}

    def baselines(self) -> Iterator[Baseline]:
        """Yield what classical classifiers score on the generated samples."""
        if self.config.data.source is Source.embedded:
            from aibench.tasks.image_classification.baseline import baselines

            yield from baselines({part: self.splits[part].tensors for part in self.parts})

    @property
    def facts(self) -> Facts:
        """Return `classes`, their names in the order of their indices.

        Of generated samples also `objects`: that many digits take turns in a held-out part, so that its pictures of one
        digit are no independent samples.
        """
        generated = {"objects": HELD_OUT} if self.config.data.source is Source.embedded else {}
        return {"classes": self.classes, **generated}

    def dataset(self, split: str) -> Any:
        return self.splits[split]

    def fingerprint(self) -> str:
        return digest(*(dataset.fingerprint() for dataset in self.splits.values()), self.glance)

    def identity(self) -> Identity | None:
        if self.config.data.source is not Source.disk:
            return None
        train, val = (dataset.available for dataset in self.splits.values())
        return IMAGENET.compared({"classes": len(self.classes), "training images": train, "held-out images": val})

    def _read(self, split: str) -> Any:
        data = self.config.data
        count = data.train_size if split == "train" else data.val_size
        if data.source is Source.embedded:
            return Tensors(*cluttered_digits(split, count, self.config.data.seed))
        if data.source is Source.disk:
            return ImageTree(self.root, split, self.classes, data)
        generator = torch.Generator().manual_seed(2 * data.seed + (split == "val"))
        images = torch.randint(256, (DISTINCT, 3, data.size, data.size), dtype=torch.uint8, generator=generator)
        labels = torch.randint(data.classes, (DISTINCT,), generator=generator)
        return InTurn(count or IMAGENET_SIZES[split], images, labels)
