"""Judges a submission and scores it: olympic means, convergence like the reference's, the geometric mean over tasks."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from aibench.analysis.comparison.reference_points import Convergence
from aibench.analysis.runs.compared import seconds_to_quality
from aibench.analysis.runs.runs import Run
from aibench.analysis.submission.demands import of_all, of_task
from aibench.analysis.submission.entry import Entry, named
from aibench.analysis.submission.reference import converged_like, epochs, reference_points
from aibench.analysis.variation.censored import olympic_mean

UNCOMPARED = "convergence: compared with no reference points. Give --reference FOLDER, with two runs for each of these."


@dataclass(frozen=True, slots=True)
class TaskScore:
    """Holds what a submission has for one task.

    Attributes:
        task: The task.
        runs: How many runs there are.
        wanted: How many the rules want.
        missed: How many of them missed the quality.
        epochs, seconds: Olympic means of what the quality took; infinite where more missed than the mean leaves out,
            None where there are too few runs.
        convergence: How the epochs compare with the reference's; None where they were not compared.
        reference: Olympic mean of the reference's seconds; None without one.
        score: The reference's seconds over the submission's, these multiplied with the factor of `convergence`; None
            where there is a refusal.
        refusals: Why these runs are refused, a line each.
        remarks: What else a reader has to know.
    """

    task: str
    runs: int
    wanted: int
    missed: int
    epochs: float | None
    seconds: float | None
    convergence: Convergence | None
    reference: float | None
    score: float | None
    refusals: Sequence[str]
    remarks: Sequence[str]


@dataclass(frozen=True, slots=True)
class Submission:
    """Holds a judged submission.

    Attributes:
        scores: What each task has.
        refusals: Why the whole of it is refused, besides what single tasks are refused for.
        division: `closed`, `open`, or `mixed`.
        left_out: The suite's tasks that it does not hold.
    """

    scores: Sequence[TaskScore]
    refusals: list[str]
    division: str
    left_out: Sequence[str]

    @property
    def all_refusals(self) -> list[str]:
        """Return every refusal, those of a task with its name."""
        of_tasks = [f"{one.task}: {line}" for one in self.scores for line in one.refusals]
        return [*self.refusals, *of_tasks]

    @property
    def score(self) -> float | None:
        """Return the geometric mean of the tasks' scores; None where anything is refused."""
        values = [one.score for one in self.scores if one.score is not None]
        if self.all_refusals or not values or len(values) < len(self.scores):
            return None
        return math.exp(math.fsum(map(math.log, values)) / len(values))


def judge(entries: Sequence[Entry], runs: Mapping[str, int], reference: Sequence[Entry] | None) -> Submission:
    """Return what the rules say of `entries`.

    Args:
        entries: All runs of the submission.
        runs: How many runs the rules want of each task that the suite has.
        reference: Runs that the convergence and the times are compared with; None compares with nothing.
    """
    tasks: dict[str, list[Entry]] = {}
    for entry in sorted(entries, key=lambda one: (one.run.task, one.run.seed or 0, one.run.path)):
        tasks.setdefault(entry.run.task, []).append(entry)
    unknown = [f"{task}: no task of this suite. Leave its runs out." for task in tasks if task not in runs]
    closed = {entry.is_closed for entry in entries}
    scores = [_scored(of, runs[task], reference) for task, of in tasks.items() if task in runs]
    return Submission(
        scores=scores,
        refusals=[*unknown, *of_all(entries), *([UNCOMPARED] if reference is None else [])],
        division="mixed" if len(closed) > 1 else "closed" if closed == {True} else "open",
        left_out=[task for task in runs if task not in tasks],
    )


def _scored(entries: Sequence[Entry], wanted: int, reference: Sequence[Entry] | None) -> TaskScore:
    runs = [entry.run for entry in entries]
    missed = sum(not run.reached for run in runs)
    mean, seconds = _olympic(runs)
    refusals = list(of_task(entries, wanted))
    if mean is not None and math.isinf(mean):
        refusals.append(f"{missed} of {len(runs)} runs missed the quality: the olympic mean leaves one out.")
    points, convergence = None, None
    if reference is not None and not refusals:  # what is refused already need not be compared
        found = reference_points(runs, reference)
        points = None if isinstance(found, str) else found
        compared = found if isinstance(found, str) else converged_like(runs, found)
        convergence = compared if isinstance(compared, Convergence) else None
        refusals += _implausible(compared, closed=entries[0].is_closed)
    of_reference = _olympic(points)[1] if points else None
    score = None
    if not refusals and seconds and of_reference and convergence:
        score = of_reference / (seconds * convergence.factor)
    return TaskScore(
        task=runs[0].task,
        runs=len(runs),
        wanted=wanted,
        missed=missed,
        epochs=mean,
        seconds=seconds,
        convergence=convergence,
        reference=of_reference,
        score=score,
        refusals=refusals,
        remarks=list(_remarks(entries, convergence)),
    )


def _olympic(runs: Sequence[Run]) -> tuple[float | None, float | None]:
    """Return the olympic means of epochs and of seconds to the quality; a run that missed it needs infinitely many."""
    seconds = [seconds_to_quality(run).value or math.inf for run in runs]
    return olympic_mean(epochs(runs)), olympic_mean(seconds)


def _implausible(compared: Convergence | str, *, closed: bool) -> Iterator[str]:
    if isinstance(compared, str):
        yield f"reference points: {compared}."
    elif compared.submitted < compared.least and closed:
        yield (
            f"converges in {compared.submitted:.3g} epochs, and the reference in {compared.mean:.3g}: fewer than "
            f"{compared.least:.3g} are not plausible in the closed division."
        )


def _remarks(entries: Sequence[Entry], convergence: Convergence | None) -> Iterator[str]:
    doubted = [entry for entry in entries if entry.run.trust is None or entry.run.trust.level != "ok"]
    if doubted:
        levels = Counter((entry.run.trust.level if entry.run.trust else None) or "not judged" for entry in doubted)
        first = doubted[0].run.trust
        why = f": {first.reasons[0]}" if first is not None and first.reasons else ""
        said = ", ".join(f"{count} {level}" for level, count in levels.most_common())
        yield f"timings not to be trusted in {len(doubted)} of {len(entries)} runs ({said}){why}."
    resumed = [entry for entry in entries if entry.resumed]
    if resumed:
        yield f"{named(resumed)}: continued from a checkpoint."
    if convergence is not None and convergence.submitted > convergence.most:
        yield f"converges in {convergence.submitted:.3g} epochs, slower than the reference in {convergence.mean:.3g}."
