"""Draws items that a user has not seen: the negatives of implicit feedback."""

from __future__ import annotations

import numpy as np

from aibench.interactions.rows import Ints, Rows


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
        """Draw `count` unseen items of each of `users`, with replacement, int64 (len(users), count)."""
        number = generator.integers(self.count[users, None], size=(len(users), count))
        key = users[:, None] * (self.items + 1) + number
        before = np.searchsorted(self._below, key, side="right") - self.offsets[users, None]
        return number + 1 + before
