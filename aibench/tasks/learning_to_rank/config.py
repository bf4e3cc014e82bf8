"""Schema of `task=learning_to_rank`. Imports no torch."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import MISSING

from aibench import config
from aibench.config import RunConfig, Session, too_small
from aibench.tasks.learning_to_rank import layout


class Activation(enum.StrEnum):
    """Activation functions of Caser's layers."""

    identity = enum.auto()
    relu = enum.auto()
    tanh = enum.auto()
    sigmoid = enum.auto()


@dataclass(slots=True)
class ModelConfig(config.ModelConfig):
    """Teacher and student are Caser networks that differ in their latent dimensions.

    Attributes:
        teacher_dimensions: Latent dimensions d of the teacher.
        student_dimensions: Latent dimensions d of the student.
        sequence_length: L, the previous items that the network sees.
        target_length: T, the next items that it learns to rank first.
        vertical_filters: Number of vertical filters.
        horizontal_filters: Number of horizontal filters of each height 1 to L.
        dropout: Probability with which an input of the fully-connected layer is dropped.
        convolution_activation: Of the horizontal filters.
        sequence_activation: Of the fully-connected layer.
    """

    teacher_dimensions: int = MISSING
    student_dimensions: int = MISSING
    sequence_length: int = MISSING
    target_length: int = MISSING
    vertical_filters: int = MISSING
    horizontal_filters: int = MISSING
    dropout: float = MISSING
    convolution_activation: Activation = MISSING
    sequence_activation: Activation = MISSING


@dataclass(slots=True)
class DataConfig(config.DataConfig):
    """Attributes:
    min_items_per_user: Users with fewer distinct items are left out (not where the published split is read).
    min_users_per_item: Items with fewer distinct users are left out (likewise).
    users: Users of `source=synthetic`.
    items: Items of `source=synthetic`, without the padding item.
    interactions_per_user: Mean interactions of a user of `source=synthetic`, held-out ones included.
    """

    min_items_per_user: int = MISSING
    min_users_per_item: int = MISSING
    users: int = MISSING
    items: int = MISSING
    interactions_per_user: float = MISSING


@dataclass(slots=True)
class DistillationConfig:
    """Ranking distillation (Tang & Wang, KDD 2018).

    Attributes:
        alpha: Factor of the distillation loss; 0 trains the student alone.
        top_items: K, the items of the teacher's ranking that the student learns.
        position_decay: lambda of the position weights exp(-rank / lambda).
        discrepancy_scale: mu of the discrepancy weights tanh(mu * (student's rank - teacher's rank)).
        rank_samples: Items sampled to estimate the student's rank of an item.
        discrepancy_from: Epochs of the student before the discrepancy weights apply.
    """

    alpha: float = MISSING
    top_items: int = MISSING
    position_decay: float = MISSING
    discrepancy_scale: float = MISSING
    rank_samples: int = MISSING
    discrepancy_from: int = MISSING


@dataclass(slots=True)
class OptimConfig(config.OptimConfig):
    """Attributes:
    teacher_epochs: Epochs that train the teacher; the student has the rest. With 0 the teacher stays untrained.
    negatives: Unseen items sampled for each window.
    distillation: How the student learns from the teacher.
    """

    teacher_epochs: int = MISSING
    negatives: int = MISSING
    distillation: DistillationConfig = field(default_factory=DistillationConfig)


@dataclass(slots=True)
class Config(RunConfig):
    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)

    def problems(self) -> Iterator[str]:
        yield from _out_of_range(self)
        yield from _without_student(self)

    def disk_problems(self, root: Path, typed: str) -> Iterator[str]:
        yield from layout.problems(root, typed)


def _out_of_range(config: Config) -> Iterator[str]:
    model, data, optim = config.model, config.data, config.optim
    at_least: dict[str, tuple[float | None, float]] = {
        "model.teacher_dimensions": (model.teacher_dimensions, 1),
        "model.student_dimensions": (model.student_dimensions, 1),
        "model.sequence_length": (model.sequence_length, 1),
        "model.target_length": (model.target_length, 1),
        "model.vertical_filters": (model.vertical_filters, 1),
        "model.horizontal_filters": (model.horizontal_filters, 1),
        "data.min_items_per_user": (data.min_items_per_user, 5),  # fewer leave nothing to train on or to hold out
        "data.min_users_per_item": (data.min_users_per_item, 1),
        "data.users": (data.users, 1),
        "data.interactions_per_user": (data.interactions_per_user, 5),
        "data.items": (data.items, 100),
        "optim.teacher_epochs": (optim.teacher_epochs, 0),
        "optim.negatives": (optim.negatives, 1),
        "optim.distillation.alpha": (optim.distillation.alpha, 0),
        "optim.distillation.top_items": (optim.distillation.top_items, 1),
        "optim.distillation.rank_samples": (optim.distillation.rank_samples, 1),
        "optim.distillation.discrepancy_from": (optim.distillation.discrepancy_from, 0),
    }
    yield from too_small(at_least)
    if not 0 <= model.dropout < 1:
        yield f"model.dropout={model.dropout}: must lie in 0 to 1, and below 1."
    if data.interactions_per_user > data.items / 4:
        yield (
            f"data.interactions_per_user={data.interactions_per_user}: more than a quarter of the {data.items} items "
            "of data.items. Use fewer, or more items."
        )
    for key, factor in (
        ("position_decay", optim.distillation.position_decay),
        ("discrepancy_scale", optim.distillation.discrepancy_scale),
    ):
        if factor <= 0:
            yield f"optim.distillation.{key}={factor}: must be greater than 0."


def _without_student(config: Config) -> Iterator[str]:
    teacher_epochs = config.optim.teacher_epochs
    to_quality = config.session in (Session.entire, Session.quasi_entire)
    if to_quality and teacher_epochs >= config.target.max_epochs:
        yield (
            f"optim.teacher_epochs={teacher_epochs}: leaves the student none of the {config.target.max_epochs} epochs "
            "of target.max_epochs. Use fewer, or raise target.max_epochs."
        )
