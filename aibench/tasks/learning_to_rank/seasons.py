"""Makes the embedded visits: users choose by popularity, by taste, and by the season, which moves on.

A mixed logit (`aibench/interactions/market.py`) with one more term: each item has its week of the year, around which
it is wanted, and each user goes through the year, a week from a visit to the next on average. Who is asked for a user's
next visits must know the taste, which all visits show, in whatever order, and the week, which only the last ones show.
A table of who took what has the one, a table of what follows what the other.
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

RECIPE = 3  # to be raised with every change of what is made
WEEKS = 52
DIMENSIONS, TASTE = 12, 0.75
SHARPNESS = 10.0  # kappa of von Mises: an item is wanted half as much three weeks from its own
GAP = (0, 2)  # weeks from a visit to the next, all equally likely
STEP = np.where(np.arange(GAP[1] + 1) >= GAP[0], 1 / (GAP[1] - GAP[0] + 1), 0)  # how likely each is
SEASONS, STARTS, GAPS, CHOICES = range(100, 104)  # streams of random numbers, beside the market's


@dataclass(frozen=True, slots=True)
class SeasonalMarket:
    """Holds what decides the visits.

    Attributes:
        market: Popularities, traits and tastes.
        fits: How much each item is wanted in each week, float64 (WEEKS, items); 1 in its own.
        weeks: In which week each visit of a user falls, int64 (users, most visits).
        lengths: How many of these a user makes, int64 (users,).
    """

    market: Market
    fits: Floats
    weeks: Ints
    lengths: Ints

    @classmethod
    def drawn(cls, config: DataConfig) -> SeasonalMarket:
        """Draw a market of `config.users` and `config.items`; `config.seed` decides everything."""
        seed, users = config.seed, config.users
        market = Market.drawn(users, config.items, DIMENSIONS, TASTE, seed)
        lengths = whole_numbers((seed, GAPS, 1), *spread(config.interactions_per_user), users)
        own = whole_numbers((seed, SEASONS), 0, WEEKS - 1, config.items)
        angle = 2 * np.pi / WEEKS * (np.arange(WEEKS)[:, None] - own)
        gaps = whole_numbers((seed, GAPS), *GAP, users * int(lengths.max())).reshape(users, -1)
        starts = whole_numbers((seed, STARTS), 0, WEEKS - 1, users)
        return cls(market, np.exp(SHARPNESS * (np.cos(angle) - 1)), starts[:, None] + gaps.cumsum(1), lengths)

    def visits(self, seed: int) -> tuple[Ints, Ints]:
        """Return users, 0 to n-1, and items, 1 to m, int64 (visits,), user by user, in time; none twice with a user."""
        taken = np.zeros_like(self.weeks)
        chance = uniforms((seed, CHOICES), *self.weeks.shape)
        for part in self.market.parts():
            left = np.exp(self.market.utilities(part))
            for visit in range(taken.shape[1]):
                sums = (left * self.fits[self.weeks[part, visit] % WEEKS]).cumsum(1)
                taken[part, visit] = (sums < chance[part, visit, None] * sums[:, -1:]).sum(1)
                left[np.arange(len(left)), taken[part, visit]] = 0
        return in_rows(taken, self.lengths)

    def expected(self, made: Interactions, users: Ints) -> Floats:
        """Return how often users are expected to take each unseen item in their held-out visits, by what made them.

        Weeks that lie ahead are not known to it, only how likely they are. No ranking can be expected to do better than
        the one by these numbers, but for what a visit takes from the next.

        Returns:
            float64 (users, items + 1), with the items as `made` numbers them.
        """
        ahead = round(self.weeks.shape[1] / 5)
        likely, later = np.zeros(GAP[1] * ahead + 1), np.ones(1)
        for _ in range(ahead):
            later = np.convolve(later, STEP)
            likely[: len(later)] += later
        order = made.original.astype(np.int64) - 1
        left = np.pad(np.exp(self.market.utilities(users))[:, order], ((0, 0), (1, 0)))
        fits = np.pad(self.fits[:, order], ((0, 0), (1, 0)))
        left[np.arange(len(users))[:, None], made.train.padded(users)] = 0  # seen, and the padding item
        now = self.weeks[users, made.train.lengths[users] - 1]
        expected = np.zeros_like(left)
        for weeks, times in enumerate(likely):
            weights = left * fits[(now + weeks) % WEEKS]
            expected += times * weights / weights.sum(1, keepdims=True)
        return expected


def seasonal(config: DataConfig) -> Interactions:
    """Return the visits, the last 20 % of each user's held out."""

    def make() -> dict[str, Ints]:
        user, item = SeasonalMarket.drawn(config).visits(config.seed)
        return {"user": user, "item": item}

    sizes = f"{RECIPE} {config.users} {config.items} {config.interactions_per_user} {config.seed}"
    kept = kept_arrays(config.cache, f"seasons-{digest(sizes)}", make)
    return Interactions.of(kept["user"], kept["item"], later_part(kept["user"]))
