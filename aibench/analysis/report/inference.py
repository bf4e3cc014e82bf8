"""What was measured of serving and of the kernels, where there is any: files beside the results, shown as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from aibench.analysis.grid import NONE, Grid, number
from aibench.analysis.report.suite import Entry, measured_text
from aibench.result import Measured

INFERENCE = "inference.json"
MOST_COLUMNS = 9


def serving(found: Sequence[Entry]) -> Grid | None:
    """The numbers of every `inference.json` beside a result; None where there is none."""
    rows = [
        (entry.label, numbers) for entry in found for path in _files(entry) for numbers in [_numbers(path)] if numbers
    ]
    if not rows:
        return None
    names = list(dict.fromkeys(name for _, numbers in rows for name in numbers))
    shown = names[:MOST_COLUMNS]
    notes = (
        [f"{len(names) - len(shown)} more numbers are in the files and in the CSV."] if len(names) > len(shown) else []
    )
    for label, numbers in rows:
        notes += [
            f"{label}: {name}: {one.reason}." for name, one in numbers.items() if one.value is None and one.reason
        ]
    return Grid(
        title="Inference of the trained models",
        heads=("task", *(name.replace("_", " ") for name in shown)),
        rows=[[label, *(measured_text(numbers.get(name)) for name in shown)] for label, numbers in rows],
        legend=f"From {INFERENCE} beside each run.",
        notes=notes,
        records=[{"task": label, **{name: one.value for name, one in numbers.items()}} for label, numbers in rows],
    )


def _files(entry: Entry) -> Iterator[Path]:
    for run in entry.runs:
        if run.path:
            yield from sorted(Path(run.path).parent.rglob(INFERENCE))


def _numbers(path: Path) -> dict[str, Measured]:
    """Every measured number of the file by its dotted name; nothing of a file that cannot be read."""
    try:
        node = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return dict(_measured(node)) if isinstance(node, dict) else {}


def _measured(node: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Measured]]:
    for name, value in node.items():
        if not isinstance(value, dict):
            continue
        if "value" in value and "unit" in value:
            found = value["value"]
            is_number = isinstance(found, int | float)
            yield (
                prefix + name,
                Measured(float(found) if is_number else None, value["unit"], reason=value.get("reason")),
            )
        else:
            yield from _measured(value, f"{prefix}{name}.")


def characterisation(values: dict[str, dict[str, float]]) -> Grid | None:
    """The measured characteristics by task; None without any."""
    names = list(dict.fromkeys(name for of in values.values() for name in of))
    if not names:
        return None
    return Grid(
        title="Characterisation",
        heads=("task", *(name.replace("_", " ") for name in names)),
        rows=[[task, *(number(of[name]) if name in of else NONE for name in names)] for task, of in values.items()],
        records=[{"task": task, **of} for task, of in values.items()],
    )
