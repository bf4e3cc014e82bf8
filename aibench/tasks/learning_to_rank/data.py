"""Turns check-ins into training windows, and each user's later check-ins into items to be ranked first."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils import rnn
from torch.utils.data import Dataset

from aibench.config import Source
from aibench.config.places import expanded
from aibench.contract import Baseline, DataError, Facts, Identity, TaskData, digest
from aibench.datasets.published import GOWALLA, GOWALLA_SPLIT
from aibench.interactions.made_up import random_visits
from aibench.interactions.rows import Ints, Rows
from aibench.interactions.unseen import UnseenItems
from aibench.tasks.learning_to_rank import layout
from aibench.tasks.learning_to_rank.config import Config, DataConfig
from aibench.tasks.learning_to_rank.interactions import Interactions, later_part

Sample = tuple[Tensor, ...]
SHOWN = 10  # items that a user is shown


class Windows(Dataset[Sample]):
    """Holds every run of L + T training items of a user, with negatives that change from epoch to epoch.

    A sample is (its own index, user, sequence, next items, negatives): int64 (), (), (L,), (T,), (negatives,).

    Args:
        interactions: Where the windows are cut from.
        config: Lengths and number of negatives.
    """

    def __init__(self, interactions: Interactions, config: Config) -> None:
        length, targets = config.model.sequence_length, config.model.target_length
        users, items = interactions.train.windows(length + targets)
        size = config.data.train_size
        self.users, self.items = torch.from_numpy(users[:size]), torch.from_numpy(items[:size])
        self.length = length
        self.seen = interactions.train
        self.unseen = UnseenItems(interactions.train, interactions.items)
        self.per_window = config.optim.negatives
        self.redraw(np.random.default_rng(0))

    def __len__(self) -> int:
        return len(self.users)

    def redraw(self, generator: np.random.Generator) -> None:
        """Draw the negatives anew: items that the user has not seen in training, all equally likely."""
        self.negatives = torch.from_numpy(self.unseen.draw(self.users.numpy(), self.per_window, generator))

    def __getitem__(self, index: int) -> Sample:
        return tuple(tensor[0] for tensor in self.gather(torch.tensor([index])))

    def gather(self, indices: Tensor) -> Sample:
        """Return the batch of the samples at `indices`, int64 (batch,)."""
        items = self.items[indices]
        sequences, following = items[:, : self.length], items[:, self.length :]
        return indices, self.users[indices], sequences, following, self.negatives[indices]


class HeldOut(Dataset[Sample]):
    """Holds each user who has held-out items, with what was seen of the user before.

    A sample is (user, the last L training items, all training items, held-out items): int64 (), (L,), (any,), (any,).
    A batch fills the last two up with 0.

    Args:
        interactions: Where the items are from.
        users: Users to judge, in ascending order; those without held-out items are left out.
        config: The number of users, and the length of a sequence.
    """

    def __init__(self, interactions: Interactions, users: Ints, config: Config) -> None:
        self.interactions = interactions
        self.users = users[interactions.held_out.lengths[users] > 0][: config.data.val_size]
        self.sequences = interactions.train.last(config.model.sequence_length)

    def __len__(self) -> int:
        return len(self.users)

    def __getitem__(self, index: int) -> Sample:
        return tuple(tensor[0] for tensor in self.gather(torch.tensor([index])))

    def gather(self, indices: Tensor) -> Sample:
        """Return the batch of the users at `indices`, int64 (batch,)."""
        users = self.users[indices.numpy()]
        seen, held_out = self.interactions.train.padded(users), self.interactions.held_out.padded(users)
        return tuple(torch.from_numpy(array) for array in (users, self.sequences[users], seen, held_out))


class Data(TaskData):
    """Holds what users were with, in time: visits on generated journeys, Gowalla's check-ins, or made-up ones.

    A training sample is `(index, user, sequence, following, negatives)`: int64 (), (), (L,), (T,) and (negatives,); see
    `Windows`. A held-out sample is `(user, sequence, seen, held out)`: int64 (), (L,), (any,) and (any,); see
    `HeldOut`. Items are numbered from 1, and 0 fills up.
    """

    unit = "interactions"
    with_test = (Source.embedded,)  # of Gowalla all users' later check-ins are judged, as published
    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.interactions = _read(config.data)
        unseen = self.interactions.items - int(self.interactions.train.lengths.max())
        wanted = max(config.optim.distillation.top_items, SHOWN)
        if unseen < wanted:
            raise DataError(
                f"data.source={config.data.source}: one user has seen all but {unseen} of {self.interactions.items} "
                f"items, and the best {wanted} unseen ones are asked for. Use more data."
            )

    def baselines(self) -> Iterator[Baseline]:
        """Yield what counts and factorisations of the training visits score."""
        from aibench.tasks.learning_to_rank.baseline import baselines

        yield from baselines(self.interactions, {part: self._all(part) for part in self.parts[1:]})

    def _all(self, part: str) -> Sample:
        """Return all requests of `part` as one batch."""
        held_out = self.requests(part)
        return held_out.gather(torch.arange(len(held_out)))

    @property
    def facts(self) -> Facts:
        made = self.interactions
        return {
            "users": len(made.train),
            "items": made.items,
            "training_interactions": len(made.train.values),
            "held_out_interactions": len(made.held_out.values),
            "unrankable_interactions": made.unrankable,
        }

    def dataset(self, split: str) -> Windows | HeldOut:
        return self.windows if split == "train" else self.requests(split)

    @cached_property
    def windows(self) -> Windows:
        """Return the training samples."""
        return Windows(self.interactions, self.config)

    def requests(self, part: str) -> HeldOut:
        """Return the users to rank items for in `part`: of generated users one half is judged, the other tests."""
        return self.held_out if part == "val" else self.tested

    @cached_property
    def held_out(self) -> HeldOut:
        """Return the users that the target is judged on."""
        users = len(self.interactions.train)
        judged = users // 2 if "test" in self.parts else users
        return HeldOut(self.interactions, np.arange(judged), self.config)

    @cached_property
    def tested(self) -> HeldOut:
        """Return the users of the test part."""
        users = len(self.interactions.train)
        return HeldOut(self.interactions, np.arange(users // 2, users), self.config)

    def collate(self, samples: list[Sample]) -> Any:
        columns = [list(column) for column in zip(*samples, strict=True)]
        return tuple(
            rnn.pad_sequence(column, batch_first=True) if column[0].ndim else torch.stack(column) for column in columns
        )

    def file_paths(self) -> Iterator[Path]:
        if self.config.data.source is Source.disk:
            root = expanded(self.config.data.root)
            split, raw = layout.published_split(root), layout.raw_file(root)
            yield from split or ([raw] if raw else [])

    def identity(self) -> Identity | None:
        if self.config.data.source is not Source.disk:
            return None
        known = GOWALLA_SPLIT if len(list(self.file_paths())) > 1 else GOWALLA
        return known.compared(self.interactions.lines)

    def verify(self) -> list[str]:
        lines = super().verify()
        if self.config.data.source is Source.embedded:
            from aibench.tasks.learning_to_rank.baseline import precision
            from aibench.tasks.learning_to_rank.journeys import Journeys

            made = Journeys.drawn(self.config.data)
            for part in self.parts[1:]:
                request = self._all(part)
                found = precision(made.expected(self.interactions, request[0].numpy()), request)
                lines.append(f"{part}: the chances that decided the visits score {found:.4f}")
        return lines

    def fingerprint(self) -> str:
        made, sizes = self.interactions, (len(self.windows), *(len(self.requests(part)) for part in self.parts[1:]))
        return digest(made.train.values, made.train.offsets, made.held_out.values, made.held_out.offsets, str(sizes))


def _read(config: DataConfig) -> Interactions:
    match config.source:
        case Source.embedded:
            from aibench.tasks.learning_to_rank.journeys import journeys

            return journeys(config)
        case Source.disk:
            from aibench.tasks.learning_to_rank.gowalla import gowalla

            return gowalla(expanded(config.root), config)
        case Source.synthetic:
            return _made_up(config)


def _made_up(config: DataConfig) -> Interactions:
    """Draw users with random sequences of different lengths; as many items as asked for, whether they appear or not."""
    generator = np.random.default_rng(config.seed)
    mean = config.interactions_per_user
    lengths = max(5, round(mean / 3)), max(5, round(mean * 5 / 3))
    user, item = random_visits(config.users, config.items, lengths, generator)
    late = later_part(user)
    train = Rows.of(user[~late], item[~late], config.users)
    held_out = Rows.of(user[late], item[late], config.users)
    return Interactions(train, held_out, config.items, np.arange(1, config.items + 1), 0)
