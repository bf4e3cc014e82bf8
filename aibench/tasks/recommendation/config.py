"""Defines the schema of `task=recommendation`. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from omegaconf import MISSING

from aibench import config
from aibench.config import RunConfig, too_small
from aibench.config.bounds import Units, at_least
from aibench.tasks.recommendation import layout
from aibench.tasks.recommendation.layout import Release

SHOWN = 10  # items that a user is shown; the k of HR@k and nDCG@k


@dataclass(slots=True)
class ModelConfig(config.ModelConfig):
    """Holds NeuMF (He et al., Neural Collaborative Filtering, WWW 2017, arXiv 1708.05031).

    Attributes:
        factors: Dimensions of the embeddings whose product is the generalised matrix factorisation.
        layers: Widths of the perceptron: of its input, half of it the user's embedding and half the item's, and of its
            layers.
    """

    factors: Units = MISSING
    layers: list[Units] = MISSING


@dataclass(slots=True)
class DataConfig(config.DataConfig):
    """Holds interactions of users with items, of which each user's last is held out.

    Attributes:
        candidates: Items that the user has never been with, among which the held-out one is ranked; of fewer than ten
            all would be shown.
        release: The release of MovieLens that `source=disk` reads.
        complete: Whether that must have as many users, items and ratings as the next three say.
        users: Users of the release, and of the generated sources.
        items: Items of the release, and of the generated sources.
        ratings: Ratings of the release, and about as many of the generated sources, held-out ones included; users of
            `source=synthetic` repeat some, which are dropped.
    """

    candidates: Annotated[int, at_least(SHOWN, 10**6)] = MISSING
    release: Release = Release.ml_100k
    complete: bool = True
    users: Annotated[int, at_least(1, 10**8)] = MISSING
    items: Annotated[int, at_least(2 * SHOWN, 10**8)] = MISSING
    ratings: Annotated[int, at_least(1, 10**9)] = MISSING


@dataclass(slots=True)
class OptimConfig(config.OptimConfig):
    """Holds training with Adam.

    Attributes:
        negatives: Unseen items that are drawn for each interaction, anew in each epoch.
    """

    negatives: Annotated[int, at_least(1, 10**6)] = MISSING


@dataclass(slots=True)
class Config(RunConfig):
    """Holds a run of recommendation."""

    logs: ClassVar = (f"val/hr@{SHOWN}", f"val/ndcg@{SHOWN}")
    traced: ClassVar = ("training_step",)
    recorded: ClassVar = traced

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with this run, a line each."""
        yield from _wrong_counts(self.data)
        yield from _wrong_widths(self.model)

    def installed_root(self) -> Path | None:
        """Return the folder in which the package recbole has MovieLens 100K; None where it is not installed."""
        if self.data.release is not Release.ml_100k:
            return None
        return layout.in_package()

    def disk_problems(self, root: Path, typed: str) -> Iterator[str]:
        """Yield what is wrong with the files in `data.root`, a line each."""
        yield from layout.problems(root, typed, self.data.release)


def _wrong_counts(data: DataConfig) -> Iterator[str]:
    yield from too_small({"data.ratings": (data.ratings, 2 * data.users)})
    if data.ratings * 2 > data.users * data.items:
        yield (
            f"data.ratings={data.ratings}: more than half of what {data.users} users (data.users) can give "
            f"{data.items} items (data.items). Use fewer."
        )


def _wrong_widths(model: ModelConfig) -> Iterator[str]:
    widths = model.layers
    if len(widths) < 2 or widths[0] % 2:
        yield (
            f"model.layers={widths}: needs the width of the input, an even number, and those of one layer or more. "
            "Set model.layers=[64,32,16]."
        )
