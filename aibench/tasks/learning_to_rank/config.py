"""Defines the schema of `task=learning_to_rank`. Imports no torch."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from omegaconf import MISSING

from aibench import config
from aibench.config import RunConfig, Session
from aibench.config.bounds import Count, Dropout, Natural, NotNegative, Positive, Units, Words, at_least
from aibench.tasks.learning_to_rank import layout

COUNTS = (3, 5, 10)  # items of a list; the k of precision@k


class Activation(enum.StrEnum):
    """Lists the activation functions of Caser's layers."""

    identity = enum.auto()
    relu = enum.auto()
    tanh = enum.auto()
    sigmoid = enum.auto()


@dataclass(slots=True)
class ModelConfig(config.ModelConfig):
    """Holds teacher and student, Caser networks that differ in their latent dimensions.

    Attributes:
        teacher_dimensions: Latent dimensions d of the teacher.
        student_dimensions: Latent dimensions d of the student.
        sequence_length: L, the previous items that the network sees.
        target_length: T, the next items that it learns to rank first.
        vertical_filters: Number of vertical filters.
        horizontal_filters: Number of horizontal filters of each height 1 to L.
        dropout: Probability with which an input of the fully-connected layer is dropped.
        convolution_activation: The function behind the horizontal filters.
        sequence_activation: The function behind the fully-connected layer.
    """

    teacher_dimensions: Units = MISSING
    student_dimensions: Units = MISSING
    sequence_length: Words = MISSING
    target_length: Words = MISSING
    vertical_filters: Units = MISSING
    horizontal_filters: Units = MISSING
    dropout: Dropout = MISSING
    convolution_activation: Activation = MISSING
    sequence_activation: Activation = MISSING


@dataclass(slots=True)
class DataConfig(config.DataConfig):
    """Holds the check-ins.

    Attributes:
        min_items_per_user: Users with fewer distinct items are left out of SNAP's raw file; fewer than 5 leave nothing
            to train on or to hold out.
        min_users_per_item: Items with fewer distinct users are left out (likewise).
        users: Users of the generated sources.
        items: Items of the generated sources, without the padding item.
        interactions_per_user: Mean interactions of a user of the generated sources, held-out ones included.
    """

    min_items_per_user: Annotated[int, at_least(5, 10**6)] = MISSING
    min_users_per_item: Count = MISSING
    users: Annotated[int, at_least(1, 10**7)] = MISSING
    items: Annotated[int, at_least(100, 10**7)] = MISSING
    interactions_per_user: Annotated[float, at_least(5, 10**6)] = MISSING


@dataclass(slots=True)
class DistillationConfig:
    """Holds the ranking distillation (Tang & Wang, KDD 2018).

    Attributes:
        alpha: Factor of the distillation loss; 0 trains the student alone.
        top_items: K, the items of the teacher's ranking that the student learns.
        position_decay: lambda of the position weights exp(-rank / lambda).
        discrepancy_scale: mu of the discrepancy weights tanh(mu * (student's rank - teacher's rank)).
        rank_samples: Items sampled to estimate the student's rank of an item.
        discrepancy_from: Epochs of the student before the discrepancy weights apply.
    """

    alpha: NotNegative = MISSING
    top_items: Count = MISSING
    position_decay: Positive = MISSING
    discrepancy_scale: Positive = MISSING
    rank_samples: Count = MISSING
    discrepancy_from: Natural = MISSING


@dataclass(slots=True)
class OptimConfig(config.OptimConfig):
    """Holds how teacher and student learn.

    Attributes:
        teacher_epochs: Epochs that train the teacher; the student has the rest. With 0 the teacher stays untrained.
        negatives: Unseen items sampled for each window.
        distillation: How the student learns from the teacher.
    """

    teacher_epochs: Natural = MISSING
    negatives: Count = MISSING
    distillation: DistillationConfig = field(default_factory=DistillationConfig)


@dataclass(slots=True)
class Config(RunConfig):
    """Holds a run of ranking."""

    logs: ClassVar = (
        "val/map",
        *(f"val/{kind}@{count}" for count in COUNTS for kind in ("precision", "recall", "ndcg")),
    )
    traced: ClassVar = ("teacher_loss", "student_loss", "early_loss", "late_loss")
    recorded: ClassVar = traced

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with this run, a line each."""
        yield from _too_dense(self.data)
        yield from _without_student(self)

    def disk_problems(self, root: Path, typed: str) -> Iterator[str]:
        """Yield what is wrong with the files in `data.root`, a line each."""
        yield from layout.problems(root, typed)


def _too_dense(data: DataConfig) -> Iterator[str]:
    if data.interactions_per_user > data.items / 4:
        yield (
            f"data.interactions_per_user={data.interactions_per_user}: more than a quarter of the {data.items} items "
            "of data.items. Use fewer, or more items."
        )


def _without_student(config: Config) -> Iterator[str]:
    teacher_epochs = config.optim.teacher_epochs
    to_quality = config.session in (Session.entire, Session.quasi_entire)
    if to_quality and teacher_epochs >= config.target.max_epochs:
        yield (
            f"optim.teacher_epochs={teacher_epochs}: leaves the student none of the {config.target.max_epochs} epochs "
            "of target.max_epochs. Use fewer, or raise target.max_epochs."
        )
