"""Draws variation and cost from what the runs leave open, and chooses again: how sure a choice is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aibench.analysis.spread import runs_needed
from aibench.analysis.subset.features import Floats, Subject
from aibench.analysis.subset.subset import Candidate, Choice, Weights, distances, in_order, placed_by, scored, shares

DRAWS = 1000
MOST_CV = 2.0  # that is drawn: four runs bound a large coefficient by nothing
LEAST_MEAN = 0.2  # of the observed mean, that is drawn
ENDS = (0.025, 0.975)

Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Uncertainty:
    """Holds how far a choice depends on chance and on single characteristics.

    Attributes:
        best: Share of the draws in which each subset is chosen, the most frequent first.
        tasks: Share of the draws that choose each task, the most frequent first.
        places: By tasks, the 95 % interval of the place of each subset that was asked about.
        saves: The 95 % interval of what it saves of the suite's time, one run each.
        saves_of_all_runs: The same with as many runs as each task's variation asks for.
        without: By characteristic, or group of them, left out: the subset that is then chosen.
    """

    best: dict[tuple[str, ...], float]
    tasks: dict[str, float]
    places: dict[tuple[str, ...], Interval]
    saves: dict[tuple[str, ...], Interval]
    saves_of_all_runs: dict[tuple[str, ...], Interval]
    without: dict[str, tuple[str, ...]]


def uncertainty(
    found: Sequence[Subject], choice: Choice, weights: Weights, about: Sequence[Candidate], draws: int = DRAWS
) -> Uncertainty:
    """Choose again with variation and time of each task drawn from their own uncertainty; always the same draws.

    Args:
        found: The tasks.
        choice: The choice that was made of them.
        weights: The weights that it was made by.
        about: The candidates that get intervals.
        draws: How often to choose.
    """
    random = np.random.default_rng(0)
    cvs, seconds = (
        np.column_stack(columns) for columns in zip(*(drawn(one, random, draws) for one in found), strict=True)
    )
    distance = np.array([one.distance for one in choice.candidates])
    asked = np.array([one.rank - 1 for one in about], dtype=int)
    by_distance = placed_by(distance)
    chosen: Counter[tuple[str, ...]] = Counter()
    rows = []
    for cv, cost in zip(cvs, seconds, strict=True):
        share = shares(cost, choice.members)
        placed = np.column_stack([by_distance, placed_by(cv[choice.members].max(1)), placed_by(share)])
        order = in_order(scored(placed, weights), distance)
        chosen[choice.candidates[order[0]].tasks] += 1
        needed = np.array([runs_needed(value) if value > 0 else 2 for value in cv])
        rows.append(
            (np.argsort(order)[asked] + 1.0, 1 - share[asked], 1 - shares(cost * needed, choice.members[asked]))
        )
    places, saves, saves_of_all_runs = (_intervals(about, column) for column in zip(*rows, strict=True))
    tasks: Counter[str] = Counter()
    for subset, count in chosen.items():
        tasks.update(dict.fromkeys(subset, count))
    return Uncertainty(
        best={subset: count / draws for subset, count in chosen.most_common()},
        tasks={task: count / draws for task, count in tasks.most_common()},
        places=places,
        saves=saves,
        saves_of_all_runs=saves_of_all_runs,
        without=_without(choice, weights),
    )


def _intervals(about: Sequence[Candidate], values: Sequence[Floats]) -> dict[tuple[str, ...], Interval]:
    low, high = np.quantile(np.array(values), ENDS, axis=0)
    return {one.tasks: (float(a), float(b)) for one, a, b in zip(about, low, high, strict=True)}


def drawn(subject: Subject, random: np.random.Generator, count: int) -> tuple[Floats, Floats]:
    """Return `count` coefficients of variation and seconds to quality that may be the task's, given its runs.

    Each run is placed anew within the evaluation quantum before its crossing. The coefficient is then drawn from the
    distribution whose quantiles are the ends of Vangel's interval, and the mean from the normal distribution about the
    observed one that this coefficient gives. A task without a variation stays as it is.
    """
    row, seconds = subject.cost.variation, subject.cost.seconds or 0.0
    values = np.array(row.epochs.values)
    size = len(values)
    if subject.cv is None or row.epochs.mean is None:
        return np.zeros(count), np.full(count, seconds)
    grid = row.quantum if row.cv_floor is not None and row.quantum else 0.0
    placed = np.maximum(values - grid * random.random((count, size)), 1e-3 * values)
    observed = placed.std(1, ddof=1) / placed.mean(1)
    quantile = random.chisquare(size - 1, count)
    square = ((quantile + 2) / size - 1) * observed**2 + quantile / (size - 1)
    cv = np.minimum(observed / np.sqrt(np.maximum(square, 1e-12)), MOST_CV)
    mean = np.maximum(1 + cv * random.standard_normal(count) / math.sqrt(size), LEAST_MEAN)
    return cv, seconds * mean


def _without(choice: Choice, weights: Weights) -> dict[str, tuple[str, ...]]:
    """Return the subset that is chosen without each characteristic, where more than one tells the tasks apart."""
    groups = choice.space.groups
    placed = np.array([one.placed for one in choice.candidates])
    found = {}
    for group in groups if len(groups) > 1 else ():
        distance = distances(choice.space.without(group).points, choice.members)
        placed[:, 0] = placed_by(distance)
        found[group] = choice.candidates[in_order(scored(placed, weights), distance)[0]].tasks
    return found
