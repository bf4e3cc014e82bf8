"""Run-to-run variation: how far runs that differ only in their seed differ in what they need (paper, 5.3.1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from aibench.analysis.paper import VARIATION, PublishedVariation
from aibench.analysis.pooling import Pool, differences, pools
from aibench.analysis.spread import Spread, corrected, least_cv, quantum_floor, runs_needed, vangel_interval
from aibench.result import Result, Status


@dataclass(frozen=True, slots=True)
class VariationRow:
    """Runs that differ only in their seed.

    Attributes:
        task, scale, session: As configured.
        metric: Name of the quality.
        quality: The value to reach, with `session=epochs` that of the entire session; None where there is none.
        differs: Key and value of each trait in which these runs differ from another row of this task, scale, session.
        seeds: The seeds, ascending, each once.
        runs: How many runs.
        converged: Runs that reached the target; only these are averaged.
        missed: Runs that spent their budget without reaching it.
        diverged, interrupted, failed: Runs that ended so.
        epochs: Epochs to quality.
        seconds: Seconds to quality, evaluations included.
        quantum: Epochs between two evaluations.
        cv_floor: Coefficient of variation of the epochs that the quantum alone gives.
        cv_low: Lower end of the 95 % interval of the coefficient of variation of the epochs.
        cv_high: Its upper end; infinite where so few runs bound it by nothing.
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
    seconds: Spread
    quantum: float | None
    cv_floor: float | None
    cv_low: float | None
    cv_high: float | None
    runs_needed: int | None
    paper: PublishedVariation | None
    notes: tuple[str, ...]

    @property
    def within_quantum(self) -> bool:
        """Whether the runs differ by no more than the quantum explains: `<= cv_floor` is all that can be said."""
        return self.epochs.cv is not None and self.cv_floor is not None and self.epochs.cv <= self.cv_floor


def variation(results: Iterable[Result]) -> list[VariationRow]:
    """One row for each set of runs that differ only in their seed, in order of task, scale and session."""
    grouped = pools(results)
    return [_row(pool, differs) for pool, differs in zip(grouped, differences(grouped), strict=True)]


def _row(pool: Pool, differs: dict[str, str]) -> VariationRow:
    runs = _without_copies(pool.runs)
    reached = [run for run in runs if _reached(run)]
    epochs = Spread.of([run.to_quality.epochs for run in reached if run.to_quality.epochs])
    seconds = Spread.of([run.to_quality.seconds for run in reached if run.to_quality.seconds])
    quantum = max((run.to_quality.quantum for run in runs if run.to_quality.quantum), default=None)
    exact = _one_seed(runs) and len({_history(run) for run in reached}) == 1  # what repeats bit for bit varies by 0
    grid = None if exact else quantum
    low, high, needed = _limits(epochs, grid)
    row = VariationRow(
        task=runs[0].task,
        scale=runs[0].scale,
        session=runs[0].session,
        metric=runs[0].target.metric,
        quality=_watched(runs[0]),
        differs=differs,
        seeds=tuple(sorted({run.seed for run in runs})),
        runs=len(runs),
        converged=len(reached),
        **_others(run for run in runs if not _reached(run)),
        epochs=epochs,
        seconds=seconds,
        quantum=quantum,
        cv_floor=quantum_floor(grid, epochs.mean) if grid and epochs.mean else None,
        cv_low=low,
        cv_high=high,
        runs_needed=needed,
        paper=VARIATION.get(runs[0].task),
        notes=(),
    )
    return replace(row, notes=tuple(_notes(row, pool.runs, runs)))


def _others(runs: Iterable[Result]) -> dict[str, int]:
    """How the runs that did not reach the target ended."""
    ends = Counter(run.status for run in runs if run.status is not Status.completed or _watched(run) is not None)
    return {
        "missed": ends[Status.not_converged] + ends[Status.completed],
        "diverged": ends[Status.diverged],
        "interrupted": ends[Status.interrupted],
        "failed": ends[Status.failed],
    }


def _limits(epochs: Spread, quantum: float | None) -> tuple[float | None, float | None, int | None]:
    """The interval of the coefficient of variation, and the runs needed.

    An evaluation shows that the target was reached within the quantum before it. So the interval reaches from Vangel's
    lower end for the least scattered runs that give the same evaluations, to his upper end for what was observed, or
    for `cv_floor` where that is more.
    """
    if epochs.cv is None or epochs.mean is None:
        return None, None, None
    count = len(epochs.values)
    least = most = epochs.cv
    if quantum is not None:
        least, most = least_cv(epochs.values, quantum), max(epochs.cv, quantum_floor(quantum, epochs.mean))
    return vangel_interval(least, count)[0], vangel_interval(most, count)[1], runs_needed(corrected(most, count))


def _reached(run: Result) -> bool:
    return run.status in (Status.converged, Status.completed) and bool(run.to_quality.epochs)


def _watched(run: Result) -> float | None:
    """The quality whose first evaluation `to_quality` records: `session=epochs` watches for it, and goes on."""
    if run.session == "epochs":
        quality: float | None = run.config.get("target", {}).get("entire")
        return quality
    return run.target.quality


def _one_seed(runs: list[Result]) -> bool:
    return len({run.seed for run in runs}) == 1


def _history(run: Result) -> tuple[Any, ...]:
    return tuple((point.epochs, *sorted(point.metrics.items())) for point in run.history)


def _without_copies(runs: list[Result]) -> list[Result]:
    """`runs` less those that repeat another's seed and history: they say nothing new about other seeds.

    Runs of one and the same seed all stay: there the question is whether they repeat.
    """
    if _one_seed(runs):
        return runs
    kept: dict[tuple[Any, ...], Result] = {}
    for run in runs:
        repeats = run.status.finished and bool(run.history)
        kept.setdefault((run.seed, _history(run)) if repeats else (run.run_id,), run)
    return list(kept.values())


def _notes(row: VariationRow, found: list[Result], runs: list[Result]) -> Iterator[str]:
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
    if row.quality is not None and row.epochs.reason:
        yield f"no coefficient of variation: {row.epochs.reason}"
    if row.within_quantum:
        yield (
            f"the evaluation quantum of {row.quantum:.3g} epochs explains the spread: the runs' own variation cannot "
            "be told from 0. Evaluate more often (target.evaluations_per_epoch) to see it"
        )
    yield from _notes_on_seeds(row, found, runs)
    commits = {run.commit for run in runs}
    if len(commits) > 1:
        yield f"{len(commits)} commits are pooled"
    if row.paper is not None and row.paper.remark:
        yield f"the paper's figure: {row.paper.remark}"


def _notes_on_seeds(row: VariationRow, found: list[Result], runs: list[Result]) -> Iterator[str]:
    if len(found) > len(runs):
        yield f"{len(found) - len(runs)} more repeat the seed and the history of another run and are left out"
    seeds = Counter(run.seed for run in runs if _reached(run))
    shared = sorted(seed for seed, count in seeds.items() if count > 1)
    if shared and len(row.seeds) == 1:
        alike = len({_history(run) for run in runs if _reached(run)}) == 1
        yield f"one seed for all runs{', and one history' if alike else ': the variation that a fixed seed leaves'}"
    elif shared:
        yield f"several runs have seed {', '.join(map(str, shared))}: their values are not independent"
