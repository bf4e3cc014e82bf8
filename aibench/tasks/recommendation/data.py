"""Turns interactions into training pairs with labels, and each user's last item into one among its candidates."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from aibench.config import Source
from aibench.config.places import expanded
from aibench.contract import Baseline, DataError, Facts, Identity, TaskData, Tensors, digest
from aibench.datasets.arrays import kept_arrays
from aibench.datasets.published import MOVIELENS, MOVIELENS_100K
from aibench.interactions.made_up import random_visits
from aibench.interactions.market import Market, visits
from aibench.interactions.rows import Ints
from aibench.interactions.unseen import UnseenItems
from aibench.tasks.recommendation.config import Config, DataConfig
from aibench.tasks.recommendation.held_out import Interactions, draw_candidates
from aibench.tasks.recommendation.layout import Release, ratings_file

Sample = tuple[Tensor, ...]
RECENT = 5  # last items that a figure shows
DRAWN_AT_ONCE = 2**20
CANDIDATES_RECIPE = 1  # to be raised with every change of what `draw_candidates` draws
DIMENSIONS, TASTE = 14, 0.75  # of the generated market
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
    """Holds what users were with: choices in a generated market, MovieLens's ratings, or made-up ones.

    A training sample is `(user, item, label)`: int64 (), int64 (), float (); the label is 1 for an interaction and 0
    for a drawn one. A held-out sample is `(user, candidates, recent)`: int64 (), int32 (1 + candidates,) with the
    item to be found first, int64 (recent,). Items are numbered from 1, and 0 fills up.
    """

    unit = "interactions"
    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.interactions = _read(config.data)
        if self.interactions.train.lengths.max() == self.interactions.items:
            raise DataError(f"data.source={config.data.source}: a user has been with every item. Use more data.")
        self.users, self.candidates = self._requests("val")

    def _requests(self, part: str) -> tuple[Ints, NDArray[np.int32]]:
        users, candidates = _candidates(self.interactions, self.config.data, part)
        chosen = slice(self.config.data.val_size)
        return users[chosen], candidates[chosen]

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the parts; of MovieLens's ratings one a user is held out, as the field does it, so none is left."""
        return ("train", "val") if self.interactions.tested is None else ("train", "val", "test")

    def baselines(self) -> Iterator[Baseline]:
        """Yield what counts and factorisations of the training interactions score."""
        from aibench.tasks.recommendation.baseline import baselines

        yield from baselines(self.interactions, {part: self.requests(part).tensors[:2] for part in self.parts[1:]})

    @property
    def facts(self) -> Facts:
        made = self.interactions
        return {
            "users": len(made.train),
            "items": made.items,
            "training_interactions": len(made.train.values),
            "evaluated_users": len(self.users),
        }

    def dataset(self, split: str) -> Pairs | Tensors:
        return self.pairs if split == "train" else self.requests(split)

    @cached_property
    def pairs(self) -> Pairs:
        """Return the training samples."""
        return Pairs(self.interactions, self.config.optim.negatives, self.config.data.train_size)

    def requests(self, part: str) -> Tensors:
        """Return the requests of `part`: user, candidates with the item to be found first, last training items.

        They are int64 (), int32 (1 + candidates,) and int64 (RECENT,), 0 where there are fewer items.
        """
        return self.held_out if part == "val" else self.tested

    @cached_property
    def held_out(self) -> Tensors:
        """Return the requests that the target is judged on."""
        return self._with_recent(self.users, self.candidates)

    @cached_property
    def tested(self) -> Tensors:
        """Return the requests of the test part, made when they are first asked for."""
        return self._with_recent(*self._requests("test"))

    def _with_recent(self, users: Ints, candidates: NDArray[np.int32]) -> Tensors:
        recent = self.interactions.train.last(RECENT)[users]
        return Tensors(*(torch.from_numpy(array) for array in (users, candidates, recent)))

    def fingerprint(self) -> str:
        """Name the samples; the candidates of the test part follow from its items and `data.seed`."""
        made, sizes = self.interactions, (len(self.pairs), self.config.optim.negatives)
        tested = () if made.tested is None else (made.tested, str(self.config.data.seed))
        return digest(made.train.values, made.train.offsets, self.users, self.candidates, str(sizes), *tested)

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
        path = ratings_file(expanded(self.config.data.root), self.config.data.release)
        assert path is not None, "Config.problems lets no such root through"
        return path

    def verify(self) -> list[str]:
        """Return what there is: all of it was read, and checked, before this can be asked."""
        train = self.interactions.train
        lines = [
            f"train: {len(train.values):,} interactions of {len(train):,} users, {self.interactions.items:,} items",
            *(
                f"{part}: {len(users):,} users with {items.shape[1]:,} candidates each"
                for part, users, items in self._all()
            ),
        ]
        if self.config.data.source is Source.embedded:
            lines += [f"{part}: {quality}" for part, quality in self._ceilings()]
        return lines

    def _all(self) -> Iterator[tuple[str, Tensor, Tensor]]:
        for part in self.parts[1:]:
            users, candidates, _ = self.requests(part).tensors
            yield part, users, candidates

    def _ceilings(self) -> Iterator[tuple[str, str]]:
        """Yield what the generator's own utilities score: no ranking can be expected to do better."""
        from aibench.tasks.recommendation.baseline import hit_rate

        market = _market(self.config.data)
        for part, users, candidates in self._all():
            utilities = market.utilities(users.numpy())
            scores = np.take_along_axis(utilities, candidates.numpy().astype(np.int64) - 1, axis=1)
            yield part, f"the utilities that decided the choices score {hit_rate(scores):.4f}"


