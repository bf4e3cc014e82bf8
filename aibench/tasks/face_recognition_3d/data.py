"""Samples: generated heads, the authors' lists, BIWI's frames, or made-up images."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from aibench.config import Source
from aibench.config.places import expanded
from aibench.contract import PARTS, Baseline, Facts, InTurn, TaskData, Tensors, digest
from aibench.tasks.face_recognition_3d.biwi import PEOPLE_NAMES, Frames
from aibench.tasks.face_recognition_3d.config import Config
from aibench.tasks.face_recognition_3d.layout import Layout
from aibench.tasks.face_recognition_3d.pairs import Pairs, people, require_apart
from aibench.vision import heads

PRIVATE_SIZES = {"train": 62_172, "val": 7_771}  # 80 and 10 % of the 77,715 samples that the authors' README counts
_DISTINCT = 64


class Data(TaskData):
    """Holds faces with their depth, and who they show.

    A sample is `(image, person)`: uint8 (4, size, size), red, green, blue and depth (0 where it is not known), and
    int64 (), an index into `facts["classes"]`.
    """

    unit = "images"
    with_test = (Source.embedded,)
    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.root = expanded(config.data.root)
        if config.data.source is not Source.disk:
            width = len(str(config.data.classes - 1))
            self.classes = [f"person {index:0{width}d}" for index in range(config.data.classes)]
        else:
            self.classes = PEOPLE_NAMES if config.data.layout is Layout.biwi else people(self.root)
        self.splits = {split: self._read(split) for split in ("train", "val")}
        if config.data.source is Source.disk and config.data.layout is not Layout.biwi:
            require_apart(self.root)

    @property
    def facts(self) -> Facts:
        """Return `classes`, the names of the people in the order of their indices."""
        return {"classes": self.classes}

    def dataset(self, split: str) -> Any:
        return self._test if split == "test" else self.splits[split]

    @cached_property
    def _test(self) -> Any:
        """Draw the test part, which a session does not wait for."""
        return self._read("test")

    def baselines(self) -> Iterator[Baseline]:
        if self.config.data.source is Source.embedded:
            from aibench.tasks.face_recognition_3d.baseline import baselines

            yield from baselines({part: self.dataset(part) for part in self.parts})

    def fingerprint(self) -> str:
        """Return the digest of people, names and samples; of the test part's pictures the recipe alone is in it."""
        test = f"test {self.config.data.val_size} {self.config.data.seed}" if "test" in self.parts else ""
        return digest(*self.classes, *(dataset.fingerprint() for dataset in self.splits.values()), test, self.glance)

    def _read(self, split: str) -> Any:
        data = self.config.data
        count = data.train_size if split == "train" else data.val_size
        if data.source is Source.disk and data.layout is Layout.biwi:
            return Frames(self.root, split, data)
        if data.source is Source.disk:
            return Pairs(self.root, split, self.classes, data)
        if data.source is Source.embedded:
            assert count is not None, "Config.problems lets no such size through"
            return Tensors(*_portraits(split, count, data.classes, data.seed))
        generator = torch.Generator().manual_seed(2 * data.seed + (split == "val"))
        distinct = torch.randint(256, (_DISTINCT, 4, data.size, data.size), dtype=torch.uint8, generator=generator)
        labels = torch.randint(data.classes, (_DISTINCT,), generator=generator)
        return InTurn(count or PRIVATE_SIZES[split], distinct, labels)


def _portraits(split: str, count: int, classes: int, seed: int) -> tuple[Tensor, Tensor]:
    """Draw `count` pictures of `classes` people, who take turns. The parts show the same people and share no picture.

    Returns:
        Images, uint8 (count, 4, 32, 32), and who they show, int64 (count,).
    """
    everybody = heads.people(classes, np.random.default_rng((seed, 0)))
    labels = np.arange(count) % classes
    shots = np.random.default_rng((seed, 1 + PARTS.index(split)))
    return torch.from_numpy(heads.portraits(everybody.take(labels), shots)), torch.from_numpy(labels)
