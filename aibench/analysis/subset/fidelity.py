"""Measures how well a subset orders systems as the whole suite does."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from aibench.analysis.runs.compared import SPEED, TIME, Quantity
from aibench.analysis.runs.runs import Run
from aibench.analysis.subset.features import Floats

OF_THE_SYSTEM = ("system.", "hardware.", "versions.")
DRAWS = 1000
KEPT = 0.8  # Kendall's tau from which on a subset is said to keep the order: nine in ten pairs stand as they should
ENDS = (0.025, 0.975)


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Holds a subset's scores of systems beside the suite's.

    Attributes:
        systems: The systems' names.
        tasks: The tasks that all systems ran, which count as the suite here.
        quantity: The quantity that is scored.
        whole: The suite's score of each system, relative to the first: geometric mean of ratios, more is better.
        part: The subset's score.
        tau: Kendall's rank correlation (tau-b) of the two; None below three systems.
        rho: Spearman's.
        error: The largest factor by which the two differ.
        between: 95 % interval of tau, with the scores drawn from what the runs leave open; None where a task has one
            run on each system.
        others: Tau of every subset of that size, ascending; empty below three systems.
    """

    systems: list[str]
    tasks: list[str]
    quantity: str
    whole: list[float]
    part: list[float]
    tau: float | None
    rho: float | None
    error: float
    between: tuple[float, float] | None
    others: list[float]

    @property
    def verdict(self) -> str:
        """Return whether the subset keeps the order of the systems: `kept`, `not kept` or `open`."""
        if self.between is None:
            return "open"
        return "kept" if self.between[0] >= KEPT else "not kept" if self.between[1] < KEPT else "open"

    @property
    def as_good(self) -> float | None:
        """Return the share of all subsets of that size that order the systems as well."""
        if self.tau is None or not self.others:
            return None
        return statistics.fmean(other >= self.tau - 1e-12 for other in self.others)


def systems_of(runs: Iterable[Run]) -> dict[str, list[Run]]:
    """Return `runs` by the system that made them: one machine with equal `hardware.*` and versions."""
    grouped = [run for run in runs if run.knows_all]
    keys = sorted({key for run in grouped for key in run.traits if key.startswith(OF_THE_SYSTEM)})
    keys = [key for key in keys if len({run.traits.get(key) for run in grouped}) > 1]
    found: dict[str, list[Run]] = {}
    for run in grouped:
        name = ", ".join(f"{key}={run.traits.get(key, '?')}" for key in keys) or "the one system"
        found.setdefault(name, []).append(run)
    return found


def fidelity(systems: Mapping[str, Sequence[Run]], subset: Sequence[str]) -> Fidelity | str:
    """Return the scores of `systems`, by the suite and by `subset`; or why there are none.

    The score is that of the seconds to quality, or of the seconds a sample where not every system reached the targets.
    """
    if len(systems) < 2:
        return "not known: all results are of one system. Give results of several"
    for quantity in (TIME, SPEED):
        logs = {name: _logs(runs, quantity) for name, runs in systems.items()}
        tasks = sorted(set.intersection(*(set(by_task) for by_task in logs.values())))
        if set(subset) <= set(tasks) and len(tasks) > len(subset):
            return _scored(logs, tasks, subset, quantity.name)
    return "not known: the systems share too few tasks, or not those of the subset"


Logs = dict[str, list[float]]


def _logs(runs: Iterable[Run], quantity: Quantity) -> Logs:
    """Return the logarithms of each task's values."""
    found: Logs = {}
    for run in runs:
        value = quantity.of(run).value
        if value:
            found.setdefault(run.task, []).append(math.log(value))
    return found


def _scored(logs: Mapping[str, Logs], tasks: list[str], subset: Sequence[str], quantity: str) -> Fidelity:
    means = np.array([[statistics.fmean(by_task[task]) for task in tasks] for by_task in logs.values()])
    chosen = [tasks.index(task) for task in subset]
    whole, part = _score(means, range(len(tasks))), _score(means, chosen)
    several = len(means) > 2
    subsets = combinations(range(len(tasks)), len(subset)) if several else iter(())
    taus = (kendall(whole, _score(means, list(one))) for one in subsets)
    return Fidelity(
        list(logs),
        tasks,
        quantity,
        np.exp(whole).tolist(),
        np.exp(part).tolist(),
        kendall(whole, part) if several else None,
        spearman(whole, part) if several else None,
        math.exp(float(np.abs(whole - part).max())),
        _between(logs, tasks, means, chosen) if several else None,
        sorted(tau for tau in taus if tau is not None),
    )


def _score(means: Floats, tasks: Sequence[int]) -> Floats:
    """Return the logarithms of the systems' scores by `tasks`, relative to the first system."""
    score: Floats = (means[0] - means)[:, list(tasks)].mean(1)
    return score


def _between(
    logs: Mapping[str, Logs], tasks: list[str], means: Floats, chosen: list[int]
) -> tuple[float, float] | None:
    """Return the 95 % interval of tau with each mean drawn anew.

    The scatter of a task's runs is that of all systems together. Drawn scores scatter about scores that scatter
    already, so the interval lies rather low than high.
    """
    errors = np.zeros_like(means)
    for place, task in enumerate(tasks):
        groups = [by_task[task] for by_task in logs.values()]
        degrees = sum(len(group) - 1 for group in groups)
        if degrees == 0:
            return None
        squares = math.fsum((value - statistics.fmean(group)) ** 2 for group in groups for value in group)
        errors[:, place] = [math.sqrt(squares / degrees / len(group)) for group in groups]
    random = np.random.default_rng(0)
    found = []
    for _ in range(DRAWS):
        drawn = means + errors * random.standard_normal(means.shape)
        tau = kendall(_score(drawn, range(len(tasks))), _score(drawn, chosen))
        found.append(0.0 if tau is None else tau)
    low, high = np.quantile(found, ENDS)
    return float(low), float(high)


def kendall(a: Sequence[float] | Floats, b: Sequence[float] | Floats) -> float | None:
    """Return Kendall's tau-b; None where one of the two is constant."""
    one, other = (np.sign(np.subtract.outer(values, values)) for values in (np.asarray(a), np.asarray(b)))
    size = math.sqrt(float((one**2).sum()) * float((other**2).sum()))
    return float((one * other).sum()) / size if size else None


def spearman(a: Sequence[float] | Floats, b: Sequence[float] | Floats) -> float | None:
    """Return Spearman's rank correlation; None where one of the two is constant."""
    from scipy.stats import rankdata

    one, other = rankdata(a), rankdata(b)
    return float(np.corrcoef(one, other)[0, 1]) if np.ptp(one) and np.ptp(other) else None
