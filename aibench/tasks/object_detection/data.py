"""Provides images with boxes: generated scenes, VOC2007 from disk, or made-up samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from aibench.config import Source
from aibench.config.places import expanded
from aibench.contract import Baseline, Facts, Identity, TaskData, digest
from aibench.datasets.published import VOC2007
from aibench.tasks.object_detection import layout, scenes, voc
from aibench.tasks.object_detection.boxes import Target
from aibench.tasks.object_detection.config import Config

Sample = tuple[Tensor, Target]
Batch = tuple[list[Tensor], list[Target]]

SYNTHETIC_SIZES = {"train": 5011, "val": 4952}  # images of VOC2007's two sets


class Data(TaskData):
    """Holds images and the boxes of what they show.

    A sample is `(image, target)`: uint8 (3, height, width), and a dictionary of `boxes`, float (objects, 4), as (left,
    top, right, bottom) edges in pixels, `labels`, int64 (objects,), from 1, and `difficult`, bool (objects,).
    """

    with_test = (Source.embedded,)  # VOC2007's own test images are `val`: the paper's target is of them
    config: Config
    unit: ClassVar[str] = "images"

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        data = config.data
        sizes = {split: data.train_size if split == "train" else data.val_size for split in self.parts}
        self.splits: dict[str, Any] = {split: self._read(split, size) for split, size in sizes.items()}
        if data.source is Source.disk:
            voc.require_apart(*self.splits.values())
        if data.mirror:
            self.splits["train"] = Mirrored(self.splits["train"])

    def baselines(self) -> Iterator[Baseline]:
        """Yield what detectors without a network find in the generated scenes."""
        if self.config.data.source is Source.embedded:
            from aibench.tasks.object_detection.baseline import baselines

            yield from baselines({part: getattr(each, "dataset", each) for part, each in self.splits.items()})

    def _read(self, split: str, size: int | None) -> Any:
        data = self.config.data
        match data.source:
            case Source.embedded:
                assert size is not None
                return Scenes(*scenes.scenes(split, size, data.height, data.seed))
            case Source.disk:
                assert data.root is not None
                return voc.VOC2007(layout.home(expanded(data.root)), split, size)
            case Source.synthetic:
                shape = (3, data.height, data.width)
                return Noise(size or SYNTHETIC_SIZES[split], shape, (data.seed, split == "train"))

    @property
    def facts(self) -> Facts:
        """Return the names of the classes; label 1 is the first."""
        return {"classes": list(scenes.CLASSES if self.config.data.source is Source.embedded else voc.CLASSES)}

    def dataset(self, split: str) -> Any:
        """Return the samples of `split`."""
        return self.splits[split]

    def collate(self, samples: list[Sample]) -> Batch:
        """Return lists: images differ in size, and in how many objects they have."""
        images, targets = zip(*samples, strict=True)
        return list(images), list(targets)

    def plan(self, dataset: Any, generator: np.random.Generator) -> Sequence[NDArray[Any]]:
        """Return batches of images of one orientation, as far as they go.

        Padding upright and flat ones to a common size costs a third more. What is left of the two makes mixed batches,
        and of these the short last is left out.
        """
        size = self.config.data.batch_size
        portrait = dataset.portrait
        whole, rest = [], []
        for group in (np.flatnonzero(~portrait), np.flatnonzero(portrait)):
            order = generator.permutation(group)
            full = len(order) // size * size
            whole.append(order[:full])
            rest.append(order[full:])
        mixed = generator.permutation(np.concatenate(rest))
        batches = np.concatenate([*whole, mixed[: len(mixed) // size * size]]).reshape(-1, size)
        return list(generator.permutation(batches))

    def fingerprint(self) -> str:
        return digest(*(part for split in self.parts for part in self.splits[split].signature()), self.glance)

    def file_paths(self) -> Iterator[Path]:
        if self.config.data.source is Source.disk:
            for dataset in self.on_disk:
                yield from dataset.file_paths()

    def identity(self) -> Identity | None:
        if self.config.data.source is not Source.disk:
            return None
        train, val = (dataset.available for dataset in self.on_disk)
        return VOC2007.compared({"training images": train, "held-out images": val})

    @property
    def on_disk(self) -> list[voc.VOC2007]:
        """Return the two sets as they are read, without their mirrored images."""
        return [getattr(dataset, "dataset", dataset) for dataset in self.splits.values()]


class Scenes(Dataset[Sample]):
    """Holds pictures in memory.

    Args:
        pictures: Uint8 (pictures, 3, height, width).
        targets: `boxes` and `labels` of each.
    """

    def __init__(self, pictures: NDArray[np.uint8], targets: list[scenes.Target]) -> None:
        self.pictures = torch.from_numpy(pictures)
        self.targets = [
            {
                "boxes": torch.from_numpy(target["boxes"]),
                "labels": torch.from_numpy(target["labels"]),
                "difficult": torch.zeros(len(target["labels"]), dtype=torch.bool),
            }
            for target in targets
        ]

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> Sample:
        return self.pictures[index], self.targets[index]

    def gather(self, indices: Tensor) -> Batch:
        """Return the batch of the samples at `indices`, int64 (batch,)."""
        return list(self.pictures[indices]), [self.targets[index] for index in indices.tolist()]

    @property
    def portrait(self) -> NDArray[np.bool_]:
        """Return which pictures are taller than wide, bool (pictures,): none."""
        return np.zeros(len(self), bool)

    def signature(self) -> list[Any]:
        """Return what `contract.digest` makes a fingerprint of."""
        return [self.pictures, *(torch.cat([target[key] for target in self.targets]) for key in voc.TARGET_KEYS)]


class Noise(Dataset[Sample]):
    """Makes up images with one to four boxes of VOC2007's classes, for timing.

    Args:
        count: Number of samples.
        shape: An image's.
        seed: A sample is a function of it and of its index.
    """

    def __init__(self, count: int, shape: tuple[int, int, int], seed: tuple[int, ...]) -> None:
        self.count = count
        self.shape = shape
        self.seed = seed

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        generator = np.random.default_rng((*self.seed, index))
        image = generator.integers(0, 256, self.shape, np.uint8)
        objects = int(generator.integers(1, 5))
        sides = np.array([self.shape[2], self.shape[1]])
        size = generator.uniform(0.2, 0.8, (objects, 2)) * sides
        corner = generator.uniform(size=(objects, 2)) * (sides - size)
        target = {
            "boxes": torch.from_numpy(np.concatenate([corner, corner + size], axis=1)).float(),
            "labels": torch.from_numpy(generator.integers(1, len(voc.CLASSES) + 1, objects)),
            "difficult": torch.zeros(objects, dtype=torch.bool),
        }
        return torch.from_numpy(image), target

    @property
    def portrait(self) -> NDArray[np.bool_]:
        """Return which images are taller than wide, bool (images,)."""
        return np.full(len(self), self.shape[1] > self.shape[2])

    def signature(self) -> list[Any]:
        """Return what `contract.digest` makes a fingerprint of."""
        return [f"noise {self.count} {self.shape} {self.seed}"]


class Mirrored(Dataset[Sample]):
    """Holds each image of `dataset` twice: as it is, and mirrored left to right (the second half of the indices)."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return 2 * len(self.dataset)

    def __getitem__(self, index: int) -> Sample:
        image, target = self.dataset[index % len(self.dataset)]
        if index < len(self.dataset):
            return image, target
        left, top, right, bottom = target["boxes"].unbind(1)
        width = image.shape[2]
        return image.flip(2), {**target, "boxes": torch.stack([width - right, top, width - left, bottom], 1)}

    @property
    def portrait(self) -> NDArray[np.bool_]:
        """Return which images are taller than wide, bool (images,)."""
        return np.tile(self.dataset.portrait, 2)

    def signature(self) -> list[Any]:
        """Return what `contract.digest` makes a fingerprint of."""
        return ["mirrored", *self.dataset.signature()]
