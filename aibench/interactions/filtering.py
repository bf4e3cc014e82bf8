"""Decides which interactions count: a user's first with an item, and of users and items those that are not rare."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aibench.interactions.rows import Ints


def first_appearance(values: NDArray[Any]) -> tuple[NDArray[Any], Ints]:
    """Return the distinct values in the order of their first appearance, and each value's place among them."""
    distinct, first, inverse = np.unique(values, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return distinct[order], place[inverse]


def first_visits(user: Ints, item: Ints) -> Ints:
    """Return which interactions are a user's first with an item: places in time's order, int64 (first visits,)."""
    pair = user * (item.max(initial=0) + 1) + item
    return np.sort(np.unique(pair, return_index=True)[1])


def frequent(user: Ints, item: Ints, min_items_per_user: int, min_users_per_item: int) -> Ints:
    """Return which distinct pairs are left once no user and no item has too few: places, int64 (left,).

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
