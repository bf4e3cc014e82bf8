"""Writes the choice of a subset as tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from aibench.analysis.cost.table import duration
from aibench.analysis.grid import NONE, Grid, number, percent
from aibench.analysis.paper import SUBSET, SUBSET_SAVING
from aibench.analysis.subset.features import Subject
from aibench.analysis.subset.fidelity import Fidelity
from aibench.analysis.subset.subset import Candidate, Choice, Weights
from aibench.analysis.subset.uncertainty import DRAWS, Uncertainty

BEST_SHOWN = 5
SIZE, TIME, LOG = "size", "time", "log "  # groups of `similarity.features`, and how it names a logarithm


def subjects(found: Sequence[Subject], choice: Choice, sure: Uncertainty) -> Grid:
    """Return a table of what the choice is made from."""
    columns = {name: column for (group, name), column in choice.space.columns.items() if group in {name, SIZE}}
    best = choice.candidates[0].tasks
    return Grid(
        title="The suite, as the choice sees it",
        heads=(
            *("task", *(name.removeprefix(LOG) for name in columns), "most time in"),
            *("CV %", "95 % of CV", "one run", "all runs", "metric", "chosen", "in %"),
        ),
        rows=[
            [
                subject.task,
                *(_value(name, float(column[place])) for name, column in columns.items()),
                _most_time(choice, place),
                percent(subject.cv),
                _cv_between(subject),
                duration(subject.cost.seconds),
                duration(subject.cost.of_all_runs("seconds")),
                "accepted" if subject.accepted else "none",
                "yes" if subject.task in best else "",
                f"{100 * sure.tasks.get(subject.task, 0.0):.0f}",
            ]
            for place, subject in enumerate(found)
        ],
        legend=(
            "most time in: the largest share of a training step's time; all shares count. CV: of the epochs, "
            "corrected, at least what the evaluation quantum hides, and Vangel's interval. one run, all runs: mean "
            "time of one, and of as many as a 95 % interval of +-5 % asks for. metric: whether a widely accepted one "
            f"ends a run (5.3.1). in %: of {DRAWS:,} draws of variation and time, those that "
            "choose the task."
        ),
        notes=[*choice.space.remarks, *(f"{task}: not eligible: {why}." for task, why in choice.excluded.items())],
        records=[_record(place, subject, choice, sure) for place, subject in enumerate(found)],
    )


def _value(name: str, value: float) -> str:
    return number(10**value) if name.startswith(LOG) and not math.isnan(value) else number(value)


def _most_time(choice: Choice, place: int) -> str:
    """Return the category of operators that takes most time in a task, with its share."""
    shares = {name: float(column[place]) for (group, name), column in choice.space.columns.items() if group == TIME}
    known = {name: share for name, share in shares.items() if not math.isnan(share)}
    if not known:
        return NONE
    name = max(known, key=lambda one: known[one])
    return f"{name.removesuffix(' share')} {100 * known[name]:.0f} %"


def _cv_between(subject: Subject) -> str:
    row = subject.cost.variation
    return NONE if row.cv_low is None else f"{percent(row.cv_low)}-{percent(row.cv_high)}"


def _record(place: int, subject: Subject, choice: Choice, sure: Uncertainty) -> dict[str, Any]:
    values = {name: float(column[place]) for (_, name), column in choice.space.columns.items()}
    return {
        "task": subject.task,
        **{name: None if math.isnan(value) else value for name, value in values.items()},
        "cv": subject.cv,
        "cv_low": subject.cost.variation.cv_low,
        "cv_high": subject.cost.variation.cv_high,
        "seconds_of_one_run": subject.cost.seconds,
        "seconds_of_all_runs": subject.cost.of_all_runs("seconds"),
        "accepted_metric": subject.accepted,
        "chosen": subject.task in choice.candidates[0].tasks,
        "chosen_in_draws": sure.tasks.get(subject.task, 0.0),
    }


def shown(choice: Choice) -> list[Candidate]:
    """Return the candidates that the table shows: the best, and the paper's where it can be judged."""
    paper = choice.of(SUBSET)
    best = choice.candidates[:BEST_SHOWN]
    return best if paper is None or paper in best else [*best, paper]


