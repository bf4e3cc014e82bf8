"""Selects the results that a subset is chosen from: one scale, one session, one configuration of each task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aibench.analysis.cost.cost import Cost, Tariff, costs
from aibench.analysis.runs.runs import Run
from aibench.analysis.subset.features import Subject, read_characteristics, subjects


@dataclass(frozen=True, slots=True)
class Selection:
    """Holds the tasks and runs that a subset is chosen from.

    Attributes:
        subjects: The tasks.
        runs: All runs of the scale and the session, also those of other configurations, which may be other systems'.
        remarks: A line for each thing that was set aside.
    """

    subjects: list[Subject]
    runs: list[Run]
    remarks: list[str]


def select(
    runs: Sequence[Run], scale: str | None = None, session: str | None = None, characteristics: Path | None = None
) -> Selection:
    """Select the tasks of one scale and session, each in the configuration with most runs that reached the target.

    Raises:
        ValueError: There are no such results, or `characteristics` cannot be read.
    """
    families: dict[tuple[str, str], set[str]] = {}
    for run in runs:
        if (scale or run.scale) == run.scale and (session or run.session) == run.session:
            families.setdefault((run.scale, run.session), set()).add(run.task)
    if not families:
        wanted = [f"{name}={value}" for name, value in (("scale", scale), ("session", session)) if value]
        raise ValueError(f"no result has {' '.join(wanted) or 'a task'}.")
    chosen = max(sorted(families), key=lambda family: len(families[family]))
    remarks = [f"Read: scale={chosen[0]} session={chosen[1]}, which has the most tasks."] if len(families) > 1 else []
    mine = [run for run in runs if (run.scale, run.session) == chosen]
    by_task: dict[str, list[Cost]] = {}
    for cost in costs(mine, Tariff()):
        by_task.setdefault(cost.variation.task, []).append(cost)
    best = [max(found, key=lambda cost: cost.variation.converged) for found in by_task.values()]
    several = [task for task, found in by_task.items() if len(found) > 1]
    if several:
        where = "every task" if len(several) == len(by_task) else ", ".join(several)
        remarks.append(f"Several configurations of {where}: variation and cost are of that with the most runs.")
    extra = read_characteristics(characteristics, chosen[0]) if characteristics else {}
    return Selection(subjects(best, mine, extra), mine, remarks)
