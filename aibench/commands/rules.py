"""Runs `aibench rules`: prints what the closed division lets change, and which runs a submission has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from aibench.commands.arguments import Csv, Markdown
from aibench.commands.console import publish

if TYPE_CHECKING:
    from aibench.analysis.grid import Grid


def rules(csv: Csv = None, markdown: Markdown = None) -> None:
    """Print what the closed division lets change, task by task, and how many runs and which seeds a submission has."""
    publish([everywhere(), by_task()], csv, markdown)


def everywhere() -> Grid:
    """Return the keys that every task lets change, by kind."""
    from aibench.analysis.grid import Grid

    shared = _shared()
    kinds = dict.fromkeys(shared.values())
    cells = [[kind, _keys(key for key, of in shared.items() if of == kind)] for kind in kinds]
    apart = "`output`, `resume`, `progress`, `data.root`, `data.cache`, `tracking.*`, `cost.*`, `checkpoint.*`"
    return Grid("What may change in every task", ("as", "keys"), [*cells, ["places and reports", apart]], names=2)


def by_task() -> Grid:
    """Return what each task lets change besides, which keys of `optim` it does not, and its runs in a submission."""
    from aibench.analysis.grid import NONE, Grid
    from aibench.analysis.submission.entry import prescribed
    from aibench.commands.suite_tables import tasks
    from aibench.composition import registry

    shared, cells, records = _shared(), [], []
    for task in tasks():
        free, runs = _free(task), registry.schema_class(task).runs
        more = {kind: _keys(key for key in free if free[key] == kind and key not in shared) for kind in free.values()}
        may = "; ".join(f"{kind}: {keys}" for kind, keys in more.items() if keys) or NONE
        stays = _keys(key for key in _optim(task) if key not in free)
        seeds = prescribed(runs)
        cells.append([task, may, stays, f"{seeds[0]} to {seeds[-1]}"])
        records.append({"task": task, "may_change": may, "stays": stays, "runs": runs, "first_seed": seeds[0]})
    return Grid(
        title="What may change besides, and what of the optimiser may not",
        heads=("task", "may change", "stays, of `optim`", "seeds"),
        rows=cells,
        names=4,
        legend="Every key that stands in neither table stays: all of `model`, `target` and `data` but these.",
        records=records,
    )


def _shared() -> dict[str, str]:
    """Return the keys that all tasks let change, with their kinds."""
    from aibench.composition import registry

    first, *others = map(_free, registry.task_names())
    return {key: kind for key, kind in first.items() if all(key in other for other in others)}


def _free(task: str) -> Mapping[str, str]:
    """Return the keys that `task` lets change: the same at both scales, since its schema is."""
    from aibench.commands.divisions import rules as rules_of

    return rules_of(task, "mini").free


def _optim(task: str) -> list[str]:
    from aibench.commands.divisions import rules as rules_of
    from aibench.results.division import flat

    return [key for key in flat(rules_of(task, "mini").config) if key.startswith("optim.")]


def _keys(keys: Iterable[str]) -> str:
    return ", ".join(f"`{key}`" for key in keys)
