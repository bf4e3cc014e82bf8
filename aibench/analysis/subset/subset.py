"""Chooses a subset (paper, 5.4): looks at every subset of a size, by criteria that can be seen and weighed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from aibench.analysis.spread import Spread, runs_needed
from aibench.analysis.subset.features import Floats, Space, Subject, space

Bools = NDArray[np.bool_]

RESAMPLES = 200


@dataclass(frozen=True, slots=True)
class Weights:
    """Holds how much each criterion counts, where only the proportions matter, and what is eligible.

    Attributes:
        diversity: How near every task of the suite lies to a chosen one.
        repeatability: How little the most variable of the chosen ones varies.
        cost: How little time the chosen ones take together.
        most_cv: No task with a larger coefficient of variation is chosen; a ratio.
        any_metric: Whether tasks without a widely accepted metric may be chosen.
    """

    diversity: float = 1.0
    repeatability: float = 1.0
    cost: float = 1.0
    most_cv: float = math.inf
    any_metric: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """Holds a subset with its criteria; smaller is better in each.

    Attributes:
        tasks: Its tasks, in the suite's order.
        distance: Mean distance, in the space of the characteristics, from each task of the suite to the nearest chosen.
        cv: The largest coefficient of variation among the chosen.
        share: The chosen tasks' share of the suite's cost, each task run as often as its variation asks for.
        single_share: The same with one run each.
        placed: For distance, cv and share: the share of candidates that are better.
        score: Weighted mean of `placed`; the choice has the least.
        coverage: Mean over the characteristics of the chosen tasks' range over the suite's.
        rank: Place among the candidates, from 1.
    """

    tasks: tuple[str, ...]
    distance: float
    cv: float
    share: float
    single_share: float
    placed: tuple[float, float, float]
    score: float
    coverage: float
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Choice:
    """Holds the result of a search.

    Attributes:
        candidates: All subsets of eligible tasks, the best first.
        excluded: Tasks that no candidate may hold, with the reason.
        space: The space of the characteristics.
    """

    candidates: list[Candidate]
    excluded: dict[str, str]
    space: Space

    def of(self, tasks: Sequence[str]) -> Candidate | None:
        """Return the candidate with just these tasks, or None."""
        return next((one for one in self.candidates if set(one.tasks) == set(tasks)), None)


def choose(found: Sequence[Subject], size: int, weights: Weights) -> Choice:
    """Return all subsets of `size` eligible tasks, ordered by the weighted criteria.

    Raises:
        ValueError: Fewer than `size` tasks are eligible.
    """
    excluded = {subject.task: why for subject in found if (why := _ineligible(subject, weights))}
    eligible = [place for place, subject in enumerate(found) if subject.task not in excluded]
    if len(eligible) < size:
        reasons = "; ".join(f"{task}: {why}" for task, why in excluded.items())
        raise ValueError(f"{len(eligible)} tasks may be chosen, fewer than {size}. {reasons}")
    where = space(found)
    table = _criteria(found, where, list(combinations(eligible, size)), weights)
    return Choice(table, excluded, where)


def _ineligible(subject: Subject, weights: Weights) -> str | None:
    if not subject.accepted and not weights.any_metric:
        return "no widely accepted metric"
    if subject.cv is None:
        return f"its variation is not known: {subject.cost.variation.epochs.reason}"
    if subject.cost.seconds is None:
        return "its time to quality is not known"
    if subject.cv > weights.most_cv:
        return f"varies by {100 * subject.cv:.3g} %"
    return None


def _criteria(
    found: Sequence[Subject], where: Space, members: list[tuple[int, ...]], weights: Weights
) -> list[Candidate]:
    index = np.array(members)
    cv = np.array([subject.cv or 0.0 for subject in found])
    distance = distances(where.points, index)
    share, single = (_shares(found, index, all_runs) for all_runs in (True, False))
    worst = cv[index].max(1)
    placed = np.column_stack([_placed(column) for column in (distance, worst, share)])
    score = placed @ np.array([weights.diversity, weights.repeatability, weights.cost])
    score = score / (weights.diversity + weights.repeatability + weights.cost)
    covered = coverage(where.values, index)
    order = np.lexsort((np.arange(len(index)), distance, score))
    return [
        Candidate(
            tuple(found[place].task for place in members[number]),
            float(distance[number]),
            float(worst[number]),
            float(share[number]),
            float(single[number]),
            (float(placed[number, 0]), float(placed[number, 1]), float(placed[number, 2])),
            float(score[number]),
            float(covered[number]),
            rank,
        )
        for rank, number in enumerate(order, start=1)
    ]


def distances(points: Floats, index: NDArray[np.int_]) -> Floats:
    """Return for each subset the mean distance from every point to the nearest of its members.

    Args:
        points: float (tasks, components).
        index: int (subsets, size).
    """
    between = np.linalg.norm(points[:, None] - points[None], axis=-1)
    nearest: Floats = between[:, index].min(2).mean(0)
    return nearest


def coverage(values: Floats, index: NDArray[np.int_]) -> Floats:
    """Return for each subset the range of its members over the range of all tasks, as the mean over characteristics."""
    if values.shape[1] == 0:
        return np.full(len(index), math.nan)
    chosen = values[index]
    share: Floats = (np.ptp(chosen, axis=1) / np.ptp(values, axis=0)).mean(1)
    return share


def _shares(found: Sequence[Subject], index: NDArray[np.int_], all_runs: bool) -> Floats:
    costs = [subject.cost.of_all_runs("seconds") if all_runs else subject.cost.seconds for subject in found]
    cost = np.array([value or 0.0 for value in costs])
    share: Floats = cost[index].sum(1) / max(float(cost.sum()), 1e-300)
    return share


def _placed(column: Floats) -> Floats:
    """Return for each value the share of the values that are smaller."""
    rounded = np.round(column, 12)
    placed: Floats = np.searchsorted(np.sort(rounded), rounded, side="left") / len(column)
    return placed


@dataclass(frozen=True, slots=True)
class Stability:
    """Holds how far the choice depends on chance and on single characteristics.

    Attributes:
        same: Share of the resamples that choose the same subset.
        tasks: Share of the resamples that choose each task, the most frequent first.
        without: By characteristic left out, the subset that is then chosen.
    """

    same: float
    tasks: dict[str, float]
    without: dict[str, tuple[str, ...]]


def stability(
    found: Sequence[Subject], size: int, weights: Weights, choice: Candidate, resamples: int = RESAMPLES
) -> Stability:
    """Choose again with epochs drawn anew, and with each characteristic left out.

    A resample draws for each task as many runs as it had, log-normal with its mean and coefficient of variation: with
    four runs, values drawn from those four would vary too little. Means, variation, runs needed and cost follow.
    """
    random = np.random.default_rng(0)
    eligible = [place for place, subject in enumerate(found) if not _ineligible(subject, weights)]
    members = list(combinations(eligible, size))
    counts: Counter[str] = Counter()
    same = 0
    for _ in range(resamples):
        drawn = [_drawn(subject, random) for subject in found]
        best = _criteria(drawn, space(drawn), members, weights)[0]
        counts.update(best.tasks)
        same += best.tasks == choice.tasks
    names = space(found).names
    without = {
        name: _criteria(found, space(found, name), members, weights)[0].tasks for name in names if len(names) > 1
    }
    return Stability(same / resamples, {task: count / resamples for task, count in counts.most_common()}, without)


def _drawn(subject: Subject, random: np.random.Generator) -> Subject:
    """Return `subject` as it might have been measured, with epochs drawn anew."""
    row, cost = subject.cost.variation, subject.cost
    if subject.cv is None or row.epochs.mean is None:
        return subject
    spread = math.sqrt(math.log1p(subject.cv**2))
    centre = math.log(row.epochs.mean) - spread**2 / 2
    epochs = Spread.of(random.lognormal(centre, spread, len(row.epochs.values)).tolist())
    ratio = (epochs.mean or 1.0) / row.epochs.mean
    cv = max(epochs.cv_corrected or 0.0, row.cv_floor or 0.0)
    drawn = replace(
        cost,
        variation=replace(row, epochs=epochs),
        seconds=None if cost.seconds is None else cost.seconds * ratio,
        runs=runs_needed(cv),
    )
    return replace(subject, cost=drawn, characteristics={**subject.characteristics, "epochs": epochs.mean})
