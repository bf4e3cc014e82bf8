"""Describes what is told how a session gets on, and a tracker that keeps nothing of it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from aibench.results.result import Evaluation, Result


class Watcher(Protocol):
    """Describes what is told how a session gets on: a progress bar, a tracker."""

    def trained(self, steps: int, loss: float | None) -> None:
        """Note that `steps` batches are done; called some four times a second."""

    def evaluated(self, evaluation: Evaluation) -> None:
        """Note an evaluation that was added to the history."""


class Tracking(Watcher, Protocol):
    """Describes a place for the history."""

    def restore(self, history: list[Evaluation]) -> None:
        """Take over a resumed session's history so far."""

    def curve(self, position: dict[str, float], values: dict[str, float]) -> None:
        """Note what training is like now: `train/loss` and others, about once a second."""

    def finish(self, result: Result | None, folder: Path) -> None:
        """End with the session; `result` is None where it left no result."""


class NoTracking:
    """Writes nothing besides `result.json`."""

    def restore(self, history: list[Evaluation]) -> None: ...

    def curve(self, position: dict[str, float], values: dict[str, float]) -> None: ...

    def trained(self, steps: int, loss: float | None) -> None: ...

    def evaluated(self, evaluation: Evaluation) -> None: ...

    def finish(self, result: Result | None, folder: Path) -> None: ...
