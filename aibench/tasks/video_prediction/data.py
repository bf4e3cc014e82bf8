"""Samples: generated pushing, the records of real robots, or made-up frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from aibench.config import Source
from aibench.config.places import expanded
from aibench.contract import Baseline, Facts, Identity, InTurn, TaskData, Tensors, digest
from aibench.datasets.published import ROBOT_PUSHING
from aibench.tasks.video_prediction.config import Config
from aibench.tasks.video_prediction.layout import Collection
from aibench.tasks.video_prediction.pushing import pushing
from aibench.tasks.video_prediction.robots import Sequences

EMBEDDED_SIZES = {"train": 1_024, "val": 384, "test": 384}
PUSH_SIZES = {"train": 56_050, "val": 2_950}  # 95 % and 5 % of the paper's 59,000 (4.1.12)
_DISTINCT = 64


class MadeUp(InTurn):
    """Repeats random sequences in turn: the reference model is timed on them where its data are not at hand."""

    def fingerprint(self) -> str:
        """Return the digest of which sequence each sample is, and of all frames, actions and states."""
        return digest(torch.arange(self.count) % len(self.tensors[0]), *self.tensors)


class Data(TaskData):
    """Holds what robots did and what it looked like.

    A sample is `(frames, actions, states)`: uint8 (frames, 3, size, size), float (frames, actions), float (frames,
    states). Action `t` leads from frame `t` to frame `t + 1`; state `t` is where the robot is in frame `t`.
    """

    unit = "frames"
    with_test = (Source.embedded,)  # the authors read no test files of the robots' records
    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.splits = {split: self._read(split) for split in self.parts}

    def baselines(self) -> Iterator[Baseline]:
        """Yield how far simple predictions are from the generated frames."""
        if self.config.data.source is Source.embedded:
            from aibench.tasks.video_prediction.baseline import baselines

            episodes = {part: dataset.tensors for part, dataset in self.splits.items()}
            yield from baselines(episodes, self.config.data.context)

    @property
    def facts(self) -> Facts:
        """Return `left_out`, the number of sequences of each split that are too short, if they are read from disk."""
        if self.config.data.source is not Source.disk:
            return {}
        return {"left_out": {split: dataset.left_out for split, dataset in self.splits.items()}}

    def dataset(self, split: str) -> Any:
        return self.splits[split]

    def units(self, dataset: Any, indices: np.ndarray[Any, Any]) -> int:
        """Return the frames of the sequences."""
        return len(indices) * self.config.data.frames

    def fingerprint(self) -> str:
        return digest(*(dataset.fingerprint() for dataset in self.splits.values()), self.glance)

    def identity(self) -> Identity | None:
        data = self.config.data
        if data.source is not Source.disk or data.collection is not Collection.google_push:
            return None
        return ROBOT_PUSHING.compared({"training files": sum(len(split.files) for split in self.splits.values())})

    def _read(self, split: str) -> Any:
        data = self.config.data
        size = data.train_size if split == "train" else data.val_size
        if data.source is Source.embedded:
            return Tensors(*pushing(size or EMBEDDED_SIZES[split], data.frames, split, data.seed))
        if data.source is Source.disk:
            return Sequences(expanded(data.root), split, data)
        generator = torch.Generator().manual_seed(2 * data.seed + (split == "val"))
        frames = (_DISTINCT, data.frames, 3, data.size, data.size)
        video = torch.randint(256, frames, dtype=torch.uint8, generator=generator)
        actions = torch.randn(_DISTINCT, data.frames, data.action_size, generator=generator)
        states = torch.randn(_DISTINCT, data.frames, data.state_size, generator=generator)
        return MadeUp(size or PUSH_SIZES[split], video, actions, states)
