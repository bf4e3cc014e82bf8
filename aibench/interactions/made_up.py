"""Draws users who take random items: what the reference models of the recommenders are timed on."""

from __future__ import annotations

import numpy as np

from aibench.interactions.filtering import first_visits
from aibench.interactions.rows import Ints


def random_visits(
    users: int, items: int, lengths: tuple[int, int], generator: np.random.Generator
) -> tuple[Ints, Ints]:
    """Draw users with random items, all equally likely; a user's repeated ones are left out.

    Args:
        users: Users 0 to users - 1.
        items: Items 1 to items.
        lengths: The least and the most items of a user, before repeated ones are left out.
        generator: Draws them.

    Returns:
        Users and items, int64 (visits,) each, user by user.
    """
    counts = generator.integers(*lengths, size=users, endpoint=True)
    user = np.repeat(np.arange(users), counts)
    item = generator.integers(1, items, size=len(user), endpoint=True)
    kept = first_visits(user, item)
    return user[kept], item[kept]
