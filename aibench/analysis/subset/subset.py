"""Chooses a subset (paper, 5.4): looks at every subset of a size, by criteria that can be seen and weighed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from aibench.analysis.subset.features import Columns, Floats, Space, Subject

Members = NDArray[np.int_]


@dataclass(frozen=True, slots=True)
class Weights:
    """Holds how much each criterion counts, where only the proportions matter, and what is eligible.

    Attributes:
        diversity: How near every task of the suite lies to a chosen one.
        repeatability: How little the most variable of the chosen ones varies.
        cost: How little time the chosen ones take together, one run each.
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
        share: The chosen tasks' share of the suite's cost, one run each.
        share_of_all_runs: The same with as many runs as each task's variation asks for; no criterion, or the variation
            would count twice.
        placed: For distance, cv and share: the share of candidates that are better.
        score: Weighted mean of `placed`; the choice has the least.
        coverage: The chosen tasks' range over the suite's, as the mean over the characteristics of a group and the
            groups.
        rank: Place among the candidates, from 1.
    """

    tasks: tuple[str, ...]
    distance: float
    cv: float
    share: float
    share_of_all_runs: float
    placed: tuple[float, float, float]
    score: float
    coverage: float
    rank: int


@dataclass(frozen=True, slots=True)
class Choice:
    """Holds the result of a search.

    Attributes:
        candidates: All subsets of eligible tasks, the best first.
        members: int (candidates, size): the places of their tasks among the subjects, in the same order.
        excluded: Tasks that no candidate may hold, with the reason.
        space: The space of the characteristics.
    """

    candidates: list[Candidate]
    members: Members
    excluded: dict[str, str]
    space: Space

    def of(self, tasks: Sequence[str]) -> Candidate | None:
        """Return the candidate with just these tasks, or None."""
        return next((one for one in self.candidates if set(one.tasks) == set(tasks)), None)


def choose(found: Sequence[Subject], size: int, weights: Weights, where: Space) -> Choice:
    """Return all subsets of `size` eligible tasks, ordered by the weighted criteria.

    Raises:
        ValueError: Fewer than `size` tasks are eligible.
    """
    excluded = {subject.task: why for subject in found if (why := _ineligible(subject, weights))}
    eligible = [place for place, subject in enumerate(found) if subject.task not in excluded]
    if len(eligible) < size:
        reasons = "; ".join(f"{task}: {why}" for task, why in excluded.items())
        raise ValueError(
            f"{len(eligible)} tasks may be chosen, fewer than {size}. Give results of more tasks, or a smaller --k. "
            f"{reasons}"
        )
    index = np.array(list(combinations(eligible, size)))
    distance = distances(where.points, index)
    cv = np.array([subject.cv or 0.0 for subject in found])
    one_run, all_runs = (
        np.array([value or 0.0 for value in values])
        for values in zip(
            *((subject.cost.seconds, subject.cost.of_all_runs("seconds")) for subject in found), strict=True
        )
    )
    worst, share = cv[index].max(1), shares(one_run, index)
    placed = np.column_stack([placed_by(column) for column in (distance, worst, share)])
    score = scored(placed, weights)
    order = in_order(score, distance)
    of_all_runs, covered = shares(all_runs, index), coverage(where.columns, index)
    candidates = [
        Candidate(
            tasks=tuple(found[place].task for place in index[number]),
            distance=float(distance[number]),
            cv=float(worst[number]),
            share=float(share[number]),
            share_of_all_runs=float(of_all_runs[number]),
            placed=(float(placed[number, 0]), float(placed[number, 1]), float(placed[number, 2])),
            score=float(score[number]),
            coverage=float(covered[number]),
            rank=rank,
        )
        for rank, number in enumerate(order, start=1)
    ]
    return Choice(candidates, index[order], excluded, where)


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


def scored(placed: Floats, weights: Weights) -> Floats:
    """Return the weighted mean of the three places of each candidate, float (candidates, 3)."""
    each = np.array([weights.diversity, weights.repeatability, weights.cost])
    score: Floats = placed @ (each / each.sum())
    return score


def in_order(score: Floats, distance: Floats) -> NDArray[np.int_]:
    """Return the candidates' places, the least score first; of equal scores the least distance, then the first."""
    return np.lexsort((np.arange(len(score)), distance, np.round(score, 12)))


def distances(points: Floats, index: Members) -> Floats:
    """Return for each subset the mean distance from every point to the nearest of its members.

    Args:
        points: float (tasks, components).
        index: int (subsets, size).
    """
    between = np.linalg.norm(points[:, None] - points[None], axis=-1)
    nearest: Floats = between[:, index].min(2).mean(0)
    return nearest


def coverage(columns: Columns, index: Members) -> Floats:
    """Return for each subset the range of its members over the range of all tasks, as the mean over all groups."""
    if not columns:
        return np.full(len(index), math.nan)
    by_group: dict[str, list[Floats]] = {}
    for (group, _), column in columns.items():
        filled = np.where(np.isnan(column), np.nanmean(column), column)
        by_group.setdefault(group, []).append(np.ptp(filled[index], axis=1) / np.ptp(filled))
    covered: Floats = np.mean([np.mean(of, axis=0) for of in by_group.values()], axis=0)
    return covered


def shares(cost: Floats, index: Members) -> Floats:
    """Return each subset's share of the sum of `cost`, float (tasks,)."""
    share: Floats = cost[index].sum(1) / max(float(cost.sum()), 1e-300)
    return share


def placed_by(column: Floats) -> Floats:
    """Return for each value the share of the values that are smaller."""
    rounded = np.round(column, 12)
    placed: Floats = np.searchsorted(np.sort(rounded), rounded, side="left") / len(column)
    return placed
