"""Finds the reference points for the runs of a task: other runs of the same work, twice as many as are judged."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from aibench.analysis.comparison.reference_points import TIMES_AS_MANY, Convergence, check
from aibench.analysis.runs.runs import Run
from aibench.analysis.submission.entry import Entry

# What must be the same for epochs to be comparable. Another batch has reference points of its own, as MLPerf has it.
SAME_WORK = (
    "task",
    "scale",
    "target.metric",
    "target.mode",
    "data.fingerprint",
    "data.batch_size",
    "data.batch_tokens",
)
SESSIONS = ("entire", "epochs")  # the latter goes on after the quality, which it notes


def reference_points(runs: Sequence[Run], reference: Sequence[Entry]) -> list[Run] | str:
    """Return the runs of `reference` that count for `runs`, those of one task, or why there are too few."""
    of_task = [entry for entry in reference if (entry.run.task, entry.run.scale) == (runs[0].task, runs[0].scale)]
    aside: Counter[str] = Counter()
    found: dict[int | None, Run] = {}
    for entry in of_task:
        why = _not_counted(entry, runs)
        if why is None and entry.run.seed in found:
            why = "repeat a seed"
        if why is None:
            found[entry.run.seed] = entry.run
        else:
            aside[why] += 1
    needed = TIMES_AS_MANY * len(runs)
    if len(found) >= needed:
        return list(found.values())
    others = "".join(f", {count} {why}" for why, count in aside.most_common())
    return (
        f"{len(found)} of {len(of_task)} reference runs count{others}; {needed} are needed, {TIMES_AS_MANY} for each "
        "run of the submission"
    )


def _not_counted(entry: Entry, runs: Sequence[Run]) -> str | None:
    run, judged = entry.run, runs[0]
    if run.run_id in {one.run_id for one in runs}:
        return "are of the submission itself"
    if not entry.is_closed:
        return "are not of the closed division"
    if not entry.is_clean:
        return "are of no commit as it is"
    if run.session not in SESSIONS or run.watched != judged.watched:
        return "went for another quality"
    differing = [key for key in SAME_WORK if run.traits.get(key) != judged.traits.get(key)]
    return f"differ in {differing[0]}" if differing else None


def converged_like(runs: Sequence[Run], reference: Sequence[Run]) -> Convergence | str:
    """Return how the epochs of `runs` compare with those of the reference, or why that cannot be said."""
    try:
        return check(epochs(reference), epochs(runs))
    except ValueError as error:
        return str(error)


def epochs(runs: Sequence[Run]) -> list[float]:
    """Return the epochs that each run needed to the quality, infinitely many where it missed it."""
    return [run.to_quality.epochs if run.reached and run.to_quality.epochs else math.inf for run in runs]
