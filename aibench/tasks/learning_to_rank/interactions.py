"""Users' interactions with items in time: filter, split, windows, unseen items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]
PADDING = 0


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of different lengths, end to end.

    Attributes:
        values: int64 (total,).
        offsets: int64 (rows + 1,); row `r` is `values[offsets[r]:offsets[r + 1]]`.
    """

    values: Ints
    offsets: Ints

    @classmethod
    def of(cls, row: Ints, values: Ints, rows: int) -> Rows:
        """Rows of `values`, which belong to `row` each; their order within a row is kept."""
        order = np.argsort(row, kind="stable")
        return cls(values[order], np.concatenate([[0], np.bincount(row, minlength=rows).cumsum()]))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Ints:
        """Of each row, int64 (rows,)."""
        lengths: Ints = np.diff(self.offsets)
        return lengths

    def row(self, index: int) -> Ints:
        """One row, int64 (length,)."""
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    def padded(self, rows: Ints) -> Ints:
        """Some rows filled up with 0 behind, int64 (len(rows), longest of them)."""
        lengths = self.lengths[rows]
        place = np.arange(lengths.max(initial=0))
        inside = place < lengths[:, None]
        return np.where(inside, self._at(self.offsets[rows, None] + place), PADDING)

    def last(self, count: int) -> Ints:
        """The last `count` values of every row, filled up with 0 in front, int64 (rows, count)."""
        at = self.offsets[1:, None] + np.arange(-count, 0)
        return np.where(at >= self.offsets[:-1, None], self._at(at), PADDING)

    def windows(self, length: int) -> tuple[Ints, Ints]:
        """All runs of `length` values; a shorter row gives one, filled up with 0 in front.

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


@dataclass(frozen=True, slots=True)
class Interactions:
    """Each user's items, oldest first, none twice.

    Attributes:
        train: The items that training shows; users 0 to n-1, items 1 to m.
        held_out: The later items, which training shows too, but to other users.
        items: m, without the padding item 0.
        original: What item `i` was called is `original[i - 1]`.
        unrankable: Held-out interactions left out because training shows their item to nobody.
    """

    train: Rows
    held_out: Rows
    items: int
    original: NDArray[Any]
    unrankable: int

    @classmethod
    def of(cls, user: Ints, item: NDArray[Any], is_held_out: Mask) -> Interactions:
        """Interactions in the order of time.

        Args:
            user: int64 (interactions,); 0 to n-1, each with a training interaction.
            item: (interactions,); anything that can be told apart.
            is_held_out: bool (interactions,).
        """
        original, code = first_appearance(item[~is_held_out])
        order = np.argsort(original)
        place = np.searchsorted(original, item[is_held_out], sorter=order).clip(max=len(original) - 1)
        found = order[place]
        known = original[found] == item[is_held_out]
        users = int(user.max()) + 1
        train = Rows.of(user[~is_held_out], code + 1, users)
        held_out = Rows.of(user[is_held_out][known], found[known] + 1, users)
        return cls(train, held_out, len(original), original, int((~known).sum()))


def first_appearance(values: NDArray[Any]) -> tuple[NDArray[Any], Ints]:
    """Distinct values in the order of their first appearance, and the place of each value among them."""
    distinct, first, inverse = np.unique(values, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return distinct[order], place[inverse]


def first_visits(user: Ints, item: Ints) -> Ints:
    """Which interactions are a user's first with an item: places in time's order, int64 (first visits,)."""
    pair = user * (item.max(initial=0) + 1) + item
    return np.sort(np.unique(pair, return_index=True)[1])


def frequent(user: Ints, item: Ints, min_items_per_user: int, min_users_per_item: int) -> Ints:
    """Which distinct pairs are left once no user and no item has too few: places, int64 (left,).

    Leaving out a user may leave an item with too few users, and so on: repeated until nothing changes.
    """
    left = np.arange(len(user))
    while True:
        per_item = np.bincount(item[left])
        after = left[per_item[item[left]] >= min_users_per_item]
        per_user = np.bincount(user[after])
        after = after[per_user[user[after]] >= min_items_per_user]
        if len(after) == len(left):
            return left
        left = after


def later_part(user: Ints, training_tenths: int = 8) -> Mask:
    """Which interactions lie in the later part of their user's: the last 20 %, rounded up.

    The published split of Gowalla is 70 % training, 10 % validation, 20 % test in each user's time, and its final
    models are trained on the first two together.

    Args:
        user: int64 (interactions,), in the order of time.
        training_tenths: Tenths of a user's interactions, rounded down, that are trained on.
    """
    order = np.argsort(user, kind="stable")
    counts = np.bincount(user)
    start = np.concatenate([[0], counts.cumsum()[:-1]])
    place = np.arange(len(user)) - start[user[order]]
    is_late = np.empty(len(user), dtype=np.bool_)
    is_late[order] = place >= (counts * training_tenths // 10)[user[order]]
    return is_late


class UnseenItems:
    """Draws items that a user has not seen, all equally likely, without rejecting any.

    With a user's seen items s_0 < s_1 < ..., the unseen item number k (from 0) is k + 1 + j, where j counts the
    seen items with s_i - i - 1 <= k: found for all draws at once in one sorted array over all users.
    """

    def __init__(self, seen: Rows, items: int) -> None:
        assert seen.lengths.max(initial=0) < items, "a user has seen every item"
        self.items = items
        self.offsets = seen.offsets
        user = np.repeat(np.arange(len(seen)), seen.lengths)
        ordered = seen.values[np.lexsort((seen.values, user))]
        place = np.arange(len(ordered)) - seen.offsets[user]
        self._below = user * (items + 1) + ordered - place - 1
        self.count = items - seen.lengths

    def draw(self, users: Ints, count: int, generator: np.random.Generator) -> Ints:
        """`count` unseen items of each of `users`, with replacement, int64 (len(users), count)."""
        number = generator.integers(self.count[users, None], size=(len(users), count))
        key = users[:, None] * (self.items + 1) + number
        before = np.searchsorted(self._below, key, side="right") - self.offsets[users, None]
        return number + 1 + before
