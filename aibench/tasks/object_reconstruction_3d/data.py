"""Samples: generated furniture and vehicles, ShapeNet on disk, or made-up ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from aibench.config import Source
from aibench.config.places import expanded
from aibench.contract import PARTS, Baseline, DataError, Facts, Identity, TaskData, digest
from aibench.datasets.folders import enumerated
from aibench.datasets.published import SHAPENET_CHAIRS
from aibench.tasks.object_reconstruction_3d.config import Config
from aibench.tasks.object_reconstruction_3d.layout import Layout
from aibench.tasks.object_reconstruction_3d.shapenet import ShapeNet
from aibench.tasks.object_reconstruction_3d.shapes import solids_and_pictures

CHAIR = "03001627"  # WordNet's number
CHAIRS = {"train": 4_744, "val": 1_356}  # Yan et al. 2016 have these; made-up samples stand for them
_DISTINCT_PICTURES, _DISTINCT_VOLUMES = 96, 16

Sample = tuple[Tensor, Tensor]


class Objects(Dataset[Sample]):
    """Holds objects in memory, each from several sides; sample `object * views + view`.

    A sample is a picture, uint8 (3, size, size), and the volume of what it shows, bool (x, y, z).

    Args:
        pictures: uint8 (objects, views, 3, size, size).
        volumes: bool (objects, x, y, z).
        objects: How many there are; the given ones take turns. None takes each once.
    """

    def __init__(self, pictures: Tensor, volumes: Tensor, objects: int | None = None) -> None:
        self.pictures = pictures
        self.volumes = volumes
        self.views = pictures.shape[1]
        self.objects = len(volumes) if objects is None else objects

    def __len__(self) -> int:
        return self.objects * self.views

    def __getitem__(self, index: int) -> Sample:
        pictures, volumes = self.gather(torch.tensor([index]))
        return pictures[0], volumes[0]

    def gather(self, indices: Tensor) -> Sample:
        """Return the batch of the samples at `indices`, int64 (batch,)."""
        which, view = indices // self.views, indices % self.views
        return self.pictures[which % len(self.pictures), view], self.volumes[which % len(self.volumes)]

    def fingerprint(self) -> str:
        """Return the digest of all pictures and volumes."""
        return digest(self.pictures, self.volumes, str(self.objects))


class Data(TaskData):
    """Holds pictures of objects and their volumes; an epoch has one picture of each object.

    A sample is `(picture, volume)`: uint8 (3, size, size), bool (x, y, z).
    """

    unit = "images"
    with_test = (Source.embedded,)
    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        sources: dict[Source, Callable[[str], Objects | ShapeNet]]
        sources = {Source.embedded: self._generated, Source.disk: self._read, Source.synthetic: self._made_up}
        make = sources[config.data.source]
        self.splits: dict[str, Objects | ShapeNet] = {split: make(split) for split in ("train", "val")}
        train, val = self.splits["train"], self.splits["val"]
        if isinstance(train, ShapeNet) and isinstance(val, ShapeNet):
            both = sorted({*train.names.tolist()} & {*val.names.tolist()})
            if both:
                raise DataError(f"{train.root}: {enumerated(both)} both to train on and held out. Restore the lists.")
        count, size = train.objects, config.data.batch_size
        if count < size:
            raise DataError(f"data.batch_size={size}: more than the {count:,} training objects. Lower data.batch_size.")

    @property
    def facts(self) -> Facts:
        """Return `categories`, the names of what the objects are."""
        return {"categories": list(self.config.data.categories)}

    def dataset(self, split: str) -> Any:
        return self._test if split == "test" else self.splits[split]

    @cached_property
    def _test(self) -> Objects:
        """Build as many objects as `val` has, when they are first asked for."""
        return self._generated("test")

    def baselines(self) -> Iterator[Baseline]:
        from aibench.tasks.object_reconstruction_3d.baseline import baselines

        if self.config.data.source is Source.embedded:
            yield from baselines({part: self.dataset(part) for part in PARTS})

    def plan(self, dataset: Any, generator: np.random.Generator) -> Sequence[NDArray[Any]]:
        """Return each object once, from a side that is drawn; the short last batch is left out."""
        size = self.config.data.batch_size
        order = generator.permutation(dataset.objects)
        indices = order * dataset.views + generator.integers(dataset.views, size=dataset.objects)
        count = dataset.objects // size
        return np.split(indices[: count * size], count)

    def fingerprint(self) -> str:
        # The objects of `test` come from the code that built the others, by the same seed.
        return digest(*(dataset.fingerprint() for dataset in self.splits.values()), self.glance)

    def identity(self) -> Identity | None:
        train, val = self.splits["train"], self.splits["val"]
        if not isinstance(train, ShapeNet) or not isinstance(val, ShapeNet) or train.layout is not Layout.ptn:
            return None
        if self.config.data.categories != [CHAIR]:
            return None
        return SHAPENET_CHAIRS.compared({"training objects": train.available, "held-out objects": val.available})

    def _generator(self, split: str) -> np.random.Generator:
        return np.random.default_rng((self.config.data.seed, PARTS.index(split)))

    def _size(self, split: str) -> int:
        data = self.config.data
        return (data.train_size if split == "train" else data.val_size) or CHAIRS[split]

    def _generated(self, split: str) -> Objects:
        data = self.config.data
        pictures, solids = solids_and_pictures(
            data.categories, self._size(split), data.views, data.size, data.resolution, self._generator(split)
        )
        return Objects(torch.from_numpy(pictures), torch.from_numpy(solids))

    def _read(self, split: str) -> ShapeNet:
        data = self.config.data
        return ShapeNet(expanded(data.root), split, data)

    def _made_up(self, split: str) -> Objects:
        data, generator = self.config.data, self._generator(split)
        distinct = -(-_DISTINCT_PICTURES // data.views)
        pictures = generator.integers(256, size=(distinct, data.views, 3, data.size, data.size), dtype=np.uint8)
        volumes = generator.random((_DISTINCT_VOLUMES, *(data.resolution,) * 3), dtype=np.float32) < 0.05
        return Objects(torch.from_numpy(pictures), torch.from_numpy(volumes), self._size(split))