def _read(config: DataConfig) -> Interactions:
    match config.source:
        case Source.embedded:
            user, item = visits(_market(config), config.ratings / config.users, config.seed)
            return Interactions.of(user, item, config.items, with_test=True)
        case Source.disk:
            from aibench.tasks.recommendation.movielens import movielens

            return movielens(expanded(config.root), config)
        case Source.synthetic:
            return _made_up(config)


def _market(config: DataConfig) -> Market:
    return Market.drawn(config.users, config.items, DIMENSIONS, TASTE, config.seed)


def _candidates(made: Interactions, config: DataConfig, part: str) -> tuple[Ints, NDArray[np.int32]]:
    """Return what `draw_candidates` does: `data.seed` decides, and what it decided is kept."""

    def make() -> dict[str, NDArray[Any]]:
        generator = np.random.default_rng((config.seed, 1 if part == "val" else 2))
        users, candidates = draw_candidates(made, config.candidates, generator, part)
        return {"users": users, "candidates": candidates}

    tested = () if made.tested is None else (made.tested,)
    rule = f"{CANDIDATES_RECIPE} {made.items} {config.candidates} {part} {config.seed}"
    name = digest(made.train.values, made.train.offsets, made.held_out, *tested, rule)
    what = f"recommendation: draws {config.candidates} candidates for {len(made.train):,} users"
    doing = what if len(made.train) * made.items > LONG else None
    kept = kept_arrays(config.cache, f"candidates-{name}", make, doing=doing)
    if len(kept["users"]) == 0:
        raise DataError(
            f"data.candidates={config.candidates}: no user has so many unseen items among the {made.items} that there "
            "are. Use fewer."
        )
    return kept["users"], kept["candidates"]


def _made_up(config: DataConfig) -> Interactions:
    """Draw users with random items, of different numbers."""
    generator = np.random.default_rng((config.seed, 0))
    mean = config.ratings / config.users
    lengths = max(2, round(mean / 3)), max(3, round(mean * 5 / 3))
    user, item = random_visits(config.users, config.items, lengths, generator)
    return Interactions.of(user, item, config.items)
