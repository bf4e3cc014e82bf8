"""Makes a market, where users choose among items by popularity and taste: a mixed logit.

A user takes one of the items that it has not taken yet with a probability proportional to the exponential of the item's
utility: its popularity and the product of the user's taste and the item's traits (McFadden, Conditional Logit Analysis
of Qualitative Choice Behavior, 1974; with tastes that differ between users: Train, Discrete Choice Methods with
Simulation, 2009, chapter 6). Few numbers decide everything, yet they act through an exponential, so that the table of
who took what has no low rank: what counts or factorises that table sees the tastes only roughly. The utilities
themselves are the best ranking there can be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from aibench.interactions.rows import Ints

Floats = NDArray[np.float64]
Key = tuple[int, ...]
USERS_AT_ONCE = 256  # so that their utilities of all items stay in the processor's cache
POPULARITY, TASTES, TRAITS, PICKINESS, LENGTHS, CHOICES = range(6)  # streams of random numbers


def uniforms(key: Key, *shape: int) -> Floats:
    """Return random numbers between 0 and 1, which `key` decides.

    They are made of the raw stream of PCG64, which NumPy promises never to change (its NEP 19), as it does not promise
    for the distributions that it draws itself.
    """
    raw = np.random.PCG64(np.random.SeedSequence(key)).random_raw(int(np.prod(shape)))
    numbers: Floats = ((np.asarray(raw, np.uint64) >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    return numbers.reshape(shape)


def normals(key: Key, *shape: int) -> Floats:
    """Return random numbers of the standard normal distribution, which `key` decides."""
    numbers: Floats = ndtri(uniforms(key, *shape))
    return numbers


def whole_numbers(key: Key, least: int, most: int, count: int) -> Ints:
    """Return random whole numbers from `least` to `most`, all equally likely, which `key` decides."""
    numbers: Ints = least + (uniforms(key, count) * (most - least + 1)).astype(np.int64)
    return numbers


@dataclass(frozen=True, slots=True)
class Market:
    """Holds what decides the choices.

    Attributes:
        popularity: Popularity of each item, float64 (items,).
        traits: What is particular to each item, float64 (items, dimensions).
        tastes: What each user likes, the more the pickier it is, float64 (users, dimensions).
    """

    popularity: Floats
    traits: Floats
    tastes: Floats

    @classmethod
    def drawn(cls, users: int, items: int, dimensions: int, taste: float, seed: int) -> Market:
        """Draw a market: popularities and traits are standard normal, tastes normal, pickiness log-normal.

        Args:
            users: Number of users.
            items: Number of items.
            dimensions: Number of dimensions of tastes and traits.
            taste: Standard deviation of the tastes of a user of median pickiness.
            seed: Decides everything.
        """
        pickiness = np.exp(0.5 * normals((seed, PICKINESS), users, 1))
        tastes = taste * pickiness * normals((seed, TASTES), users, dimensions)
        return cls(normals((seed, POPULARITY), items), normals((seed, TRAITS), items, dimensions), tastes)

    def utilities(self, users: slice | Ints) -> Floats:
        """Return the utilities of all items to some users, float64 (users, items)."""
        utilities: Floats = self.tastes[users] @ self.traits.T + self.popularity
        return utilities

    def parts(self) -> list[slice]:
        """Return the users in parts of some hundred."""
        return [slice(first, first + USERS_AT_ONCE) for first in range(0, len(self.tastes), USERS_AT_ONCE)]


def visits(market: Market, mean: float, seed: int) -> tuple[Ints, Ints]:
    """Return whole histories of choices: users, 0 to n-1, and items, 1 to m, int64 (visits,), user by user, in time.

    The noise of a choice is a Gumbel variable, and to choose again and again among what is left is to sort by utility
    and noise once (Yellott, 1977).

    Args:
        market: Who chooses among what.
        mean: Mean visits of a user, whose number lies within a quarter of it.
        seed: Decides everything.
    """
    count, items = len(market.tastes), len(market.popularity)
    lengths = whole_numbers((seed, LENGTHS), *spread(mean), count)
    most, taken = int(lengths.max()), []
    for number, part in enumerate(market.parts()):
        utilities = market.utilities(part)
        keys = utilities - np.log(-np.log(uniforms((seed, CHOICES, number), *utilities.shape)))
        best = np.argpartition(-keys, most, axis=1)[:, :most] if most < items else np.argsort(-keys, axis=1)
        order = np.argsort(-np.take_along_axis(keys, best, axis=1), axis=1)
        taken.append(np.take_along_axis(best, order, axis=1))
    return in_rows(np.concatenate(taken), lengths)


def spread(mean: float) -> tuple[int, int]:
    """Return the least and the most visits of a user."""
    return max(2, round(mean * 3 / 4)), max(3, round(mean * 5 / 4))


def in_rows(taken: NDArray[Any], lengths: Ints) -> tuple[Ints, Ints]:
    """Return users and items, from 1, int64 (visits,), of the first `lengths` items of each row of `taken`, from 0."""
    inside = np.arange(taken.shape[1]) < lengths[:, None]
    return np.repeat(np.arange(len(taken)), lengths), taken[inside].astype(np.int64) + 1
