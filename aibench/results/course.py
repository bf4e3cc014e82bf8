"""Defines what a result tells of the course of a run: its evaluations, phases and processes. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aibench.results.bounds import Amount, Count, Name


@dataclass(slots=True)
class Evaluation:
    """Holds one point of the history.

    Attributes:
        epochs: Position in the training data: whole passes plus the fraction of the one under way.
        steps: Training batches so far.
        samples: Training samples so far.
        seconds: Seconds since the prepared data were there; evaluation and checkpoints included.
        training_seconds: The part of `seconds` spent in training.
        phase: Part of the session that training was in.
        metrics: Every logged metric; null where it is not finite. What others did not publish is null too.
    """

    epochs: Amount
    steps: Count | None
    samples: Count | None
    seconds: Amount
    training_seconds: Amount | None
    phase: str
    metrics: dict[str, float | None]


@dataclass(slots=True)
class Phase:
    """Holds what one part of a session took.

    Attributes:
        name: The part's name.
        steps: Its training batches.
        samples: Its training samples.
        seconds: Its training time.
        units: Units that throughput counts in these samples: tokens of sentences, say.
    """

    name: Name
    steps: Count
    samples: Count
    seconds: Amount
    units: Count = 0


@dataclass(slots=True)
class Part:
    """Holds what one process of a run began with; a run that was never resumed has one part.

    Attributes:
        epochs, steps, seconds: Where in the run it began: training data, batches, and the run's own clock.
        started: Its start; UTC, ISO 8601. Null in a part that an older version of the suite recorded nothing of.
        system: The machine that it ran on: processor, cores, threads, GPU.
        config: Keys of the configuration that were other ones than in the part before, with their values.
        versions: Packages that were of another version than in the part before.
    """

    epochs: Amount
    steps: Count
    seconds: Amount
    started: str | None = None
    system: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
