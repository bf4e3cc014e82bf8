"""Splits check-ins in time into those that training shows and each user's later ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aibench.interactions.filtering import first_appearance
from aibench.interactions.rows import Ints, Rows

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Interactions:
    """Holds each user's items, oldest first, none twice.

    Attributes:
        train: The items that training shows; users 0 to n-1, items 1 to m.
        held_out: The later items, which training shows too, but to other users.
        items: m, without the padding item 0.
        original: What item `i` was called is `original[i - 1]`.
        unrankable: Held-out interactions left out because training shows their item to nobody.
        lines: How many lines and users the files have, where there are files.
    """

    train: Rows
    held_out: Rows
    items: int
    original: NDArray[Any]
    unrankable: int
    lines: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, user: Ints, item: NDArray[Any], is_held_out: Mask) -> Interactions:
        """Collect interactions that stand in the order of time.

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


def later_part(user: Ints, training_tenths: int = 8) -> Mask:
    """Return which interactions lie in the later part of their user's: the last 20 %, rounded up.

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
