"""Holds rows of different lengths end to end: the items of each user."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
PADDING = 0  # items are numbered from 1


@dataclass(frozen=True, slots=True)
class Rows:
    """Holds rows of different lengths, end to end.

    Attributes:
        values: int64 (total,).
        offsets: int64 (rows + 1,); row `r` is `values[offsets[r]:offsets[r + 1]]`.
    """

    values: Ints
    offsets: Ints

    @classmethod
    def of(cls, row: Ints, values: Ints, rows: int) -> Rows:
        """Collect `values`, which belong to `row` each, into rows; their order within a row is kept."""
        order = np.argsort(row, kind="stable")
        return cls(values[order], np.concatenate([[0], np.bincount(row, minlength=rows).cumsum()]))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Ints:
        """Return the length of each row, int64 (rows,)."""
        lengths: Ints = np.diff(self.offsets)
        return lengths

    def row(self, index: int) -> Ints:
        """Return one row, int64 (length,)."""
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    def padded(self, rows: Ints) -> Ints:
        """Return some rows filled up with 0 behind, int64 (len(rows), longest of them)."""
        lengths = self.lengths[rows]
        place = np.arange(lengths.max(initial=0))
        inside = place < lengths[:, None]
        return np.where(inside, self._at(self.offsets[rows, None] + place), PADDING)

    def last(self, count: int) -> Ints:
        """Return the last `count` values of every row, filled up with 0 in front, int64 (rows, count)."""
        at = self.offsets[1:, None] + np.arange(-count, 0)
        return np.where(at >= self.offsets[:-1, None], self._at(at), PADDING)

    def windows(self, length: int) -> tuple[Ints, Ints]:
        """Return all runs of `length` values; a shorter row gives one, filled up with 0 in front.

        Returns:
            The row of each window, int64 (windows,), and its values, int64 (windows, length).
        """
        counts = np.maximum(self.lengths - length + 1, 1)
        row = np.repeat(np.arange(len(self)), counts)
        first = np.concatenate([[0], counts.cumsum()[:-1]])
        end = self.offsets[1:][row] - counts[row] + 1 + np.arange(len(row)) - first[row]
        at = end[:, None] + np.arange(-length, 0)
        return row, np.where(at >= self.offsets[row, None], self._at(at), PADDING)

    def _at(self, places: Ints) -> Ints:
        values: Ints = self.values[places.clip(0, max(len(self.values) - 1, 0))]
        return values
