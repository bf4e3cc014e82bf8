"""Samples: MNIST's digits, LSUN's bedrooms, or made-up images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from aibench.config import Source
from aibench.config.places import expanded
from aibench.contract import Baseline, Facts, Identity, InTurn, TaskData, Tensors, digest
from aibench.datasets.published import LSUN_BEDROOMS
from aibench.tasks.image_generation.config import Config
from aibench.tasks.image_generation.lsun import Lsun
from aibench.tasks.image_generation.mnist import digits

LSUN_SIZES = {"train": 3_033_042, "val": 300}  # LSUN's bedrooms
BEDROOMS = "bedroom"
_DISTINCT = 64


class MadeUp(InTurn):
    """Repeats random images in turn: the reference model is timed on them where its data are not at hand."""

    def fingerprint(self) -> str:
        """Return the digest of all pixels, and of which image each sample is."""
        return digest(*self.tensors, torch.arange(self.count) % len(self.tensors[0]))


class Data(TaskData):
    """Holds images.

    A sample is `(image,)`, a tuple of one: uint8 (channels, size, size).
    """

    unit = "images"
    with_test = (Source.embedded,)
    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.splits = {split: self._read(split) for split in self.parts}

    @property
    def facts(self) -> Facts:
        """Return `held_out`, the number of held-out images; the evaluation generates as many."""
        return {"held_out": len(self.splits["val"])}

    def dataset(self, split: str) -> Any:
        return self.splits[split]

    def fingerprint(self) -> str:
        samples = digest(*(dataset.fingerprint() for dataset in self.splits.values()), self.glance)
        if not self.config.of_digits:
            return samples
        from aibench.tasks.image_generation import classifier

        return digest(samples, classifier.fingerprint())  # what is measured with

    def baselines(self) -> Iterator[Baseline]:
        from aibench.tasks.image_generation.baseline import baselines

        if self.config.data.source is Source.embedded:
            yield from baselines(self.config.data)

    def identity(self) -> Identity | None:
        data = self.config.data
        if data.source is not Source.disk or data.category != BEDROOMS:
            return None
        train, val = (dataset.available for dataset in self.splits.values())
        return LSUN_BEDROOMS.compared({"training images": train, "held-out images": val})

    def _read(self, split: str) -> Any:
        data = self.config.data
        count = data.train_size if split == "train" else data.val_size
        match data.source:
            case Source.embedded:
                return Tensors(torch.from_numpy(digits(split, count, data.seed)[0]))
            case Source.disk:
                return Lsun(expanded(data.root), split, data)
            case Source.synthetic:
                generator = torch.Generator().manual_seed(2 * data.seed + (split == "val"))
                shape = (_DISTINCT, data.channels, data.size, data.size)
                images = torch.randint(256, shape, dtype=torch.uint8, generator=generator)
                return MadeUp(count or LSUN_SIZES[split], images)
