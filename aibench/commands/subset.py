"""Runs `aibench subset`: chooses the few tasks that stand for the suite."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aibench.commands.arguments import Csv, Folders, Markdown, runs_below
from aibench.commands.console import publish, refuse, tell
from aibench.commands.records import usable

if TYPE_CHECKING:
    from aibench.analysis.grid import Grid
    from aibench.analysis.subset.selection import Selection
    from aibench.analysis.subset.subset import Choice, Weights


def subset(
    folders: Folders,
    k: Annotated[int, typer.Option("--k", min=1, max=1000, help="Number of tasks in the subset.")] = 3,
    characteristics: Annotated[
        Path | None, typer.Option(help="CSV with a column `task` and one for each further characteristic.")
    ] = None,
    records: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of records of `aibench characterize`: sizes and profiles, of any scale."),
    ] = None,
    scale: Annotated[str | None, typer.Option(help="Scale of the results; else that with the most tasks.")] = None,
    session: Annotated[str | None, typer.Option(help="Session of the results; else that with the most tasks.")] = None,
    diversity: Annotated[float, typer.Option(min=0, max=10**6, help="Weight of the distance to the nearest.")] = 1.0,
    repeatability: Annotated[float, typer.Option(min=0, max=10**6, help="Weight of the largest variation.")] = 1.0,
    cost: Annotated[float, typer.Option(min=0, max=10**6, help="Weight of the time of one run each.")] = 1.0,
    most_cv: Annotated[float, typer.Option(min=0, help="Choose no task that varies more: 0.1 is 10 %.")] = float("inf"),
    any_metric: Annotated[bool, typer.Option("--any-metric", help="Allow tasks without an accepted metric.")] = False,
    csv: Csv = None,
    markdown: Markdown = None,
) -> None:
    """Choose a subset (paper, 5.4): by diversity, repeatability, an accepted metric, and cost."""
    from aibench.analysis.subset.features import CharacteristicsError, space
    from aibench.analysis.subset.selection import select
    from aibench.analysis.subset.subset import Weights, choose
    from aibench.analysis.workloads.similarity import TooFewError, columns

    if diversity + repeatability + cost <= 0:
        refuse("--diversity, --repeatability, --cost: all are 0. Give at least one a weight.")
    weights = Weights(diversity, repeatability, cost, most_cv, any_metric)
    runs, faults = runs_below(folders)
    measured, more = usable(records, "characteristics", columns) if records else ([], [])
    try:
        found = select(runs, scale, session, characteristics)
        choice = choose(found.subjects, k, weights, space(found.subjects, measured))
    except TooFewError as error:
        refuse(f"--records={' '.join(map(str, records or []))}: {error}")
    except CharacteristicsError as error:
        refuse(str(error))
    except ValueError as error:
        refuse(f"{' '.join(map(str, folders))}: {error}")
    grids, lines = _told(found, choice, weights)
    publish(grids, csv, markdown, [*found.remarks, *lines])
    tell([*faults, *more])
    raise typer.Exit(1 if faults or more else 0)


def _told(found: Selection, choice: Choice, weights: Weights) -> tuple[list[Grid], list[str]]:
    """Return the tables of the choice and the sentences after them."""
    from aibench.analysis.paper import SUBSET
    from aibench.analysis.subset import table as tables
    from aibench.analysis.subset.fidelity import fidelity, systems_of
    from aibench.analysis.subset.uncertainty import uncertainty

    systems = systems_of(found.runs)
    fidelities = {"the choice": fidelity(systems, choice.candidates[0].tasks)}
    if choice.of(SUBSET) is not None:
        fidelities["the paper's three"] = fidelity(systems, SUBSET)
    sure = uncertainty(found.subjects, choice, weights, tables.shown(choice))
    grids = [tables.subjects(found.subjects, choice, sure), tables.candidates(choice, weights, sure)]
    grids += [tables.systems(one) for one in list(fidelities.values())[:1] if not isinstance(one, str)]
    return grids, list(tables.sentences(choice, sure, fidelities))
