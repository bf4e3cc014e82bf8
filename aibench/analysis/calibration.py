"""Proposes a miniature's targets from runs of the whole budget. The rule is stated, so that anyone can repeat it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from aibench.results.crossing import first_place
from aibench.results.result import Result, Status

ENTIRE_BY = 0.8  # part of the budget by which every seed must have reached the entire session's quality
QUASI_ENTIRE_BY = 0.6
SIGNIFICANT_DIGITS = 2


@dataclass(frozen=True, slots=True)
class Needed:
    """Holds what one seed takes to reach a proposed target.

    Attributes:
        seed: The run's seed.
        epochs: Position of the first evaluation that reaches it, after one that misses it where sessions ask for that.
        evaluations: How many evaluations that takes.
        seconds: How long that takes, evaluations and set-up included.
        last: Quality at the end of the budget.
    """

    seed: int
    epochs: float
    evaluations: int
    seconds: float
    last: float


@dataclass(frozen=True, slots=True)
class Proposal:
    """Holds the targets that the rule gives.

    Attributes:
        metric: The quality.
        entire: Quality that every seed passes by 80 % of the budget, rounded towards the easier side.
        quasi_entire: Quality that every seed passes by 60 % of the budget, rounded in the same way.
        needed: What each seed takes to reach `entire`.
    """

    metric: str
    entire: float
    quasi_entire: float
    needed: list[Needed]


def propose(results: Sequence[Result], digits: int = SIGNIFICANT_DIGITS) -> Proposal:
    """Propose targets from runs of `session=epochs` over the whole budget that differ in nothing but the seed.

    Args:
        results: The runs.
        digits: Significant digits of the targets: more than two where the best value is not 0 (a perplexity near 1).

    Raises:
        ValueError: A run did not complete, their evaluations do not lie at the same places, or one that had to miss the
            quality first never did.
    """
    unfinished = [result.seed for result in results if result.status is not Status.completed]
    if not results or unfinished:
        raise ValueError(f"seeds {unfinished} did not complete: calibration needs whole budgets.")
    steps = [[evaluation.steps for evaluation in result.history] for result in results]
    if any(row != steps[0] for row in steps):
        raise ValueError("the runs were not evaluated at the same places: they differ in more than the seed.")
    target = results[0].target
    higher = target.mode == "max"
    values = [qualities(result, higher) for result in results]
    worst = [worst_of_best(values, index, higher) for index in range(len(steps[0]))]
    entire, quasi = (
        _easier(worst[max(1, int(part * len(worst))) - 1], higher, digits) for part in (ENTIRE_BY, QUASI_ENTIRE_BY)
    )
    taken = [needed(result, entire, higher) for result in results]
    return Proposal(target.metric, entire, quasi, taken)


def qualities(result: Result, higher: bool) -> list[float]:
    """Return the quality at each evaluation. Where it must be missed first, nothing counts before the worst one."""
    known = _known(result)
    if not result.target.missed_first:
        return known
    worst = min(known) if higher else max(known)
    return [worst] * known.index(worst) + known[known.index(worst) :]


def _known(result: Result) -> list[float]:
    values = [evaluation.metrics[result.target.metric] for evaluation in result.history]
    known = [value for value in values if value is not None]
    assert len(known) == len(values), "the target's metric is finite in every evaluation"
    return known


def worst_of_best(values: Sequence[Sequence[float]], index: int, higher: bool) -> float:
    """Return the least good, over the runs, of the best quality that each had by evaluation `index`."""
    best, worst = (max, min) if higher else (min, max)
    return worst(best(row[: index + 1]) for row in values)


def _easier(value: float, higher: bool, significant: int) -> float:
    """Return `value` rounded to significant digits, down where higher is better and up where lower is."""
    if value == 0:
        return 0.0
    digits = significant - 1 - math.floor(math.log10(abs(value)))
    scaled = value * 10.0**digits
    return round((math.floor(scaled + 1e-9) if higher else math.ceil(scaled - 1e-9)) / 10.0**digits, max(digits, 0))


def needed(result: Result, quality: float, higher: bool) -> Needed:
    """Return where a session with this `quality` would end; `qualities` has another rule, without a quality."""
    values = _known(result)
    points = [(evaluation.epochs, value) for evaluation, value in zip(result.history, values, strict=True)]
    place = first_place(points, quality, higher=higher, missed_first=result.target.missed_first)
    if place is not None:
        evaluation = result.history[place]
        return Needed(result.seed or 0, evaluation.epochs, place + 1, evaluation.seconds, values[-1])
    raise ValueError(f"seed {result.seed} never misses {quality:g}: a longer budget, or another metric, would do.")


def snippet(proposal: Proposal, date: str) -> str:
    """Return the lines of the target's file."""
    seeds = ", ".join(str(row.seed) for row in proposal.needed)
    evaluations = sorted(row.evaluations for row in proposal.needed)
    seconds = sorted(row.seconds for row in proposal.needed)
    return (
        f"  # aibench calibrate, {date}, seeds {seeds}: every seed passes `entire` by {ENTIRE_BY:.0%} of the budget\n"
        f"  # and `quasi_entire` by {QUASI_ENTIRE_BY:.0%}. Evaluations: {evaluations[0]} to {evaluations[-1]}; "
        f"seconds: {seconds[0]:.0f} to {seconds[-1]:.0f}.\n"
        f"  entire: {proposal.entire:g}\n"
        f"  quasi_entire: {proposal.quasi_entire:g}\n"
        "  origin: calibrated"
    )
