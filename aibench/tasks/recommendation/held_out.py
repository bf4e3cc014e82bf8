"""Leaves one out: each user's last item, among others that the user has never been with."""

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
        train: All items but the last; users 0 to n-1, items 1 to m.
        held_out: Each user's last item, int64 (n,).
        items: m.
        names: What item `i` is called is `names[i - 1]`; None where it is only numbered.
    """

    train: Rows
    held_out: Ints
    items: int
    names: list[str] | None = None

    @classmethod
    def of(cls, user: Ints, item: Ints, items: int, names: list[str] | None = None) -> Interactions:
        """Collect interactions, a user's own in the order of time.

        Args:
            user: int64 (interactions,); 0 to n-1.
            item: int64 (interactions,); 1 to m, none twice with a user.
            items: m.
            names: m of them.
        """
        rows = Rows.of(user, item, int(user.max()) + 1)
        last = rows.offsets[1:] - 1
        offsets = rows.offsets - np.arange(len(rows) + 1)
        return cls(Rows(np.delete(rows.values, last), offsets), rows.values[last], items, names)


def draw_candidates(
    made: Interactions, count: int, generator: np.random.Generator, group: Ints | None = None
) -> tuple[Ints, NDArray[np.int32]]:
    """Draw for each user the held-out item and `count` different ones that the user has never been with.

    All of these are equally likely. A user with too few of them is left out, so that chance is the same for all.

    Args:
        made: The interactions.
        count: Candidates beside the held-out item.
        generator: Draws them.
        group: The group of item `i` is `group[i]`, int64 (items + 1,): draws from the held-out item's group alone.

    Returns:
        Users, int64 (users,), and their candidates, int32 (users, 1 + count), the held-out item first, the others
        in ascending order.
    """
    at_once = max(1, KEYS_AT_ONCE // (made.items + 1))
    parts = []
    for first in range(0, len(made.train), at_once):
        users = np.arange(first, min(first + at_once, len(made.train)))
        keys = _keys(made, users, generator, group)
        enough = (keys < TAKEN).sum(1) >= count
        others = np.sort(keys[enough].argpartition(min(count, made.items), axis=1)[:, :count], axis=1)
        both = np.concatenate([made.held_out[users[enough], None], others], axis=1)
        parts.append((users[enough], both.astype(np.int32)))  # half a gigabyte for MovieLens 20M
    return np.concatenate([users for users, _ in parts]), np.concatenate([items for _, items in parts])


def _keys(made: Interactions, users: Ints, generator: np.random.Generator, group: Ints | None) -> Keys:
    """Draw random keys, float32 (users, items + 1), `TAKEN` where an item is no candidate: the least ones are drawn.

    Args:
        made: The interactions.
        users: Consecutive ones.
        generator: Draws the keys.
        group: The group of each item; see `draw_candidates`.
    """
    rows, train = np.arange(len(users)), made.train
    seen = train.values[train.offsets[users[0]] : train.offsets[users[-1] + 1]]
    keys = generator.random((len(users), made.items + 1), dtype=np.float32)
    keys[:, 0] = TAKEN  # no item
    keys[np.repeat(rows, train.lengths[users]), seen] = TAKEN
    keys[rows, made.held_out[users]] = TAKEN
    if group is not None:
        keys[group != group[made.held_out[users], None]] = TAKEN
    return keys
