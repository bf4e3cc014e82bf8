"""DAWNBench's entries: a table of `epoch`, `hours`, accuracies (.tsv) and a description (.json), of one name."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

from aibench.analysis.published.foreign import Foreign, ForeignError
from aibench.results.result import Status

# Column that decides; benchmark; quality of DAWNBench's rules for time to accuracy, a ratio.
RULES = (
    ("top5Accuracy", "imagenet", 0.93),
    ("top1Accuracy", "cifar10", 0.94),
    ("f1Score", "squad", 0.75),
)


def read(path: Path, target: float | None = None) -> Foreign:
    """The run in the table `path`, or in that beside the description `path`.

    Time to quality is DAWNBench's: the hours of the first epoch that reaches the quality, which is `target` (a ratio)
    or that of the rules for the benchmark, as the table's columns tell it. Accuracies above 1 are percents.

    Raises:
        ForeignError: A file cannot be read, or lacks what the format has.
    """
    table, description = path.with_suffix(".tsv"), path.with_suffix(".json")
    facts = _description(description)
    rows = _rows(table)
    column, benchmark, quality = _rule(table, rows[0])
    quality = target if target is not None else quality
    history: list[tuple[float, float, float]] = []
    for number, row in enumerate(rows, start=2):
        try:
            epoch, hours, value = (float(str(row[name])) for name in ("epoch", "hours", column))
        except (KeyError, ValueError) as error:
            raise ForeignError(f"{table}, line {number}: epoch, hours and {column} must be numbers.") from error
        history.append((epoch, 3600 * hours, value))
    scale = 100 if max(value for _, _, value in history) > 1.5 else 1
    history = [(epoch, seconds, value / scale) for epoch, seconds, value in history if math.isfinite(value)]
    reached = next((place for place, (_, _, value) in enumerate(history) if value >= quality), None)
    return Foreign(
        suite=f"DAWNBench {facts.get('version', '')}".strip(),
        benchmark=benchmark,
        organisation=str(facts.get("author", "unknown")),
        platform=str(facts.get("hardware", "unknown")),
        seed=0,
        status=Status.not_converged if reached is None else Status.converged,
        started=str(facts.get("timestamp", "")),
        seconds=None if reached is None else history[reached][1],
        metric=f"val/{column}",
        quality=quality,
        mode="max",
        history=history if reached is None else history[: reached + 1],
        settings={name: facts[name] for name in ("framework", "model") if name in facts},
        division=None,
        path=table,
    )


def _description(path: Path) -> dict[str, Any]:
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ForeignError(f"{path}: {error.strerror}. An entry is a .tsv and a .json of one name.") from error
    except ValueError as error:
        raise ForeignError(f"{path}: not JSON: {error}.") from error
    if not isinstance(facts, dict):
        raise ForeignError(f"{path}: not a description, but {type(facts).__name__}.")
    return facts


def _rows(path: Path) -> list[dict[str, str | None]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows: list[dict[str, str | None]] = list(csv.DictReader(file, delimiter="\t"))
    except (OSError, UnicodeDecodeError) as error:
        raise ForeignError(f"{path}: {getattr(error, 'strerror', None) or error}.") from error
    if not rows:
        raise ForeignError(f"{path}: no line after the header.")
    return rows


def _rule(path: Path, row: dict[str, str | None]) -> tuple[str, str, float]:
    found = next((rule for rule in RULES if rule[0] in row), None)
    if found is None or not {"epoch", "hours"} <= set(row):
        wanted = f"epoch, hours, and one of {', '.join(rule[0] for rule in RULES)}"
        raise ForeignError(f"{path}: looked for the columns {wanted}; found {', '.join(map(str, row))}.")
    return found
