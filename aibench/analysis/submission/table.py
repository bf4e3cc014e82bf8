"""Draws what a submission has for each task as a table."""

from __future__ import annotations

from collections.abc import Sequence

from aibench.analysis.grid import NONE, Grid, number
from aibench.analysis.submission.submission import Submission, TaskScore


def scores(found: Submission) -> Grid:
    """Return a row for each task, with what is to be known of its runs as notes."""
    return Grid(
        title=f"Submission, {found.division} division",
        heads=("task", "", "runs", "missed", "epochs", "at least", "seconds", "reference", "score"),
        rows=[_row(one) for one in found.scores],
        names=2,
        legend=(
            "epochs, seconds: olympic means to the quality. at least: epochs below which the convergence is not "
            "plausible. reference: the reference's seconds. score: these over the submission's seconds, which are "
            "multiplied with MLPerf's factor where it converges in fewer epochs than the reference."
        ),
        notes=[f"{one.task}: {line}" for one in found.scores for line in one.remarks],
        records=[_record(one) for one in found.scores],
    )


def verdict(found: Submission) -> Sequence[str]:
    """Return the lines below the table: each refusal, then what the whole of it scores."""
    refusals = found.all_refusals
    if refusals:
        reasons = "1 reason" if len(refusals) == 1 else f"{len(refusals)} reasons"
        return [*(f"refused: {line}" for line in refusals), f"refused for {reasons}."]
    score = f"accepted, {found.division} division. Score: {number(found.score)}"
    if not found.left_out:
        return [f"{score}, of the whole suite."]
    tasks = f"{len(found.scores)} of {len(found.scores) + len(found.left_out)} tasks"
    return [f"{score}, of {tasks}, not the suite's: without {', '.join(found.left_out)}."]


def _row(one: TaskScore) -> list[str]:
    least = one.convergence.least if one.convergence else None
    return [
        one.task,
        "refused" if one.refusals else "",
        f"{one.runs} of {one.wanted}",
        str(one.missed),
        *map(number, (one.epochs, least, one.seconds, one.reference)),
        NONE if one.score is None else f"{one.score:.3f}",
    ]


def _record(one: TaskScore) -> dict[str, object]:
    return {
        "task": one.task,
        "runs": one.runs,
        "missed": one.missed,
        "epochs": one.epochs,
        "least_epochs": one.convergence.least if one.convergence else None,
        "seconds": one.seconds,
        "reference_seconds": one.reference,
        "score": one.score,
        "refusals": "; ".join(one.refusals),
        "remarks": "; ".join(one.remarks),
    }
