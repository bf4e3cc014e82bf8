"""Cuts the embedded samples out of two real photographs, whose middle columns are held out; the others train."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from aibench.contract import DataError, digest
from aibench.vision.embedded import photographs

COLUMNS = {"train": ((0, 224), (416, 640)), "val": ((224, 416),)}  # first, and first after the last
HELD_OUT_SIZE = 192
_COUNTS = {"train": 4096, "val": 4}  # where data.train_size and data.val_size say nothing


class Crops(Dataset[Tensor]):
    """Holds square pieces of photographs in memory, uint8 (3, size, size).

    Args:
        photos: uint8 (photos, height, width, 3).
        places: int64 (samples, 3): number of the photograph, first row, first column.
        size: Height and width of a piece.
    """

    def __init__(self, photos: Tensor, places: Tensor, size: int) -> None:
        self.photos = photos
        self.places = places
        self.size = size

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Tensor:
        which, top, left = self.places[index].tolist()
        return self.photos[which, top : top + self.size, left : left + self.size].permute(2, 0, 1)

    def gather(self, indices: Tensor) -> Tensor:
        """Return the batch of the pieces at `indices`, int64 (batch,)."""
        which, top, left = self.places[indices].T[..., None, None]
        steps = torch.arange(self.size)
        return self.photos[which, top + steps[:, None], left + steps].permute(0, 3, 1, 2)

    def fingerprint(self) -> str:
        """Return the digest of the photographs and the places."""
        return digest(self.photos, self.places, str(self.size))


def crops(split: str, count: int | None, size: int, seed: int) -> Crops:
    """Cut patches of the photographs' outer columns, or pictures that take the whole width of the inner ones.

    Args:
        split: `train` or `val`.
        count: Number of samples. Held-out pictures are spread evenly from top to bottom: up to four do not overlap.
        size: Height and width of a training patch.
        seed: Decides where the patches are. Each is the more detailed of two random places, since half of the
            photographs is sky, water and blur. No place is drawn twice.

    Raises:
        DataError: There are fewer places.
    """
    photos = np.stack(photographs())
    count = count or _COUNTS[split]
    size = HELD_OUT_SIZE if split == "val" else size
    lefts = np.concatenate([np.arange(first, last - size + 1) for first, last in COLUMNS[split]])
    rows = max(0, photos.shape[1] - size + 1)
    available = len(photos) * rows * len(lefts) // (1 if split == "val" else 2)
    if count > available:
        raise DataError(
            f"data.{split}_size={count}: the photographs have {available:,} places for {size}x{size} pixels. "
            f"Lower data.{split}_size{' or data.size' if split == 'train' else ''}."
        )
    if split == "val":
        tops = np.linspace(0, rows - 1, -(-count // len(photos))).astype(np.int64).repeat(len(photos))[:count]
        places = np.stack([np.arange(count) % len(photos), tops, np.full(count, lefts[0])], axis=1)
    else:
        chosen = np.random.default_rng(seed).permutation(len(photos) * rows * len(lefts))[: 2 * count]
        which, top, column = np.unravel_index(chosen, (len(photos), rows, len(lefts)))
        pairs = np.stack([which, top, lefts[column]], axis=1).reshape(count, 2, 3)
        more = _detail(photos, size)[tuple(pairs.transpose(2, 0, 1))].argmax(1)
        places = pairs[np.arange(count), more]
    return Crops(torch.from_numpy(photos), torch.from_numpy(places), size)


def _detail(photos: NDArray[np.uint8], size: int) -> NDArray[np.int64]:
    """Return how much neighbouring pixels differ, summed over the piece that begins at each (photo, row, column)."""
    values = photos.astype(np.int64).sum(3)
    down = np.abs(np.diff(values, axis=1, append=values[:, -1:]))
    right = np.abs(np.diff(values, axis=2, append=values[:, :, -1:]))
    sums = np.pad((down + right).cumsum(1).cumsum(2), ((0, 0), (1, 0), (1, 0)))
    rows = sums[:, size:] - sums[:, :-size]
    detail: NDArray[np.int64] = rows[:, :, size:] - rows[:, :, :-size]
    return detail
