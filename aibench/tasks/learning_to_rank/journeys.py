"""Makes the embedded visits: users on a ring of towns choose by popularity, by taste, and by where they are.

A mixed logit (`aibench/interactions/market.py`) with one more term: each item has its town, around which it is wanted,
and each user goes round the ring, one way or the other, some towns from a visit to the next. Who is asked for a user's
next visits must know the taste, which all visits show, in whatever order, and the place and the way, which only the
order of the last ones shows. A table of who took what has the first, a table of what follows what the second, and no
table of two items has the third: half of the users go the other way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aibench.contract import digest
from aibench.datasets.arrays import kept_arrays
from aibench.interactions.market import Floats, Market, in_rows, spread, uniforms, whole_numbers
from aibench.interactions.rows import Ints
from aibench.tasks.learning_to_rank.config import DataConfig
from aibench.tasks.learning_to_rank.interactions import Interactions, later_part

RECIPE = 1  # to be raised with every change of what is made
TOWNS = 52
DIMENSIONS, TASTE = 12, 0.75
NEARNESS = 10.0  # kappa of von Mises: an item is wanted half as much three towns from its own
STEPS = (1, 2)  # towns from a visit to the next, all equally likely
TOWNS_OF_ITEMS, STARTS, WAYS, MOVES, CHOICES = range(100, 105)  # streams of random numbers, beside the market's


@dataclass(frozen=True, slots=True)
class Journeys:
    """Holds what decides the visits.

    Attributes:
        market: Popularities, traits and tastes.
        fits: How much each item is wanted in each town, float64 (TOWNS, items); 1 in its own.
        ways: Directions of the users round the ring, int64 (users,); 1 or -1.
        towns: In which town each visit of a user falls, int64 (users, most visits).
        lengths: How many of these a user makes, int64 (users,).
    """

    market: Market
    fits: Floats
    ways: Ints
    towns: Ints
    lengths: Ints

    @classmethod
    def drawn(cls, config: DataConfig) -> Journeys:
        """Draw the journeys of `config.users` among `config.items`; `config.seed` decides everything."""
        seed, users = config.seed, config.users
        market = Market.drawn(users, config.items, DIMENSIONS, TASTE, seed)
        lengths = whole_numbers((seed, MOVES, 1), *spread(config.interactions_per_user), users)
        own = whole_numbers((seed, TOWNS_OF_ITEMS), 0, TOWNS - 1, config.items)
        angle = 2 * np.pi / TOWNS * (np.arange(TOWNS)[:, None] - own)
        moves = whole_numbers((seed, MOVES), *STEPS, users * int(lengths.max())).reshape(users, -1)
        starts = whole_numbers((seed, STARTS), 0, TOWNS - 1, users)
        ways = 2 * whole_numbers((seed, WAYS), 0, 1, users) - 1
        towns = (starts[:, None] + ways[:, None] * moves.cumsum(1)) % TOWNS
        return cls(market, np.exp(NEARNESS * (np.cos(angle) - 1)), ways, towns, lengths)

    def visits(self, seed: int) -> tuple[Ints, Ints]:
        """Return users, 0 to n-1, and items, 1 to m, int64 (visits,), user by user, in time; none twice with a user."""
        taken = np.zeros_like(self.towns)
        chance = uniforms((seed, CHOICES), *self.towns.shape)
        for part in self.market.parts():
            left = np.exp(self.market.utilities(part))
            for visit in range(taken.shape[1]):
                sums = (left * self.fits[self.towns[part, visit]]).cumsum(1)
                taken[part, visit] = (sums < chance[part, visit, None] * sums[:, -1:]).sum(1)
                left[np.arange(len(left)), taken[part, visit]] = 0
        return in_rows(taken, self.lengths)

    def expected(self, made: Interactions, users: Ints) -> Floats:
        """Return how often users are expected to take each unseen item in their held-out visits, by what made them.

        Towns that lie ahead are not known to it, only how likely they are. No ranking can be expected to do better than
        the one by these numbers, but for what a visit takes from the next.

        Returns:
            float64 (users, items + 1), with the items as `made` numbers them.
        """
        order = made.original.astype(np.int64) - 1
        left = np.pad(np.exp(self.market.utilities(users))[:, order], ((0, 0), (1, 0)))
        fits = np.pad(self.fits[:, order], ((0, 0), (1, 0)))
        left[np.arange(len(users))[:, None], made.train.padded(users)] = 0  # seen, and the padding item
        now = self.towns[users, made.train.lengths[users] - 1]
        expected = np.zeros_like(left)
        for towns, times in enumerate(visits_ahead(round(self.towns.shape[1] / 5))):
            weights = left * fits[(now + self.ways[users] * towns) % TOWNS]
            expected += times * weights / weights.sum(1, keepdims=True)
        return expected


def visits_ahead(count: int) -> Floats:
    """Return how many of the next `count` visits are expected 0, 1, 2, ... towns ahead, float64 (most towns + 1,)."""
    step = np.where(np.arange(STEPS[1] + 1) >= STEPS[0], 1 / (STEPS[1] - STEPS[0] + 1), 0)
    expected, later = np.zeros(STEPS[1] * count + 1), np.ones(1)
    for _ in range(count):
        later = np.convolve(later, step)
        expected[: len(later)] += later
    return expected


def journeys(config: DataConfig) -> Interactions:
    """Return the visits, the last 20 % of each user's held out."""

    def make() -> dict[str, Ints]:
        user, item = Journeys.drawn(config).visits(config.seed)
        return {"user": user, "item": item}

    sizes = f"{RECIPE} {config.users} {config.items} {config.interactions_per_user} {config.seed}"
    kept = kept_arrays(config.cache, f"journeys-{digest(sizes)}", make)
    return Interactions.of(kept["user"], kept["item"], later_part(kept["user"]))
