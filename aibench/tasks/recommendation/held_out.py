"""Leaves out each user's last item or two, to be found among others that the user has never been with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aibench.interactions.rows import Ints, Rows

Keys = NDArray[np.float32]

TAKEN = 2.0  # above every key of an item that may be drawn
KEYS_AT_ONCE = 2**26


@dataclass(frozen=True, slots=True)
class Interactions:
    """Holds each user's items, oldest first, none twice.

    Attributes:
        train: All items but those held out; users 0 to n-1, items 1 to m.
        held_out: Each user's item to be found in evaluations, int64 (n,).
        items: m.
        tested: Each user's item of the test part, taken after the one of `held_out`, int64 (n,); None where there is no
            such part.
    """

    train: Rows
    held_out: Ints
    items: int
    tested: Ints | None = None

    @classmethod
    def of(cls, user: Ints, item: Ints, items: int, *, with_test: bool = False) -> Interactions:
        """Collect interactions, a user's own in the order of time.

        Args:
            user: int64 (interactions,); 0 to n-1.
            item: int64 (interactions,); 1 to m, none twice with a user.
            items: m.
            with_test: Whether the last item of a user is for testing, and the last but one held out.
        """
        rows, left_out = Rows.of(user, item, int(user.max()) + 1), 1 + with_test
        last = rows.offsets[1:, None] - np.arange(left_out, 0, -1)
        train = Rows(np.delete(rows.values, last.ravel()), rows.offsets - left_out * np.arange(len(rows) + 1))
        held_out, *tested = rows.values[last].T
        return cls(train, held_out, items, tested[0] if with_test else None)

    def wanted(self, part: str) -> Ints:
        """Return the item that each user's request of `part` is to find, int64 (n,)."""
        if part == "val":
            return self.held_out
        assert self.tested is not None, "there is no test part"
        return self.tested


def draw_candidates(
    made: Interactions, count: int, generator: np.random.Generator, part: str = "val"
) -> tuple[Ints, NDArray[np.int32]]:
    """Draw for each user the item to be found and `count` different ones that the user has never been with.

    All of these are equally likely. A user with too few of them is left out, so that chance is the same for all.

    Args:
        made: The interactions.
        count: Candidates beside the item to be found.
        generator: Draws them.
        part: `val` or `test`: which item is to be found.

    Returns:
        Users, int64 (users,), and their candidates, int32 (users, 1 + count), the item to be found first, the others in
        ascending order.
    """
    at_once, wanted = max(1, KEYS_AT_ONCE // (made.items + 1)), made.wanted(part)
    parts = []
    for first in range(0, len(made.train), at_once):
        users = np.arange(first, min(first + at_once, len(made.train)))
        keys = _keys(made, users, generator)
        enough = (keys < TAKEN).sum(1) >= count
        others = np.sort(keys[enough].argpartition(min(count, made.items), axis=1)[:, :count], axis=1)
        both = np.concatenate([wanted[users[enough], None], others], axis=1)
        parts.append((users[enough], both.astype(np.int32)))  # half a gigabyte for MovieLens 20M
    return np.concatenate([users for users, _ in parts]), np.concatenate([items for _, items in parts])


def _keys(made: Interactions, users: Ints, generator: np.random.Generator) -> Keys:
    """Draw random keys, float32 (users, items + 1), `TAKEN` where an item is no candidate: the least ones are drawn.

    Args:
        made: The interactions.
        users: Consecutive ones.
        generator: Draws the keys.
    """
    rows, train = np.arange(len(users)), made.train
    seen = train.values[train.offsets[users[0]] : train.offsets[users[-1] + 1]]
    keys = generator.random((len(users), made.items + 1), dtype=np.float32)
    keys[:, 0] = TAKEN  # no item
    keys[np.repeat(rows, train.lengths[users]), seen] = TAKEN
    keys[rows, made.held_out[users]] = TAKEN
    if made.tested is not None:
        keys[rows, made.tested[users]] = TAKEN
    return keys
