"""Holds all that a session measured so far. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aibench.results.result import Evaluation, Part, Phase, ToQuality


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

    @classmethod
    def restored(cls, state: dict[str, Any]) -> Record:
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
        )
