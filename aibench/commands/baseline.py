"""Runs `aibench baseline`: what answers without training score, beside the targets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aibench.commands.arguments import Csv, Markdown, Words, composed
from aibench.commands.console import publish, refuse

if TYPE_CHECKING:
    from aibench.analysis.grid import Grid
    from aibench.config import RunConfig
    from aibench.contract import Baseline


def baseline(words: Words, csv: Csv = None, markdown: Markdown = None) -> None:
    """Compute the best cheap answers to a task here and now, and say which targets they pass: task=NAME."""
    from aibench.composition import registry
    from aibench.config import DataError

    config = composed(["session=epochs", *words])  # refuses before PyTorch is loaded
    try:
        found = list(registry.data_class(config.task)(config).baselines())
    except DataError as error:
        refuse(str(error))
    if not found:
        refuse(f"task={config.task}: no baselines for data.source={config.data.source} are known.")
    publish([_table(config, found)], csv, markdown)


def _table(config: RunConfig, baselines: Sequence[Baseline]) -> Grid:
    """Return the baselines, the best first, with the targets that each passes."""
    from aibench.analysis.grid import NONE, Grid

    target, higher = config.target, str(config.target.mode) == "max"
    ordered = sorted(baselines, key=lambda one: one.quality["val"], reverse=higher)
    rows, records = [], []
    for one in ordered:
        passed = [
            name
            for name, goal in (("quasi_entire", target.quasi_entire), ("entire", target.entire))
            if goal is not None and (one.quality["val"] >= goal if higher else one.quality["val"] <= goal)
        ]
        test = one.quality.get("test")
        rows.append(
            [one.name, f"{one.quality['val']:.4g}", NONE if test is None else f"{test:.4g}", ", ".join(passed) or NONE]
        )
        records.append(
            {
                "task": config.task,
                "scale": config.scale,
                "baseline": one.name,
                "metric": target.metric,
                "val": one.quality["val"],
                "test": test,
                "passes": " ".join(passed),
                "note": one.note,
            }
        )
    goals = [("entire", target.entire), ("quasi_entire", target.quasi_entire)]
    asked = ", ".join(f"{name} {'>=' if higher else '<='} {goal:g}" for name, goal in goals if goal is not None)
    return Grid(
        title=f"Baselines of {config.task}, scale={config.scale}: {target.metric} (target: {asked})",
        heads=["baseline", "val", "test", "passes"],
        rows=rows,
        legend="val: the part that the target is judged on. test: the part that a session reports at its end. passes: "
        "the targets that the baseline reaches on val without training the task's model.",
        notes=[f"{one.name}: {one.note}" for one in ordered if one.note],
        records=records,
    )
