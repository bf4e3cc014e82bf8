"""Checks what a result says of its target and of its end against its history and its configuration."""

from __future__ import annotations

from collections.abc import Iterator

from aibench.analysis.checking.history import batches_of, budget_epochs, part
from aibench.analysis.checking.same import same, text, within
from aibench.results.bounds import MOST_NUMBER
from aibench.results.crossing import crossings
from aibench.results.result import Evaluation, Result, Status

# What may pass between two readings of the clock that belong together, on a busy machine: seconds, and a share of them.
READING, SHARE = 0.25, 1e-3
PUBLISHED = "published"  # the origin of targets in results that others published


def goal_faults(result: Result) -> Iterator[str]:
    """Yield what contradicts the history and the configuration."""
    yield from _configured(result)
    yield from _quality(result)
    yield from _to_quality(result)
    yield from _crossings(result)
    yield from _ending(result)


def published(result: Result) -> bool:
    """Return whether others published the run: then there is no configuration of this suite to compare it with."""
    return result.target.origin == PUBLISHED and not part(result.config, "target")


def _configured(result: Result) -> Iterator[str]:
    """Check that task, seed and target are the configuration's."""
    config, target = result.config, part(result.config, "target")
    for name in ("task", "scale", "session", "seed"):
        if name in config and config[name] != getattr(result, name):
            yield f"{name}: {getattr(result, name)}, and the configuration has {str(config[name])[:100]}."
    for name in ("metric", "mode", "origin", "missed_first"):
        if name in target and target[name] != getattr(result.target, name):
            yield f"target.{name}: {getattr(result.target, name)}, and the configuration has {str(target[name])[:100]}."
    key = "quasi_entire" if result.session == "quasi_entire" else "entire"
    wanted = target.get(key)
    if wanted is None or (type(wanted) in (int, float) and abs(wanted) <= MOST_NUMBER):
        if key in target:
            yield from same("target.quality", result.target.quality, wanted, f"target.{key} of the configuration")
    else:
        yield f"target.quality: the configuration has {str(wanted)[:100]} for target.{key}, which is no quality."


def reached(result: Result) -> Evaluation | None:
    """Return the first evaluation that reached the target; None where none did."""
    return next((row for row, counts in _counting(result) if counts and _good(result, row)), None)


def _counting(result: Result) -> Iterator[tuple[Evaluation, bool]]:
    """Yield each evaluation, and whether its value counts: after a miss, where the target asks for one before."""
    counts = not result.target.missed_first or result.target.quality is None
    for row in result.history:
        yield row, counts
        counts = counts or (row.metrics.get(result.target.metric) is not None and not _good(result, row))


def _good(result: Result, row: Evaluation) -> bool:
    value, quality = row.metrics.get(result.target.metric), result.target.quality
    if value is None or quality is None:
        return False
    return value >= quality if result.target.mode == "max" else value <= quality


def _quality(result: Result) -> Iterator[str]:
    """Check the last value and the best one."""
    metric, pick = result.target.metric, max if result.target.mode == "max" else min
    if any(metric not in row.metrics for row in result.history):
        yield f"history: an evaluation lacks {metric}, the target's metric."
        return
    last = result.history[-1].metrics[metric] if result.history else None
    known = [value for row, counts in _counting(result) if counts and (value := row.metrics[metric]) is not None]
    yield from same("quality", result.quality, last, "the last evaluation")
    yield from same("best_quality", result.best_quality, pick(known, default=None), "the history")


def _to_quality(result: Result) -> Iterator[str]:
    """Check that what the target took is where the first evaluation stands that reached it."""
    found, row = result.to_quality, reached(result)
    if published(result):
        if row is None and result.target.quality is not None and found.epochs is not None:
            yield f"to_quality.epochs: {text(found.epochs)}, and no evaluation reaches {text(result.target.quality)}."
        return
    how = f"the history, which first reaches {text(result.target.quality)} there,"
    if row is None:
        how = "the history, which does not reach the target,"
    for name in ("epochs", "samples", "seconds"):
        yield from same(f"to_quality.{name}", getattr(found, name), getattr(row, name) if row else None, how)
    without, times = found.seconds_without_evaluation, result.times
    if row is None:
        yield from same("to_quality.seconds_without_evaluation", without, None, how)
    elif row.training_seconds is not None and times is not None:
        # Of evaluations and checkpoints: all up to there, less the checkpoint that was yet to be written.
        aside = times.evaluation + times.checkpoint if row is result.history[-1] else row.seconds
        slack = READING + SHARE * row.seconds
        low = max(row.training_seconds + times.setup, row.seconds - aside) - slack
        high = row.seconds - times.evaluation + slack if row is result.history[-1] else row.seconds
        yield from within("to_quality.seconds_without_evaluation", without, low, max(low, high), "by its times")


def _crossings(result: Result) -> Iterator[str]:
    """Check that the positions of the crossings are those of the history."""
    said, target = result.crossings, result.target
    if said is None:
        return
    points = [(row.epochs, row.metrics.get(target.metric)) for row in result.history]
    found = crossings(points, target.quality, higher=target.mode == "max", missed_first=target.missed_first)
    for name in ("first", "interpolated", "sustained"):
        yield from same(f"crossings.{name}", getattr(said, name), getattr(found, name), "the history")


def _ending(result: Result) -> Iterator[str]:
    """Check that the end follows from the session, the budget and the history."""
    row, last = reached(result), result.history[-1] if result.history else None
    aims = result.session in ("entire", "quasi_entire") and result.target.quality is not None
    if published(result):  # the publisher's own clock and rules ended it
        return
    if result.status is Status.converged and (not aims or row is None):
        yield "status: converged, and no evaluation reaches the target."
    if result.status is Status.converged and row is not None and row is not last:
        yield f"status: converged, and the run went on after epoch {row.epochs:g}, where it reached the target."
    if result.status is Status.not_converged and row is not None:
        yield f"status: not_converged, and the history reaches the target at epoch {row.epochs:g}."
    if result.status is Status.completed and aims:
        yield f"status: completed, and session={result.session} ends at its target or its budget."
    batches, epochs = batches_of(result), budget_epochs(result)
    spends = result.status is Status.not_converged or (result.status is Status.completed and result.session == "epochs")
    if spends and last is not None and batches and epochs:
        yield from same("history: steps of the last evaluation", last.steps, batches * epochs, "the budget")
