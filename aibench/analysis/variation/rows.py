"""Computes run-to-run variation: how far runs that differ only in their seed differ in their needs (paper, 5.3.1)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from aibench.analysis.paper import VARIATION, PublishedVariation
from aibench.analysis.runs.pooling import Pool, differences, pools
from aibench.analysis.runs.runs import Run
from aibench.analysis.spread import (
    Spread,
    bonett_interval,
    corrected,
    least_cv,
    quantum_floor,
    runs_needed,
    vangel_interval,
)
from aibench.analysis.variation.censored import Censored, censored, olympic_mean
from aibench.results.result import Result, Status


@dataclass(frozen=True, slots=True)
class VariationRow:
    """Holds the statistics of runs that differ only in their seed.

    Attributes:
        task, scale, session: The configured task, scale and session.
        metric: Name of the quality.
        quality: The value to reach, with `session=epochs` that of the entire session; None where there is none.
        differs: Key and value of each trait in which these runs differ from another row of this task, scale, session.
        seeds: The seeds that are known, ascending, each once.
        runs: How many runs.
        converged: Runs that reached the target; only these are averaged.
        missed: Runs that spent their budget without reaching it.
        diverged, interrupted, failed: Runs that ended so.
        epochs: Epochs to quality.
        alone: The same from where the judged model's own part of the training began, a student's after its teacher's.
        samples: Training samples to quality.
        seconds: Seconds to quality, evaluations included.
        olympic: Mean of the epochs to quality without the best and the worst run, a run that missed being worst;
            infinite where more than one missed, None below three runs.
        censored: What the runs say together with those that missed; None where none missed, or nothing was measured.
        quantum: Epochs between two evaluations.
        cv_floor: Coefficient of variation of the epochs that the quantum alone gives.
        cv_low: Lower end of the 95 % interval of the coefficient of variation of the epochs.
        cv_high: Its upper end; infinite where so few runs bound it by nothing.
        cv_low_any_shape, cv_high_any_shape: The same interval by Bonett, for epochs that are not normal; None below
            eight runs.
        seconds_cv_low, seconds_cv_high: The same interval for the seconds, without a quantum.
        runs_needed: Runs for a 95 % interval of +-5 % on the mean of the epochs.
        paper: The paper's figure; None where its text has none.
        notes: What to know before believing the row, a sentence each.
    """

    task: str
    scale: str
    session: str
    metric: str
    quality: float | None
    differs: dict[str, str]
    seeds: tuple[int, ...]
    runs: int
    converged: int
    missed: int
    diverged: int
    interrupted: int
    failed: int
    epochs: Spread
    alone: Spread
    samples: Spread
    seconds: Spread
    olympic: float | None
    censored: Censored | None
    quantum: float | None
    cv_floor: float | None
    cv_low: float | None
    cv_high: float | None
    cv_low_any_shape: float | None
    cv_high_any_shape: float | None
    seconds_cv_low: float | None
    seconds_cv_high: float | None
    runs_needed: int | None
    paper: PublishedVariation | None
    notes: tuple[str, ...]

    @property
    def within_quantum(self) -> bool:
        """Return whether the quantum explains all scatter: `<= cv_floor` is then all that can be said."""
        return self.epochs.cv is not None and self.cv_floor is not None and self.epochs.cv <= self.cv_floor

    @property
    def runs_needed_between(self) -> tuple[int, int | None] | None:
        """Return the runs needed at both ends of the interval of the coefficient; None for an end that is infinite."""
        if self.cv_low is None or self.cv_high is None:
            return None
        return runs_needed(self.cv_low), None if math.isinf(self.cv_high) else runs_needed(self.cv_high)


def variation(results: Iterable[Result | Run]) -> list[VariationRow]:
    """Return one row for each set of runs that differ only in their seed, in order of task, scale and session."""
    grouped = pools(results)
    return [row_of(pool, differs) for pool, differs in zip(grouped, differences(grouped), strict=True)]


def row_of(pool: Pool, differs: dict[str, str]) -> VariationRow:
    """Return the row of one set of runs, which differs from others of its task in `differs`."""
    runs = without_copies(pool.runs)
    reached = [run for run in runs if run.reached]
    epochs, samples, seconds = (_spread(reached, name) for name in ("epochs", "samples", "seconds"))
    quantum = max((run.to_quality.quantum for run in runs if run.to_quality.quantum), default=None)
    exact = _one_seed(runs) and len({run.history for run in reached}) == 1  # what repeats bit for bit varies by 0
    grid = None if exact else quantum
    low, high, needed = _limits(epochs, grid)
    low_any_shape, high_any_shape = _limits_of_any_shape(epochs, grid)
    seconds_low, seconds_high, _ = _limits(seconds, None)
    row = VariationRow(
        task=runs[0].task,
        scale=runs[0].scale,
        session=runs[0].session,
        metric=runs[0].target.metric,
        quality=runs[0].watched,
        differs=differs,
        seeds=tuple(sorted({run.seed for run in runs if run.seed is not None})),
        runs=len(runs),
        converged=len(reached),
        **_others(run for run in runs if not run.reached),
        epochs=epochs,
        alone=Spread.of([run.epochs_alone for run in reached if run.epochs_alone > 0]),
        samples=samples,
        seconds=seconds,
        olympic=_olympic(epochs, runs),
        censored=_censored(epochs, runs),
        quantum=quantum,
        cv_floor=quantum_floor(grid, epochs.mean) if grid and epochs.mean else None,
        cv_low=low,
        cv_high=high,
        cv_low_any_shape=low_any_shape,
        cv_high_any_shape=high_any_shape,
        seconds_cv_low=seconds_low,
        seconds_cv_high=seconds_high,
        runs_needed=needed,
        paper=VARIATION.get(runs[0].task),
        notes=(),
    )
    return replace(row, notes=tuple(_notes(row, pool.runs, runs)))


def _spread(reached: list[Run], name: str) -> Spread:
    """Return the spread of what `to_quality` says of `name`."""
    values = (getattr(run.to_quality, name) for run in reached)
    return Spread.of([float(value) for value in values if value])


def _olympic(epochs: Spread, runs: list[Run]) -> float | None:
    """Return the olympic mean of the epochs, where a run that missed counts and one that was stopped does not."""
    never = [math.inf for run in runs if not run.reached and run.status.finished and run.watched is not None]
    return olympic_mean([*epochs.values, *never])


def _censored(epochs: Spread, runs: list[Run]) -> Censored | None:
    others = [run for run in runs if not run.reached and run.watched is not None]
    stopped = [math.inf if run.status is Status.diverged else run.trained_epochs for run in others]
    stopped = [value for value in stopped if value > 0]  # one that failed before it trained says nothing
    if not any(math.isfinite(value) for value in (*epochs.values, *stopped)) or not stopped:
        return None
    return censored(epochs.values, stopped)


def _others(runs: Iterable[Run]) -> dict[str, int]:
    """Return how many of the runs that did not reach the target ended in each way."""
    ends = Counter(run.status for run in runs if run.status is not Status.completed or run.watched is not None)
    return {
        "missed": ends[Status.not_converged] + ends[Status.completed],
        "diverged": ends[Status.diverged],
        "interrupted": ends[Status.interrupted],
        "failed": ends[Status.failed],
    }


def _limits(epochs: Spread, quantum: float | None) -> tuple[float | None, float | None, int | None]:
    """Return the interval of the coefficient of variation, and the number of runs needed.

    An evaluation shows that the target was reached within the quantum before it. So the interval reaches from Vangel's
    lower end for the least scattered runs that give the same evaluations, to his upper end for what was observed, or
    for `cv_floor` where that is more.
    """
    if epochs.cv is None or epochs.mean is None:
        return None, None, None
    least, most = _possible(epochs, quantum)
    count = len(epochs.values)
    return vangel_interval(least, count)[0], vangel_interval(most, count)[1], runs_needed(corrected(most, count))


def _possible(epochs: Spread, quantum: float | None) -> tuple[float, float]:
    """Return the least and the greatest coefficient of variation that the grid of the evaluations allows."""
    assert epochs.cv is not None
    assert epochs.mean is not None
    if quantum is None:
        return epochs.cv, epochs.cv
    return least_cv(epochs.values, quantum), max(epochs.cv, quantum_floor(quantum, epochs.mean))


def _limits_of_any_shape(epochs: Spread, quantum: float | None) -> tuple[float | None, float | None]:
    """Return Bonett's interval, widened by the quantum as Vangel's is."""
    found = bonett_interval(epochs.values)
    if found is None or not epochs.cv:
        return None, None
    least, most = _possible(epochs, quantum)
    return found[0] * least / epochs.cv, found[1] * most / epochs.cv


def _one_seed(runs: list[Run]) -> bool:
    seeds = {run.seed for run in runs}
    return len(seeds) == 1 and None not in seeds


def without_copies(runs: list[Run]) -> list[Run]:
    """Return `runs` without those that repeat another's seed and history: they say nothing new about other seeds.

    Runs of one and the same seed all stay: there the question is whether they repeat.
    """
    if _one_seed(runs):
        return runs
    kept: dict[tuple[Any, ...], Run] = {}
    for run in runs:
        repeats = run.status.finished and run.evaluations > 0
        kept.setdefault((run.seed, run.history) if repeats else (run.run_id,), run)
    return list(kept.values())


def _notes(row: VariationRow, found: list[Run], runs: list[Run]) -> Iterator[str]:
    if row.quality is None:
        yield f"session={row.session} has no target here"
    aside = [
        f"{count} {what}"
        for count, what in (
            (row.missed, "missed the target"),
            (row.diverged, "diverged"),
            (row.interrupted, "interrupted"),
            (row.failed, "failed"),
        )
        if count
    ]
    if aside:
        biased = ": the mean is that of the quicker runs" if row.missed and row.converged else ""
        yield f"{' and '.join(aside)} of {row.runs} runs, not averaged in{biased}"
    if row.censored is not None:
        yield _with_those_that_missed(row.censored)
    if row.quality is not None and row.epochs.reason:
        yield f"no coefficient of variation: {row.epochs.reason}"
    if row.within_quantum:
        yield (
            f"the evaluation quantum of {row.quantum:.3g} epochs explains the spread: the runs' own variation cannot "
            "be told from 0. Evaluate more often (target.evaluations_per_epoch) to see it"
        )
    yield from _of_its_last_part(row, runs)
    yield from _notes_on_seeds(row, found, runs)
    commits = {run.commit for run in runs}
    if len(commits) > 1:
        yield f"{len(commits)} commits are pooled"
    if row.paper is not None and row.paper.remark:
        yield f"the paper's figure: {row.paper.remark}"


def _of_its_last_part(row: VariationRow, runs: list[Run]) -> Iterator[str]:
    """Yield what the epochs are from where the judged model starts to train, where another was trained before."""
    parts = {run.last_part for run in runs if run.earlier_epochs and run.reached}
    mean, cv = row.alone.mean, row.alone.cv
    if len(parts) == 1 and mean is not None and cv is not None:
        yield f"counted from where the {parts.pop()} starts to train: mean {mean:.3g} epochs, CV {100 * cv:.3g} %"


def _with_those_that_missed(found: Censored) -> str:
    median = "not reached by half" if found.median is None else f"{found.median:.3g} epochs"
    restarts = "" if found.with_restarts is None else f", {found.with_restarts:.3g} with restarts until one succeeds"
    return (
        f"with those that missed: median {median} (Kaplan-Meier), mean restricted to {found.limit:.3g} epochs "
        f"{found.restricted_mean:.3g}{restarts}; 95 % of the share that reaches it {100 * found.share_low:.0f}-"
        f"{100 * found.share_high:.0f} %"
    )


def _notes_on_seeds(row: VariationRow, found: list[Run], runs: list[Run]) -> Iterator[str]:
    if len(found) > len(runs):
        yield f"{len(found) - len(runs)} more repeat the seed and the history of another run and are left out"
    seeds = Counter(run.seed for run in runs if run.reached and run.seed is not None)
    shared = sorted(seed for seed, count in seeds.items() if count > 1)
    if shared and len(row.seeds) == 1:
        alike = len({run.history for run in runs if run.reached}) == 1
        yield f"one seed for all runs{', and one history' if alike else ': the variation that a fixed seed leaves'}"
    elif shared:
        yield f"several runs have seed {', '.join(map(str, shared))}: their values are not independent"
