"""Runs `aibench data status`: which data sets are on this machine, and how to get the others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from aibench.commands.arguments import Csv, Markdown
from aibench.commands.console import publish, refuse

if TYPE_CHECKING:
    from aibench.analysis.grid import Grid
    from aibench.config.origin import Origin


@dataclass(frozen=True, slots=True)
class Found:
    """Holds what this machine has of a task's published data.

    Attributes:
        origin: Where they can be had.
        root: Their folder; None where this machine names none.
        wrong: What keeps the folder from being read, in a line; None where it has the reader's layout.
    """

    origin: Origin
    root: str | None
    wrong: str | None

    @property
    def is_whole(self) -> bool:
        """Return whether the folder is there and has the layout."""
        return self.root is not None and self.wrong is None


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
    origins = {task: registry.origin(task) for task in chosen}
    found = {task: _found(task, origin, others) for task, origin in origins.items() if origin is not None}
    if not found:
        refuse(f"task={chosen[0]}: has no published data.")
    publish([_table(found)], csv, markdown, lines=_how(found))


def _found(task: str, origin: Origin, words: list[str]) -> Found:
    from aibench.commands.arguments import unchecked
    from aibench.composition.with_data import state

    config = unchecked([f"task={task}", "scale=reference", "session=epochs", *words])
    return Found(origin, config.data.root, None if config.data.root is None else state(config))


def _table(found: dict[str, Found]) -> Grid:
    from aibench.analysis.grid import NONE, Grid

    rows, records = [], []
    for task, one in found.items():
        origin = one.origin
        here, state = ("yes", "complete") if one.is_whole else ("in part", f"incomplete: {one.wrong}")
        if one.root is None:
            here, state = "no", "missing"
        rows.append([task, origin.name, here, one.root or NONE, origin.size])
        records.append(
            {"task": task, "data": origin.name, "state": state, "root": one.root, "publisher": origin.publisher}
            | {"address": origin.address, "licence": origin.licence, "size": origin.size}
            | {"obstacle": origin.obstacle or None}
        )
    whole = sum(one.is_whole for one in found.values())
    return Grid(
        title=f"Published data of the references: {whole} of {len(found)} are here",
        heads=["task", "data", "here", "folder", "size to fetch"],
        rows=rows,
        names=5,
        legend="here: whether the folder has the layout that the reader expects; `aibench data verify task=NAME` reads "
        "every sample, and tells whether these are the published files. folder: of data.root, data.roots in "
        "conf/local/machine.yaml, $AIBENCH_DATA/TASK, or an installed package.",
        records=records,
    )


def _how(found: dict[str, Found]) -> list[str]:
    """Return for each data set that is not here how to get it."""
    lines = []
    for task, one in found.items():
        if one.is_whole:
            continue
        if one.wrong is not None:
            lines.append(f"{task}: {one.wrong}")
        origin = one.origin
        ways = [f"`{origin.package}`"] if origin.package else []
        files = list(origin.files)
        if files:
            ways.append(
                f"fetch {', '.join(files)} from {origin.address} ({origin.publisher}; {origin.licence}); then "
                f"`aibench data prepare task={task} from=FILE,FILE... data.root={one.root or 'FOLDER'}`"
            )
        ways += [origin.by_hand] if origin.by_hand else []
        untrained = f" Not trained to the paper's quality here: {origin.obstacle}" if origin.obstacle else ""
        lines.append(f"{task}: {'; or: '.join(ways)}.{untrained}")
    return lines
