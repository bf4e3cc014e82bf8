"""Measures how well a subset orders systems as the whole suite does."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aibench.analysis.runs.compared import SPEED, TIME, Quantity
from aibench.analysis.runs.runs import Run

OF_THE_SYSTEM = ("system.", "hardware.", "versions.")


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Holds a subset's scores of systems beside the suite's.

    Attributes:
        systems: For each system, the values that tell it from the others.
        tasks: The tasks that all systems ran, which count as the suite here.
        quantity: The quantity that is scored.
        whole: The suite's score of each system, relative to the first: geometric mean of ratios, more is better.
        part: The subset's score.
        tau: Kendall's rank correlation (tau-b) of the two; None below three systems.
        error: The largest factor by which the two differ.
    """

    systems: list[str]
    tasks: list[str]
    quantity: str
    whole: list[float]
    part: list[float]
    tau: float | None
    error: float


def fidelity(runs: Iterable[Run], subset: Sequence[str]) -> Fidelity | str:
    """Return the scores of the systems that made `runs`, by the suite and by `subset`; or why there are none.

    Runs on one machine with equal `hardware.*` and versions are one system. The score is that of the seconds to
    quality, or of the seconds a sample where not every system reached the targets.
    """
    grouped = list(runs)
    keys = sorted({key for run in grouped for key in run.traits if key.startswith(OF_THE_SYSTEM)})
    keys = [key for key in keys if len({run.traits.get(key) for run in grouped if run.knows_all}) > 1]
    systems: dict[str, list[Run]] = {}
    for run in grouped:
        if run.knows_all:
            name = ", ".join(f"{key}={run.traits.get(key, '?')}" for key in keys) or "the one system"
            systems.setdefault(name, []).append(run)
    if len(systems) < 2:
        return "not known: all results are of one system. Give results of several"
    for quantity in (TIME, SPEED):
        means = {name: _means(of, quantity) for name, of in systems.items()}
        tasks = sorted(set.intersection(*(set(by_task) for by_task in means.values())))
        if set(subset) <= set(tasks) and len(tasks) > len(subset):
            return _scored(means, tasks, subset, quantity.name)
    return "not known: the systems share too few tasks, or not those of the subset"


def _means(runs: list[Run], quantity: Quantity) -> dict[str, float]:
    """Return the geometric mean of each task's values."""
    found: dict[str, list[float]] = {}
    for run in runs:
        value = quantity.of(run).value
        if value:
            found.setdefault(run.task, []).append(math.log(value))
    return {task: math.exp(statistics.fmean(logs)) for task, logs in found.items()}


def _scored(means: dict[str, dict[str, float]], tasks: list[str], subset: Sequence[str], quantity: str) -> Fidelity:
    first = next(iter(means.values()))

    def scores(of: Sequence[str]) -> list[float]:
        return [
            math.exp(statistics.fmean(math.log(first[task] / by_task[task]) for task in of))
            for by_task in means.values()
        ]

    whole, part = scores(tasks), scores(subset)
    error = max(abs(math.log(one / other)) for one, other in zip(whole, part, strict=True))
    tau = kendall(whole, part) if len(means) > 2 else None
    return Fidelity(list(means), tasks, quantity, whole, part, tau, math.exp(error))


def kendall(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Return Kendall's tau-b; None where one of the two is constant."""
    from scipy.stats import kendalltau

    found = float(kendalltau(a, b).statistic)
    return None if math.isnan(found) else found