def candidates(choice: Choice, weights: Weights, sure: Uncertainty) -> Grid:
    """Return a table of the best subsets, and of the paper's where it can be judged."""
    explained, kept = choice.space.explained, choice.space.points.shape[1]
    return Grid(
        title=f"Subsets, the best of {len(choice.candidates):,}",
        heads=(
            *("", "tasks", "distance", "covers %", "CV %", "saves %", "saves, all runs", "better by", "score"),
            *("place", "best in %"),
        ),
        rows=[_cells(one, sure) for one in shown(choice)],
        names=2,
        legend=(
            f"distance: mean, from each task to the nearest chosen, over {kept} principal component{'s' * (kept > 1)} "
            f"({100 * explained[:kept].sum():.0f} % of the variance) of {choice.space.described()}; each of these "
            "counts once. covers: mean part of their ranges. CV: the chosen's largest. saves: of the suite's time, one "
            f"run each (the paper: {100 * SUBSET_SAVING:.0f} %), and as many as each task needs. better by: % of all "
            "subsets that are better by distance, CV and time of one run. score: these, weighted "
            f"{weights.diversity:g} : {weights.repeatability:g} : {weights.cost:g}; the least is chosen. place: its "
            f"95 % interval in {DRAWS:,} draws of variation and time. best in: % of these draws."
        ),
        notes=[] if choice.of(SUBSET) else [_unjudged(choice)],
    )


def _unjudged(choice: Choice) -> str:
    reasons = (f"{task}: {choice.excluded[task]}" for task in SUBSET if task in choice.excluded)
    return f"The paper's three, {', '.join(SUBSET)}, cannot be judged here: {next(reasons, 'a task has no result')}."


def _cells(one: Candidate, sure: Uncertainty) -> list[str]:
    low, high = sure.places[one.tasks]
    return [
        f"{one.rank}.{' (paper)' * (set(one.tasks) == set(SUBSET))}",
        "\n".join(one.tasks),
        number(one.distance),
        percent(one.coverage),
        percent(one.cv),
        percent(1 - one.share),
        percent(1 - one.share_of_all_runs),
        " ".join(f"{100 * place:.0f}" for place in one.placed),
        f"{one.score:.3f}",
        f"{low:.0f}-{high:.0f}",
        f"{100 * sure.best.get(one.tasks, 0.0):.0f}",
    ]


def sentences(choice: Choice, sure: Uncertainty, fidelities: dict[str, Fidelity | str]) -> Iterator[str]:
    """Yield the choice, how sure it is, the paper's claim, and the fidelity, a line each."""
    best, paper = choice.candidates[0], choice.of(SUBSET)
    yield f"Choice: {', '.join(best.tasks)}. It saves {_saving(best, sure)}."
    often = ", ".join(f"{task} {100 * share:.0f} %" for task, share in list(sure.tasks.items())[:6])
    yield (
        f"How sure: {100 * sure.best.get(best.tasks, 0.0):.0f} % of {DRAWS:,} draws choose the same; chosen by them: "
        f"{often}."
    )
    if paper is not None:
        low, high = sure.places[paper.tasks]
        better = 100 * paper.placed[0]
        yield (
            f"The paper's three: place {paper.rank} of {len(choice.candidates):,} ({low:.0f} to {high:.0f}); they save "
            f"{_saving(paper, sure)} (the paper: {100 * SUBSET_SAVING:.0f} %); they cover "
            f"{percent(paper.coverage)} % of the characteristics' ranges, and {better:.0f} % of the subsets lie nearer "
            "to all tasks."
        )
    for name, tasks in sure.without.items():
        same = set(tasks) == set(best.tasks)
        yield f"Without {name}: {'the same' if same else ', '.join(tasks)}."
    for whose, one in fidelities.items():
        yield f"Rank fidelity of {whose}: {one if isinstance(one, str) else fidelity_in_words(one)}."


def _saving(one: Candidate, sure: Uncertainty) -> str:
    (low, high), (least, most) = sure.saves[one.tasks], sure.saves_of_all_runs[one.tasks]
    return (
        f"{percent(1 - one.share)} % of the suite's time with one run each ({percent(low)} to {percent(high)}), and "
        f"{percent(1 - one.share_of_all_runs)} % with as many runs as each task needs ({percent(least)} to "
        f"{percent(most)})"
    )


def fidelity_in_words(one: Fidelity) -> str:
    """Return how well a subset orders the systems, without the full stop."""
    text = f"{len(one.systems)} systems by {one.quantity} over {len(one.tasks)} tasks: "
    if one.tau is not None:
        between = f" ({one.between[0]:.2f} to {one.between[1]:.2f})" if one.between else ""
        text += f"Kendall's tau {one.tau:.2f}{between}, Spearman's rho {number(one.rho)}; "
    if one.others and one.as_good is not None:
        low, high = np.quantile(one.others, (0.025, 0.975))
        text += (
            f"{100 * one.as_good:.0f} % of all {len(one.others):,} subsets order them as well (95 % of these have "
            f"{low:.2f} to {high:.2f}); "
        )
    return f"{text}a score is off by at most {100 * (one.error - 1):.3g} %"


def systems(one: Fidelity) -> Grid:
    """Return a table of the systems' scores."""
    return Grid(
        title=f"Scores of the systems by {one.quantity}",
        heads=("system", "suite", "subset"),
        rows=[[name, f"{a:.3f}", f"{b:.3f}"] for name, a, b in zip(one.systems, one.whole, one.part, strict=True)],
        legend="Geometric mean of ratios to the first system; more is better.",
    )
