"""Cuts the embedded samples out of generated pictures: patches to train on, whole pictures held out."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from aibench.contract import PARTS, DataError, digest
from aibench.tasks.image_compression.metric import SMALLEST
from aibench.tasks.image_compression.scenes import scenes

TRAINING_PICTURES, TRAINING_SIZE = 48, 192
HELD_OUT_SIZE = SMALLEST
_COUNTS = {"train": 4096, "val": 20, "test": 20}  # where data.train_size and data.val_size say nothing


class Crops(Dataset[Tensor]):
    """Holds square pieces of pictures in memory, uint8 (3, size, size).

    Args:
        pictures: uint8 (pictures, height, width, 3).
        places: int64 (samples, 3): number of the picture, first row, first column.
        size: Height and width of a piece.
    """

    def __init__(self, pictures: Tensor, places: Tensor, size: int) -> None:
        self.pictures = pictures
        self.places = places
        self.size = size

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Tensor:
        which, top, left = self.places[index].tolist()
        return self.pictures[which, top : top + self.size, left : left + self.size].permute(2, 0, 1)

    def gather(self, indices: Tensor) -> Tensor:
        """Return the batch of the pieces at `indices`, int64 (batch,)."""
        which, top, left = self.places[indices].T[..., None, None]
        steps = torch.arange(self.size)
        return self.pictures[which, top + steps[:, None], left + steps].permute(0, 3, 1, 2)

    def fingerprint(self) -> str:
        """Return the digest of the pictures and the places."""
        return digest(self.pictures, self.places, str(self.size))


@lru_cache(maxsize=4)  # a picture takes 20 ms to paint, all of them 5 MB to keep; who has them changes nothing
def crops(split: str, count: int | None, size: int, seed: int) -> Crops:
    """Cut patches of training pictures, or take whole pictures that are held out.

    Args:
        split: One of `PARTS`. Each has pictures of its own.
        count: Number of samples.
        size: Height and width of a training patch.
        seed: Decides the pictures, and where the patches are: at random places, none twice.

    Raises:
        DataError: There are fewer places.
    """
    draw = np.random.default_rng((seed, PARTS.index(split)))
    count = count or _COUNTS[split]
    if split != "train":
        whole = np.stack([np.arange(count), np.zeros(count), np.zeros(count)], axis=1).astype(np.int64)
        return Crops(torch.from_numpy(scenes(count, HELD_OUT_SIZE, draw)), torch.from_numpy(whole), HELD_OUT_SIZE)
    along = max(0, TRAINING_SIZE - size + 1)
    available = TRAINING_PICTURES * along**2
    if count > available:
        raise DataError(
            f"data.train_size={count}: the training pictures have {available:,} places for {size}x{size} pixels. "
            "Lower data.train_size or data.size."
        )
    pictures = scenes(TRAINING_PICTURES, TRAINING_SIZE, draw)
    chosen = draw.permutation(available)[:count]
    places = np.stack(np.unravel_index(chosen, (TRAINING_PICTURES, along, along)), axis=1)
    return Crops(torch.from_numpy(pictures), torch.from_numpy(places), size)
