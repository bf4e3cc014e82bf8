"""Makes flat names and numbers of what a session knows, the same for every tracker."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from aibench.config import RunConfig
from aibench.results.result import Evaluation, Result

SECTIONS = ("times", "throughput", "memory", "energy", "cost", "model")
UNCOUNTED = "model/uncounted/"
IN_SWEEP = re.compile(r"\d+_.+_seed\d+")  # as conf/config.yaml names the folder of a run in a sweep
POSITION = ("epochs", "steps", "samples", "seconds", "training_seconds")


def row(evaluation: Evaluation) -> dict[str, float | None]:
    """Return an evaluation as one flat row: its position and its metrics."""
    return {**{name: getattr(evaluation, name) for name in POSITION}, **evaluation.metrics}


def by_task(evaluation: Evaluation, config: RunConfig) -> dict[str, float | None]:
    """Return the quality and the target under the task's own name: several tasks share a metric, and no target."""
    target = config.target
    return {
        f"quality/{config.task}": evaluation.metrics.get(target.metric),
        f"target/{config.task}": target.entire if config.quality is None else config.quality,
    }


def numbers(result: Result) -> dict[str, float]:
    """Return the result's numbers by section, as `times/setup` and `throughput/training`, without missing values.

    The calls of operators that no operation was counted for are left out: a dozen columns that say nothing of a run.
    """
    found: dict[str, float] = {}
    for section in SECTIONS:
        part = getattr(result, section, None)
        if is_dataclass(part) and not isinstance(part, type):
            found |= dict(_numbers(section, asdict(part)))
    return {name: value for name, value in found.items() if not name.startswith(UNCOUNTED)}


def _numbers(name: str, node: Any) -> Iterator[tuple[str, float]]:
    if isinstance(node, dict) and "value" in node:
        node = node["value"]
    if isinstance(node, dict):
        for part, value in node.items():
            yield from _numbers(f"{name}/{part}", value)
    elif isinstance(node, int | float):
        yield name, node


def sweep_of(folder: Path) -> str | None:
    """Return the name of the sweep that the run in `folder` belongs to: its folder; None for a run alone."""
    return folder.absolute().parent.name if IN_SWEEP.fullmatch(folder.name) else None


OUTCOME = (*("quality", "best_quality", "target", "epochs_to_quality", "seconds_to_quality", "samples_per_second"),)


def outcome(result: Result) -> dict[str, float]:
    """Return the numbers that runs are compared by, without those that are missing."""
    reached = result.to_quality
    values = (
        *(result.quality, result.best_quality, result.target.quality, reached.epochs, reached.seconds),
        result.throughput.training.value if result.throughput else None,
    )
    return {name: value for name, value in zip(OUTCOME, values, strict=True) if value is not None}
