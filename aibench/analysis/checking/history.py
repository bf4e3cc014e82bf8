"""Checks the history, the phases and the schedule of a result against each other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from aibench.analysis.checking.same import same, within
from aibench.results.result import Evaluation, Result, Status

WARM_UP = "warm-up"  # the phase of the untimed steps of session=steps
UNSTEADY = 10  # steps at the start of a process that are no steady ones


def history_faults(result: Result) -> Iterator[str]:
    """Yield what in the history contradicts itself, the phases or the schedule."""
    yield from _growth(result.history)
    yield from _schedule(result)
    yield from _samples(result)
    yield from _phases(result)
    yield from _steady(result)


def _growth(history: list[Evaluation]) -> Iterator[str]:
    """Check that clocks and counters go forward, training and the rest of the time each by itself."""
    for before, after in pairwise(history):
        where = f"from epoch {before.epochs:g} to epoch {after.epochs:g}"
        for name in ("epochs", "steps", "samples", "seconds"):
            first, second = getattr(before, name), getattr(after, name)
            if first is not None and second is not None and second <= first:
                yield f"history: {name} does not grow {where}."
        if before.training_seconds is None or after.training_seconds is None:
            continue
        trained, passed = after.training_seconds - before.training_seconds, after.seconds - before.seconds
        if not 0 <= trained <= passed * (1 + 1e-9):
            yield f"history: training_seconds grows by {trained:.6g} of {passed:.6g} seconds {where}."
    for row in history[:1]:
        if row.training_seconds is not None and row.training_seconds > row.seconds:
            of = f"{row.training_seconds:.6g} training_seconds of {row.seconds:.6g} seconds"
            yield f"history: {of} at epoch {row.epochs:g}."


def _schedule(result: Result) -> Iterator[str]:
    """Check that evaluations stand an interval of batches apart, and that epochs are steps over the batches of one."""
    batches, target = batches_of(result), part(result.config, "target")
    every: Any = target.get("evaluations_per_epoch")
    if batches is None:
        if result.history and result.history[0].steps is not None:
            yield "history: steps over epochs are no whole number of batches, or not the same at each evaluation."
        return
    if type(every) not in (int, float) or not 0 < every < 1e9:
        return
    epochs = budget_epochs(result)
    interval = max(1, round(batches / every))
    interval = min(interval, batches * epochs) if epochs else interval
    yield from same("to_quality.quantum", result.to_quality.quantum, interval / batches, "the schedule")
    for place, row in enumerate(result.history, start=1):
        last = epochs is not None and row is result.history[-1] and row.steps == batches * epochs
        if not last:
            yield from same(f"history.{place - 1}.steps", row.steps, place * interval, "the schedule")


def batches_of(result: Result) -> int | None:
    """Return the training batches in an epoch: what steps over epochs is at every evaluation; None where it differs."""
    found = {round(row.steps / row.epochs) for row in result.history if row.steps and row.epochs}
    batches = found.pop() if len(found) == 1 else None
    if not batches:
        return None
    exact = all(row.steps and abs(row.steps - batches * row.epochs) <= 1e-6 * row.steps for row in result.history)
    return batches if exact else None


def budget_epochs(result: Result) -> int | None:
    """Return the epochs of the whole budget by the configuration; None where it says none."""
    found = (
        result.config.get("epochs") if result.session == "epochs" else part(result.config, "target").get("max_epochs")
    )
    return whole(found) or None


def whole(value: Any, most: int = 2**40) -> int | None:
    """Return `value` of a configuration where it is a whole number that counts something; None where it is not."""
    return value if type(value) is int and 0 <= value <= most else None


def part(config: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a group of the configuration; empty where the file has none."""
    found = config.get(name)
    return found if isinstance(found, dict) else {}


def _samples(result: Result) -> Iterator[str]:
    """Check that a step takes a batch, unless batches hold tokens, or the last one of an epoch is smaller."""
    data = part(result.config, "data")
    size, rows = whole(data.get("batch_size")), [row for row in result.history if row.steps and row.samples is not None]
    if data.get("batch_tokens") is not None or not size:
        return
    longest = max(result.phases, key=lambda phase: phase.steps, default=None)
    full = longest is not None and longest.samples == longest.steps * size
    for row in rows:
        name, most = f"history at epoch {row.epochs:g}: samples", (row.steps or 0) * size
        if full:
            yield from same(name, row.samples, most, "batches")
        else:
            yield from within(name, row.samples, 0, most, "by batches")
    for phase in result.phases:
        if full:
            yield from same(f"phases.{phase.name}.samples", phase.samples, phase.steps * size, "batches")


def _phases(result: Result) -> Iterator[str]:
    """Check that the phases hold all steps, samples and training seconds."""
    steps, samples = (sum(getattr(phase, name) for phase in result.phases) for name in ("steps", "samples"))
    if result.times is not None:
        seconds = sum(phase.seconds for phase in result.phases)
        yield from same("phases: seconds", seconds, result.times.training, "times.training")
    last = result.history[-1] if result.history else None
    if last is not None and last.steps is not None and last.samples is not None and result.phases:
        at_the_end = result.status in (Status.converged, Status.completed, Status.not_converged)
        for name, said, least in (("steps", steps, last.steps), ("samples", samples, last.samples)):
            if at_the_end:
                yield from same(f"phases: {name}", said, least, "the last evaluation")
            elif said < least:
                yield f"phases: {name}: {said}, fewer than the {least} of the last evaluation."
    if result.session == "steps" and result.status is Status.completed:
        untimed, timed = (whole(result.config.get(name)) for name in ("warmup_steps", "steps"))
        if untimed is not None and timed is not None:
            yield from same("phases: steps", steps, untimed + timed, "warmup_steps + steps")
            found = sum(phase.steps for phase in result.phases if phase.name == WARM_UP)
            yield from same(f"phases: steps of {WARM_UP}", found, untimed, "warmup_steps")


def _steady(result: Result) -> Iterator[str]:
    """Check that the steady steps are those of the longest phase but the first few of the process."""
    if result.throughput is None or result.times is None or result.times.split is None or not result.phases:
        return
    steady, steps = result.throughput.steps, sum(phase.steps for phase in result.phases)
    first = whole(result.config.get("warmup_steps")) if result.session == "steps" else UNSTEADY
    phase = next((phase for phase in result.phases if phase.name == steady.phase), None)
    if phase is None or first is None:
        return
    if result.resumed == 0:
        left = min(first, steps // 2)
        yield from same("throughput.steps.left_out", steady.left_out, left, "the number of steps")
        others = [one for one in result.phases if one is not phase]
        inside = left if not others else 0 if [one.name for one in others] == [WARM_UP] else None
        low, high = phase.steps - (left if inside is None else inside), phase.steps - (inside or 0)
        yield from within("throughput.steps.count", steady.count, max(0, low), high, "by its phase")
    else:
        yield from within("throughput.steps.count", steady.count, 0, phase.steps, "by its phase")
    ranks = [value for value in (steady.p10, steady.median, steady.p90) if value is not None]
    if ranks != sorted(ranks):
        yield "throughput.steps: p10, median and p90 are not in this order."
    for name, share in (("p10", 0.9), ("median", 0.5), ("p90", 0.1)):  # so many of the steps took that long or longer
        value = getattr(steady, name)
        if value is not None and share * (steady.count - 1) * value > phase.seconds * (1 + 1e-6):
            yield f"throughput.steps.{name}: {value:.6g} s in {steady.count} steps do not fit in {phase.seconds:.6g} s."
