"""Defines what a session has to reach, and when it evaluates."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from aibench.config import Mode, RunConfig, Session


@dataclass(frozen=True, slots=True)
class Goal:
    """Holds the quality that a session has to reach.

    Attributes:
        metric: Name under which the evaluation logs it.
        mode: `max` or `min`: the values that are better.
        quality: The value to reach; None where the session has none.
        stops: Whether reaching it ends the session.
        missed_first: Whether values count only after one that misses the quality.
    """

    metric: str
    mode: Mode
    quality: float | None
    stops: bool
    missed_first: bool = False

    @classmethod
    def of(cls, config: RunConfig) -> Goal:
        """Return the goal of `config`. `session=epochs` watches for the entire session's quality and goes on."""
        stops = config.quality is not None
        quality = config.quality if stops else config.target.entire
        return cls(config.target.metric, config.target.mode, quality, stops, config.target.missed_first)

    def better(self, value: float, than: float | None) -> bool:
        """Return whether `value` is better than `than`; NaN is better than nothing."""
        if than is None or math.isnan(value):
            return not math.isnan(value)
        return value > than if self.mode is Mode.max else value < than

    def reached(self, value: float) -> bool:
        """Return whether `value` is as good as the quality asked for. NaN never is."""
        if self.quality is None:
            return False
        return value >= self.quality if self.mode is Mode.max else value <= self.quality

    def counts(self, earlier: Iterable[float | None]) -> bool:
        """Return whether a value counts after the `earlier` ones: as the best so far, and as reaching the quality."""
        if not self.missed_first or self.quality is None:
            return True
        return any(value is not None and not self.reached(value) for value in earlier)


@dataclass(frozen=True, slots=True)
class Schedule:
    """Says how many batches a session trains on, and how many lie between two evaluations.

    Attributes:
        batches: Training batches in an epoch.
        interval: Batches between evaluations; 0 evaluates never.
        budget: Batches after which the session ends.
        epochs: Epochs that hold the budget.
        warmup: Batches at the start that are not timed.
    """

    batches: int
    interval: int
    budget: int
    epochs: int
    warmup: int = 0

    @classmethod
    def of(cls, config: RunConfig, batches: int) -> Schedule:
        """Return the schedule of `config` for epochs of `batches` batches."""
        if config.session is Session.steps:
            budget = config.warmup_steps + config.steps
            return cls(batches, 0, budget, math.ceil(budget / batches), config.warmup_steps)
        epochs = config.epochs if config.session is Session.epochs else config.target.max_epochs
        interval = max(1, round(batches / config.target.evaluations_per_epoch))
        return cls(batches, min(interval, batches * epochs), batches * epochs, epochs)

    @property
    def quantum(self) -> float | None:
        """Return the epochs between two evaluations: epochs to quality cannot be known more finely."""
        return self.interval / self.batches if self.interval else None
