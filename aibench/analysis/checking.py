"""Checks whether a result's numbers follow from its own history."""

from __future__ import annotations

from collections.abc import Iterator

from aibench.results.result import Result, Status

TOLERANCE_SECONDS = 0.02  # of the wall time: what the parts of the time may leave unexplained


def faults(result: Result) -> list[str]:
    """Return what in `result` contradicts itself, a line each."""
    return [*_history_faults(result), *_quality_faults(result), *_time_faults(result)]


def _history_faults(result: Result) -> Iterator[str]:
    for before, after in zip(result.history, result.history[1:], strict=False):
        for name in ("epochs", "steps", "samples", "seconds"):
            if getattr(after, name) <= getattr(before, name):
                yield f"history: {name} does not grow from step {before.steps} to step {after.steps}."


def _quality_faults(result: Result) -> Iterator[str]:
    target, reached = result.target, result.to_quality
    if target.quality is None:
        return
    counts = not target.missed_first
    for evaluation in result.history:
        value = evaluation.metrics.get(target.metric)
        good = value is not None and (value >= target.quality if target.mode == "max" else value <= target.quality)
        counts = counts or not good
        if counts and good:
            if result.status is Status.not_converged:
                yield f"status: not_converged, and the history reaches the target at {evaluation.epochs} epochs."
            if reached.epochs != evaluation.epochs:
                yield f"to_quality.epochs: {reached.epochs}, and the history first reaches it at {evaluation.epochs}."
            return
    if reached.epochs is not None:
        yield f"to_quality.epochs: {reached.epochs}, and no evaluation reaches {target.quality}."
    if result.status is Status.converged:
        yield "status: converged, and no evaluation reaches the target."


def _time_faults(result: Result) -> Iterator[str]:
    times = result.times
    if times is None:
        return
    parts = times.setup + times.training + times.evaluation + times.checkpoint + times.other
    if abs(times.total - parts) > TOLERANCE_SECONDS * times.total:
        yield f"times: the parts sum to {parts:.2f} s of {times.total:.2f} s."
    split = times.split
    if split is None:
        return
    inside = split.data + split.transfer + split.forward + split.backward + split.optimizer + split.compilation
    if abs(times.training - inside - split.loop) > TOLERANCE_SECONDS * times.total:
        yield f"times.split: the parts sum to {inside + split.loop:.2f} s of {times.training:.2f} s of training."
