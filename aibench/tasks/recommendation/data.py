"""Turns interactions into training pairs with labels, and each user's last item into one among its candidates."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from aibench.config import Source
from aibench.contract import DataError, Facts, Identity, TaskData, Tensors, digest
from aibench.datasets.arrays import kept_arrays
from aibench.datasets.published import MOVIELENS, MOVIELENS_100K
from aibench.interactions.filtering import first_appearance
from aibench.interactions.made_up import random_visits
from aibench.interactions.rows import Ints
from aibench.interactions.unseen import UnseenItems
from aibench.tasks.recommendation.config import Config, DataConfig
from aibench.tasks.recommendation.held_out import Interactions, draw_candidates
from aibench.tasks.recommendation.layout import Release, ratings_file

if TYPE_CHECKING:
    import pandas as pd

Sample = tuple[Tensor, ...]
RECENT = 5  # last items that a figure shows
DRAWN_AT_ONCE = 2**20
CANDIDATES_RECIPE = 1  # to be raised with every change of what `draw_candidates` draws
LONG = 10**8  # users times items, from which on drawing candidates takes seconds


class Pairs(Dataset[Sample]):
    """Holds training interactions, each followed by its negatives: (user, item, label), int64 (), int64 (), float ().

    Negatives are items that the user is not seen with in training, the held-out one among them: were it never a
    negative, that would give it away.

    Args:
        made: Where the interactions are from.
        negatives: For each interaction.
        size: How many samples; None takes all.
    """

    def __init__(self, made: Interactions, negatives: int, size: int | None) -> None:
        self.group = 1 + negatives
        every = len(made.train.values) * self.group
        self.size = every if size is None else min(size, every)
        positives = -(-self.size // self.group)
        self.users = np.repeat(np.arange(len(made.train)), made.train.lengths)[:positives]
        self.unseen = UnseenItems(made.train, made.items)
        self.items = np.zeros((positives, self.group), np.int32)  # half the memory of int64
        self.items[:, 0] = made.train.values[:positives]
        self.of_user, self.of_item = torch.from_numpy(self.users), torch.from_numpy(self.items).view(-1)
        self.redraw(np.random.default_rng(0))

    def __len__(self) -> int:
        return self.size

    def redraw(self, generator: np.random.Generator) -> None:
        """Draw the negatives anew, all unseen items equally likely."""
        for first in range(0, len(self.users), DRAWN_AT_ONCE):
            part = slice(first, first + DRAWN_AT_ONCE)
            self.items[part, 1:] = self.unseen.draw(self.users[part], self.group - 1, generator)

    def __getitem__(self, index: int) -> Sample:
        return tuple(tensor[0] for tensor in self.gather(torch.tensor([index])))

    def gather(self, indices: Tensor) -> Sample:
        """Return the batch of the samples at `indices`, int64 (batch,)."""
        interaction = indices // self.group
        label = (indices == interaction * self.group).float()
        return self.of_user[interaction], self.of_item[indices].long(), label


class Data(TaskData):
    """Holds what users were with: flights of aircraft, MovieLens's ratings, or made-up ones.

    A training sample is `(user, item, label)`: int64 (), int64 (), float (); the label is 1 for an interaction and 0
    for a drawn one. A held-out sample is `(user, candidates, recent)`: int64 (), int32 (1 + candidates,) with the
    held-out item first, int64 (recent,). Items are numbered from 1, and 0 fills up.
    """

    unit = "interactions"
    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.interactions = _read(config.data)
        if self.interactions.train.lengths.max() == self.interactions.items:
            raise DataError(f"data.source={config.data.source}: a user has been with every item. Use more data.")
        users, candidates = _candidates(self.interactions, config.data)
        chosen = slice(config.data.val_size)
        self.users, self.candidates = users[chosen], candidates[chosen]

    @property
    def facts(self) -> Facts:
        made = self.interactions
        facts: Facts = {
            "users": len(made.train),
            "items": made.items,
            "training_interactions": len(made.train.values),
            "evaluated_users": len(self.users),
        }
        return facts if made.names is None else {**facts, "item_names": made.names}

    def dataset(self, split: str) -> Pairs | Tensors:
        return self.pairs if split == "train" else self.held_out

    @cached_property
    def pairs(self) -> Pairs:
        """Return the training samples."""
        return Pairs(self.interactions, self.config.optim.negatives, self.config.data.train_size)

    @cached_property
    def held_out(self) -> Tensors:
        """Return the requests: user, candidates with the held-out item first, last training items.

        They are int64 (), int32 (1 + candidates,) and int64 (RECENT,), 0 where there are fewer items.

        int64 (), int32 (1 + candidates,), int64 (RECENT,).
        """
        recent = self.interactions.train.last(RECENT)[self.users]
        return Tensors(*(torch.from_numpy(array) for array in (self.users, self.candidates, recent)))

    def fingerprint(self) -> str:
        train, sizes = self.interactions.train, (len(self.pairs), self.config.optim.negatives)
        return digest(train.values, train.offsets, self.users, self.candidates, str(sizes))

    def file_paths(self) -> Iterator[Path]:
        if self.config.data.source is Source.disk:
            yield self._ratings()

    def identity(self) -> Identity | None:
        data, train = self.config.data, self.interactions.train
        if data.source is not Source.disk:
            return None
        if data.release is Release.ml_100k:
            return MOVIELENS_100K.compared(
                files={"ratings": self._ratings()}, header=self._ratings().suffix == ".inter"
            )
        counts = {"users": len(train), "items": self.interactions.items, "ratings": len(train.values) + len(train)}
        return MOVIELENS[data.release].compared(counts)

    def _ratings(self) -> Path:
        path = ratings_file(Path(str(self.config.data.root)).expanduser(), self.config.data.release)
        assert path is not None, "Config.problems lets no such root through"
        return path

    def verify(self) -> list[str]:
        """Return what there is: all of it was read, and checked, before this can be asked."""
        train = self.interactions.train
        return [
            f"train: {len(train.values):,} interactions of {len(train):,} users, {self.interactions.items:,} items",
            f"val: {len(self.users):,} users with {self.candidates.shape[1]:,} candidates each",
        ]


def _read(config: DataConfig) -> Interactions:
    match config.source:
        case Source.embedded:
            return _flights(config)
        case Source.disk:
            from aibench.tasks.recommendation.movielens import movielens

            return movielens(Path(str(config.root)).expanduser(), config)
        case Source.synthetic:
            return _made_up(config)


def _candidates(made: Interactions, config: DataConfig) -> tuple[Ints, NDArray[np.int32]]:
    """Return what `draw_candidates` does: `data.seed` decides, and what it decided is kept."""

    def make() -> dict[str, NDArray[Any]]:
        generator = np.random.default_rng((config.seed, 1))
        of_carrier = config.same_carrier and config.source is Source.embedded  # made-up items have none
        group = _carriers(made) if of_carrier else None
        users, candidates = draw_candidates(made, config.candidates, generator, group)
        return {"users": users, "candidates": candidates}

    rule = f"{CANDIDATES_RECIPE} {made.items} {config.candidates} {config.same_carrier} {config.seed}"
    name = digest(made.train.values, made.train.offsets, made.held_out, rule)
    what = f"recommendation: draws {config.candidates} candidates for {len(made.train):,} users"
    doing = what if len(made.train) * made.items > LONG else None
    kept = kept_arrays(config.cache, f"candidates-{name}", make, doing=doing)
    if len(kept["users"]) == 0:
        raise DataError(
            f"data.candidates={config.candidates}: no user has so many unseen items among the {made.items} that there "
            "are. Use fewer."
        )
    return kept["users"], kept["candidates"]


def _flights(config: DataConfig) -> Interactions:
    """Return which aircraft flew which flight for the first time: users are aircraft, items are like `UA 1545`."""
    from aibench.interactions.flights import first_flights

    limits = {"min_items_per_user": config.min_items_per_user, "min_users_per_item": config.min_users_per_item}
    user, name = first_flights("numbers-1", _flight_number, cache=config.cache, **limits)
    names, item = first_appearance(name)
    return Interactions.of(user, item + 1, len(names), [str(name) for name in names])


def _flight_number(table: pd.DataFrame) -> pd.Series[str]:
    return table["carrier"] + " " + table["flight"]


def _carriers(made: Interactions) -> Ints:
    """Return the carrier of each item, int64 (items + 1,); -1 for the padding item."""
    assert made.names is not None, "flights have names"
    carriers = np.array([name.split()[0] for name in made.names])
    return np.concatenate([[-1], np.unique(carriers, return_inverse=True)[1]])


def _made_up(config: DataConfig) -> Interactions:
    """Draw users with random items, of different numbers."""
    generator = np.random.default_rng((config.seed, 0))
    mean = config.ratings / config.users
    lengths = max(2, round(mean / 3)), max(3, round(mean * 5 / 3))
    user, item = random_visits(config.users, config.items, lengths, generator)
    return Interactions.of(user, item, config.items)
