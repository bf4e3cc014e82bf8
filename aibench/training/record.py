"""Holds all that a session measured so far."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aibench.results.result import Evaluation, Part, Phase, ToQuality

if TYPE_CHECKING:
    from aibench.meters.instruments import Instruments
    from aibench.training.goal import Goal


@dataclass
class Record:
    """Holds all that the session measured so far, from which a resumed process goes on.

    Attributes:
        history: Every evaluation, in order.
        phases: The parts of the training, in order of first appearance.
        to_quality: What it took to reach the goal; None until then.
        best: Best value of the target's metric.
        steps: Training batches.
        samples: Training samples.
        units: Units that throughput counts in them.
        resumed: How often another process took the run up.
        parts: The processes that trained it, in order.
        quantum: Epochs between two evaluations.
    """

    history: list[Evaluation] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    to_quality: ToQuality | None = None
    best: float | None = None
    steps: int = 0
    samples: int = 0
    units: int = 0
    resumed: int = 0
    parts: list[Part] = field(default_factory=list)
    quantum: float | None = None

    def count(self, name: str, steps: int, samples: int, units: int) -> None:
        """Give what was trained on since the last count to the phase `name`; the numbers are of the session so far."""
        phase = next((phase for phase in self.phases if phase.name == name), None)
        if phase is None:
            phase = Phase(name, 0, 0, 0.0)
            self.phases.append(phase)
        phase.steps += steps - sum(other.steps for other in self.phases)
        phase.samples += samples - self.samples
        phase.units += units - self.units
        self.samples, self.units = samples, units

    def judged(self, values: dict[str, float], goal: Goal, epochs: float, phase: str, instruments: Instruments) -> bool:
        """Add an evaluation to the history. Returns whether it is the best so far."""
        evaluation = Evaluation(
            epochs=epochs,
            steps=self.steps,
            samples=self.samples,
            seconds=instruments.seconds(),
            training_seconds=sum(instruments.training_seconds().values()),
            phase=phase,
            metrics={name: number if math.isfinite(number) else None for name, number in values.items()},
        )
        counts = goal.counts(row.metrics[goal.metric] for row in self.history)
        self.history.append(evaluation)
        value = values[goal.metric]
        if self.to_quality is None and counts and goal.reached(value):
            instruments.reached_quality()
            parts = instruments.ledger.seconds()
            aside = parts.get("evaluation", 0.0) + parts.get("checkpoint", 0.0)
            self.to_quality = ToQuality(
                evaluation.epochs, evaluation.samples, evaluation.seconds, evaluation.seconds - aside, self.quantum
            )
        improved = counts and goal.better(value, self.best)
        self.best = value if improved else self.best
        return improved

    @classmethod
    def restored(cls, state: dict[str, Any], quantum: float | None = None) -> Record:
        """Return the record that `asdict` made `state` of."""
        reached = state["to_quality"]
        return cls(
            history=[Evaluation(**row) for row in state["history"]],
            phases=[Phase(**row) for row in state["phases"]],
            to_quality=ToQuality(**reached) if reached else None,
            best=state["best"],
            steps=state["steps"],
            samples=state["samples"],
            units=state["units"],
            resumed=state["resumed"] + 1,
            parts=[Part(**row) for row in state.get("parts", [])] or [Part(0.0, 0, 0.0)],
            quantum=quantum,
        )
