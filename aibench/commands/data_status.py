"""Runs `aibench data status`: which data sets are on this machine, and how to get the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from aibench.commands.arguments import Csv, Markdown
from aibench.commands.console import publish, refuse

if TYPE_CHECKING:
    from aibench.analysis.grid import Grid
    from aibench.config import RunConfig
    from aibench.config.origin import Origin


HERE = {"complete": "yes", "incomplete": "in part", "missing": "no"}


def status(
    tasks: Annotated[list[str] | None, typer.Argument(help="task=NAME, and KEY=VALUE of it; else all tasks.")] = None,
    csv: Csv = None,
    markdown: Markdown = None,
) -> None:
    """Show which data of the references are on this machine, and how to get the others."""
    from aibench.composition import registry

    words = tasks or []
    named = [word.removeprefix("task=") for word in words if word.startswith("task=")]
    chosen = [name for one in named for name in one.split(",")] or registry.task_names()
    unknown = [name for name in chosen if name not in registry.task_names()]
    if unknown:
        refuse(f"task={unknown[0]}: no such task. One of {', '.join(registry.task_names())}.")
    others = [word for word in words if not word.startswith("task=")]
    found = {task: (origin, *_here(task, others)) for task in chosen if (origin := registry.origin(task)) is not None}
    if not found:
        refuse(f"task={chosen[0]}: has no published data.")
    publish([_table(found)], csv, markdown, lines=_how(found))


def _here(task: str, words: list[str]) -> tuple[str | None, str]:
    """Return the folder of the task's data, and what is wrong with it: `complete` where nothing is."""
    from aibench.commands.arguments import unchecked
    from aibench.composition.with_data import state

    config: RunConfig = unchecked([f"task={task}", "scale=reference", "session=epochs", *words])
    if config.data.root is None:
        return None, "missing"
    wrong = state(config)
    return config.data.root, "complete" if wrong is None else f"incomplete: {wrong}"


def _table(found: dict[str, tuple[Origin, str | None, str]]) -> Grid:
    from aibench.analysis.grid import NONE, Grid

    rows, records = [], []
    for task, (origin, root, state) in found.items():
        rows.append([task, origin.name, HERE[state.split(":")[0]], root or NONE, origin.size])
        records.append(
            {"task": task, "data": origin.name, "state": state, "root": root, "publisher": origin.publisher}
            | {"address": origin.address, "licence": origin.licence, "size": origin.size}
        )
    here = sum(state.startswith("complete") for _, _, state in found.values())
    return Grid(
        title=f"Published data of the references: {here} of {len(found)} are here",
        heads=["task", "data", "here", "folder", "size to fetch"],
        rows=rows,
        names=5,
        legend="here: whether the folder has the layout that the reader expects; `aibench data verify task=NAME` reads "
        "every sample, and tells whether these are the published files. folder: of data.root, data.roots in "
        "conf/local/machine.yaml, $AIBENCH_DATA/TASK, or an installed package.",
        records=records,
    )


def _how(found: dict[str, tuple[Origin, str | None, str]]) -> list[str]:
    """Return for each data set that is not here how to get it."""
    lines = []
    for task, (origin, root, state) in found.items():
        if state.startswith("incomplete"):
            lines.append(f"{task}: {state.removeprefix('incomplete: ')}")
        if state.startswith("complete"):
            continue
        ways = [f"`{origin.package}`"] if origin.package else []
        files = list(origin.files)
        if files:
            ways.append(
                f"fetch {', '.join(files)} from {origin.address} ({origin.publisher}; {origin.licence}); then "
                f"`aibench data prepare task={task} from=FILE,FILE... data.root={root or 'FOLDER'}`"
            )
        ways += [origin.by_hand] if origin.by_hand else []
        lines.append(f"{task}: {'; or: '.join(ways)}.")
    return lines
