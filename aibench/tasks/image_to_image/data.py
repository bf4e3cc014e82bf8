"""Samples: generated streets, Cityscapes, or made-up images."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from aibench.config import Source
from aibench.config.places import expanded
from aibench.contract import Baseline, DataError, Facts, Identity, TaskData, Tensors, digest
from aibench.datasets.published import CITYSCAPES
from aibench.tasks.image_to_image import layout, segmenter, streets
from aibench.tasks.image_to_image.cityscapes import Paired, Reader, Unpaired
from aibench.tasks.image_to_image.classes import CLASSES, VOID, palette
from aibench.tasks.image_to_image.config import Config

SIZES = {"train": 2_975, "val": 500}  # Cityscapes' sizes
_DISTINCT = 16  # made-up images


class UnpairedTensors(Dataset[tuple[Tensor, ...]]):
    """Holds label maps in memory, with photos that have nothing to do with them.

    Args:
        labels: uint8 (label maps, 3, height, width).
        photos: uint8 (photos, 3, height, width).
        length: Samples in an epoch; label maps and photos take turns.
    """

    def __init__(self, labels: Tensor, photos: Tensor, length: int) -> None:
        self.labels = labels
        self.photos = photos
        self.order = torch.arange(length)

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return self.labels[index % len(self.labels)], self.photos[self.order[index] % len(self.photos)]

    def gather(self, indices: Tensor) -> tuple[Tensor, ...]:
        """Return the batch of the samples at `indices`, int64 (batch,)."""
        return self.labels[indices % len(self.labels)], self.photos[self.order[indices] % len(self.photos)]

    def redraw(self, generator: np.random.Generator) -> None:
        """Give the photos other label maps."""
        self.order = torch.from_numpy(generator.permutation(len(self)))

    def signature(self) -> str:
        """Return what a fingerprint is made of."""
        return digest(self.labels, self.photos)


class PairedTensors(Tensors):
    """Holds label maps, photos of the same scenes, and the classes of their pixels, uint8 (scenes, height, width)."""

    def signature(self) -> str:
        """Return what a fingerprint is made of."""
        return digest(*self.tensors)


class MadeUpPairs(PairedTensors):
    """Repeats a few pairs in turn.

    Args:
        tensors: The pairs'.
        length: Samples.
    """

    def __init__(self, *tensors: Tensor, length: int) -> None:
        super().__init__(*tensors)
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return super().__getitem__(index % len(self.tensors[0]))

    def gather(self, indices: Tensor) -> tuple[Tensor, ...]:
        """Return the batch of the samples at `indices`, int64 (batch,)."""
        return super().gather(indices % len(self.tensors[0]))


class Data(TaskData):
    """Holds label maps and photos of streets: unpaired to train on, of the same scenes held out.

    A training sample is `(labels, photo)`, uint8 (3, load, load) each; the two have nothing to do with each other. A
    held-out sample is `(labels, photo, classes)`: uint8 (3, size, size) each, and the classes of the map's pixels,
    uint8 (height, width), with `classes.VOID` where they are not scored.
    """

    unit = "images"  # an image is a sample: one label map and one photo
    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.segmenter: str | None = None
        match config.data.source:
            case Source.embedded:
                self.classes: tuple[str, ...] = streets.CLASSES
                self.segmenter = segmenter.name_of_small()
                self.splits: dict[str, Any] = self._streets()
            case Source.disk:
                self.classes = CLASSES
                self.splits = self._cityscapes()
            case Source.synthetic:
                self.classes = CLASSES
                self.splits = self._made_up()
        if config.data.segmenter is not None:
            self.segmenter = _sha256(expanded(config.data.segmenter))

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the parts; the maps of Cityscapes' own test part are not published."""
        return tuple(self.splits)

    def baselines(self) -> Iterator[Baseline]:
        """Yield what answers without training score on the generated streets."""
        if self.config.data.source is Source.embedded:
            from aibench.tasks.image_to_image.baseline import baselines

            yield from baselines(self.config, self.splits)

    @property
    def facts(self) -> Facts:
        """Return `classes` and `palette`, names and colours, and `segmenter`, the network that scores; null: none."""
        colours = [list(colour) for colour in palette(self.classes)]
        return {"classes": list(self.classes), "palette": colours, "segmenter": self.segmenter}

    def dataset(self, split: str) -> Any:
        return self.splits[split]

    def fingerprint(self) -> str:
        signatures = (dataset.signature() for dataset in self.splits.values())
        return digest(*signatures, self.segmenter or "", self.glance)

    def identity(self) -> Identity | None:
        if self.config.data.source is not Source.disk:
            return None
        train, val = (dataset.reader.available for dataset in self.splits.values())
        return CITYSCAPES.compared(
            {
                "training photos": train["photos"],
                "training label maps": train["label maps"],
                "held-out scenes": val["photos"],
            }
        )

    def _streets(self) -> dict[str, Any]:
        data = self.config.data
        assert data.train_size is not None
        assert data.val_size is not None
        labels = streets.coloured(streets.scenes("labels", data.train_size, data.seed))
        photos = streets.pairs("photos", data.train_size, data.seed).photos
        return {
            "train": UnpairedTensors(torch.from_numpy(labels), torch.from_numpy(photos), data.train_size),
            **{part: _pairs(part, data.val_size, data.seed) for part in ("val", "test")},
        }

    def _cityscapes(self) -> dict[str, Any]:
        data = self.config.data
        root = expanded(data.root)
        train = Reader(layout.files(root, "train"), data.load, data.train_size, "data.train_size")
        held_out = Reader(layout.files(root, "val"), data.size, data.val_size, "data.val_size")
        return {"train": Unpaired(train), "val": Paired(held_out)}

    def _made_up(self) -> dict[str, Any]:
        data = self.config.data
        generator = torch.Generator().manual_seed(data.seed)

        def images(size: int) -> Tensor:
            return torch.randint(256, (_DISTINCT, 3, size, size), dtype=torch.uint8, generator=generator)

        classes = torch.randint(len(CLASSES), (_DISTINCT, data.size, data.size), generator=generator)
        classes[:, 0] = VOID
        pairs = (images(data.size), images(data.size), classes.to(torch.uint8))
        return {
            "train": UnpairedTensors(images(data.load), images(data.load), data.train_size or SIZES["train"]),
            "val": MadeUpPairs(*pairs, length=data.val_size or SIZES["val"]),
        }


def _pairs(part: str, count: int, seed: int) -> PairedTensors:
    pairs = streets.pairs(part, count, seed)
    return PairedTensors(*map(torch.from_numpy, (streets.coloured(pairs.classes), pairs.photos, pairs.classes)))


def _sha256(path: Path) -> str:
    """Return a name for the file by what is in it: 16 hexadecimal digits."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}. Restore this file.") from error
