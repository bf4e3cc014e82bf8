"""Samples: generated heads, VGGFace2 and LFW, or made-up images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aibench.config import ConfigError, Source
from aibench.config.places import expanded
from aibench.contract import PARTS, Baseline, Facts, Identity, InTurn, TaskData, Tensors, digest
from aibench.datasets.published import VGGFACE2_AND_LFW
from aibench.tasks.face_embedding.config import Config
from aibench.tasks.face_embedding.layout import pairs_file
from aibench.tasks.face_embedding.sampling import balanced_batches, balanced_pairs, random_triplets
from aibench.tasks.face_embedding.trees import lfw, vggface2
from aibench.vision import heads

PICTURES = {"train": 12, "val": 6, "test": 6}  # pictures of each generated person
TOGETHER = {"train": 4, "val": 3, "test": 3}  # one after the other, so that any few samples show few people
MADE_UP = {"train": 3_141_890, "val": 1_000}  # VGGFace2's training images; held-out ones are only for show
_DISTINCT = 64


class Data(TaskData):
    """Holds faces and who they show. The splits share no person.

    A sample is `(image, person)`: uint8 (3, size, size), int64 (). With size 2: `(tensor([[[12, 40], [8, 33]], ...]),
    tensor(17))`.
    """

    unit = "images"
    with_test = (Source.embedded,)
    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        data = config.data
        self.root = expanded(data.root)
        self.folds = data.folds
        self.splits: dict[str, Any]
        if data.source is Source.disk:
            protocol = lfw(self.root, config.model.size)
            self.splits = {
                "train": vggface2(self.root, data.train_size, config.model.size),
                "val": protocol.images,
            }
            self.pairs, self.folds = protocol.pairs, protocol.folds
        else:
            make = _portraits if data.source is Source.embedded else self._made_up
            self.splits = {
                "train": make("train", data.train_size, data.seed),
                "val": make("val", data.val_size, data.seed),
            }
            generator = np.random.default_rng((data.seed, 2))
            self.pairs = balanced_pairs(self._labels("val"), data.pairs, data.folds, generator)
        if not len(self.pairs):
            raise ConfigError(
                f"data.val_size={data.val_size}: these faces make no {data.folds} folds of pairs. Set more."
            )
        generator = np.random.default_rng((data.seed, 3))
        self.triplets = random_triplets(self._labels("val"), data.triplets, self.folds, generator)

    @property
    def facts(self) -> Facts:
        """Return `pairs` and `triplets`: first image, second image, whether one person's, fold; a list each.

        The test part of generated faces is verified by the same places: as many pictures of as many other people.
        """
        return {"pairs": self.pairs.tolist(), "triplets": self.triplets.tolist()}

    def dataset(self, split: str) -> Any:
        return self._test if split == "test" else self.splits[split]

    @cached_property
    def _test(self) -> Tensors:
        """Draw the test part, which a session does not wait for."""
        return _portraits("test", self.config.data.val_size, self.config.data.seed)

    def baselines(self) -> Iterator[Baseline]:
        if self.config.data.source is Source.embedded:
            from aibench.tasks.face_embedding.baseline import baselines

            yield from baselines({part: self.dataset(part) for part in self.parts}, self.pairs)

    def plan(self, dataset: Any, generator: np.random.Generator) -> Sequence[NDArray[np.int64]]:
        """Return batches with as many pictures of each of as many people; see `Config.batch_shape`."""
        people, each = self.config.batch_shape
        batches = balanced_batches(self._labels("train"), people, each, generator)
        if not len(batches):
            raise ConfigError(
                f"data.batch_size={self.config.data.batch_size}: needs {people} people with {each} training images "
                "each, and there are fewer. Lower data.batch_size or data.per_identity."
            )
        return list(batches)

    def share(self, dataset: Any, indices: NDArray[np.int64], rank: int, size: int) -> NDArray[np.int64]:
        """Return whole people: triplets are found among the pictures that one process has."""
        return indices.reshape(self.config.batch_shape)[rank::size].ravel()

    def fingerprint(self) -> str:
        parts = (self.splits[split].fingerprint() for split in ("train", "val"))
        test = _recipe("test", self.config.data.val_size, self.config.data.seed) if "test" in self.parts else ""
        return digest(*parts, self.pairs, self.triplets, test, self.glance)

    def file_paths(self) -> Iterator[Path]:
        yield from super().file_paths()
        if self.config.data.source is Source.disk:
            yield self._pairs_file()

    def identity(self) -> Identity | None:
        data, train = self.config.data, self.splits["train"]
        if data.source is not Source.disk or data.train_size is not None:
            return None
        counts = {"training images": len(train), "people": int(train.labels.max()) + 1}
        return VGGFACE2_AND_LFW.compared(counts, {"pairs": self._pairs_file()})

    def _pairs_file(self) -> Path:
        path = pairs_file(self.root)
        assert path is not None, "Config.problems lets no such root through"
        return path

    def _labels(self, split: str) -> NDArray[np.int64]:
        """Return who each sample of `split` shows, int64 (samples,)."""
        dataset = self.splits[split]
        if isinstance(dataset, MadeUp):
            return dataset.labels
        labels: NDArray[np.int64] = dataset.tensors[1].numpy() if isinstance(dataset, Tensors) else dataset.labels
        return labels

    def _made_up(self, split: str, count: int | None, seed: int) -> MadeUp:
        """Make random images, and as many in a row of each person as a batch needs."""
        count = count or MADE_UP[split]
        size, each = self.config.model.size, self.config.batch_shape[1] if split == "train" else TOGETHER[split]
        generator = torch.Generator().manual_seed(2 * seed + (split == "val"))
        images = torch.randint(256, (_DISTINCT, 3, size, size), dtype=torch.uint8, generator=generator)
        return MadeUp(images, np.arange(count) // each)


class MadeUp(InTurn):
    """Repeats random images in turn, and says who they show: the reference model is timed on them.

    Args:
        images: uint8 (images, 3, height, width).
        labels: int64 (samples,).
    """

    def __init__(self, images: Tensor, labels: NDArray[np.int64]) -> None:
        super().__init__(len(labels), images)
        self.labels = labels

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return *super().__getitem__(index), torch.tensor(self.labels[index])

    def gather(self, indices: Tensor) -> tuple[Tensor, ...]:
        """Return the batch of the samples at `indices`, int64 (batch,)."""
        return *super().gather(indices), torch.from_numpy(self.labels[indices.numpy()])


def _portraits(split: str, count: int | None, seed: int) -> Tensors:
    """Draw `count` pictures of generated people, `PICTURES` of each; no two parts show the same person."""
    assert count is not None, "Config.problems lets no such size through"
    place = PARTS.index(split)
    crowd = -(-count // PICTURES[split])
    everybody = heads.people(crowd, np.random.default_rng((seed, 0, place)))
    labels = np.arange(count) // TOGETHER[split] % crowd
    pictures = heads.portraits(everybody.take(labels), np.random.default_rng((seed, 1, place)))
    return Tensors(torch.from_numpy(pictures[:, :3].copy()), torch.from_numpy(labels))


def _recipe(split: str, count: int | None, seed: int) -> str:
    """Name the pictures that `_portraits` would draw, without drawing them."""
    return f"{split} {count} {seed} {PICTURES[split]} {TOGETHER[split]}"
