"""Writes the choice of a subset as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from aibench.analysis.cost.table import duration
from aibench.analysis.grid import NONE, Grid, number, percent
from aibench.analysis.paper import SUBSET, SUBSET_SAVING
from aibench.analysis.subset.features import Subject
from aibench.analysis.subset.fidelity import Fidelity
from aibench.analysis.subset.subset import Candidate, Choice, Stability, Weights

BEST_SHOWN = 5


def subjects(found: Sequence[Subject], choice: Choice) -> Grid:
    """Return a table of what the choice is made from."""
    names = list(dict.fromkeys(name for subject in found for name in subject.characteristics))
    best = choice.candidates[0].tasks
    return Grid(
        title="The suite, as the choice sees it",
        heads=("task", *(name.replace("_", " ") for name in names), "CV %", "all runs", "metric", "chosen"),
        rows=[
            [
                subject.task,
                *(number(subject.characteristics.get(name)) for name in names),
                percent(subject.cv),
                duration(subject.cost.of_all_runs("seconds")),
                "accepted" if subject.accepted else "none",
                "yes" if subject.task in best else "",
            ]
            for subject in found
        ],
        legend=(
            "CV: of the epochs to quality, corrected, at least what the evaluation quantum hides. all runs: time of as "
            "many runs as a 95 % interval of +-5 % asks for. metric: whether a widely accepted one ends a run (5.3.1)."
        ),
        notes=[*choice.space.remarks, *(f"{task}: not eligible: {why}." for task, why in choice.excluded.items())],
        records=[_record(subject) for subject in found],
    )


def _record(subject: Subject) -> dict[str, Any]:
    return {
        "task": subject.task,
        **subject.characteristics,
        "cv": subject.cv,
        "seconds_of_all_runs": subject.cost.of_all_runs("seconds"),
        "accepted_metric": subject.accepted,
    }


def candidates(choice: Choice, weights: Weights) -> Grid:
    """Return a table of the best subsets, and of the paper's where it can be judged."""
    shown = choice.candidates[:BEST_SHOWN]
    paper = choice.of(SUBSET)
    rows = [[f"{one.rank}.", *_cells(one)] for one in shown]
    notes = []
    if paper is not None and paper not in shown:
        rows.append([f"{paper.rank}. (paper)", *_cells(paper)])
    elif paper is not None:
        notes.append(f"The paper's three are number {paper.rank}.")
    else:
        why = next(
            (f"{task}: {choice.excluded[task]}" for task in SUBSET if task in choice.excluded), "a task has no result"
        )
        notes.append(f"The paper's three, {', '.join(SUBSET)}, cannot be judged here: {why}.")
    explained = choice.space.explained
    kept = choice.space.points.shape[1]
    return Grid(
        title=f"Subsets, the best of {len(choice.candidates):,}",
        heads=("", "tasks", "distance", "covers %", "CV %", "saves %", "saves, 1 run", "better by", "score"),
        rows=rows,
        names=2,
        legend=(
            f"distance: mean, from each task to the nearest chosen, over {kept} principal component{'s' * (kept > 1)} "
            f"({100 * explained[:kept].sum():.0f} % of the variance) of {', '.join(choice.space.names)}. covers: mean "
            "part of the characteristics' ranges. CV: the chosen's largest. saves: of the suite's time, each task run "
            f"as often as it needs, and once (the paper: {100 * SUBSET_SAVING:.0f} %). better by: % of all subsets "
            "that are better by distance, CV and cost. score: these, weighted "
            f"{weights.diversity:g} : {weights.repeatability:g} : {weights.cost:g}; the least is chosen."
        ),
        notes=notes,
    )


def _cells(one: Candidate) -> list[str]:
    return [
        "\n".join(one.tasks),
        number(one.distance),
        percent(one.coverage),
        percent(one.cv),
        percent(1 - one.share),
        percent(1 - one.single_share),
        " ".join(f"{100 * place:.0f}" for place in one.placed),
        f"{one.score:.3f}",
    ]


def sentences(choice: Candidate, found: Stability, fidelities: dict[str, Fidelity | str]) -> Iterator[str]:
    """Yield the choice, its stability and its fidelity, a line each."""
    yield f"Choice: {', '.join(choice.tasks)}. It saves {percent(1 - choice.share)} % of the suite's time."
    often = ", ".join(f"{task} {100 * share:.0f} %" for task, share in list(found.tasks.items())[:6])
    yield f"Stability: {100 * found.same:.0f} % of 200 resamples of the runs choose the same. Chosen by: {often}."
    for name, tasks in found.without.items():
        same = set(tasks) == set(choice.tasks)
        yield f"Without {name}: {'the same' if same else ', '.join(tasks)}."
    for whose, one in fidelities.items():
        if isinstance(one, str):
            yield f"Rank fidelity of {whose}: {one}."
            continue
        tau = NONE if one.tau is None else f"{one.tau:.2f}"
        yield (
            f"Rank fidelity of {whose}: {len(one.systems)} systems by {one.quantity} over {len(one.tasks)} tasks: "
            f"Kendall's tau {tau}; a score is off by at most {100 * (one.error - 1):.3g} %."
        )


def systems(one: Fidelity) -> Grid:
    """Return a table of the systems' scores."""
    return Grid(
        title=f"Scores of the systems by {one.quantity}",
        heads=("system", "suite", "subset"),
        rows=[[name, f"{a:.3f}", f"{b:.3f}"] for name, a, b in zip(one.systems, one.whole, one.part, strict=True)],
        legend="Geometric mean of ratios to the first system; more is better.",
    )
