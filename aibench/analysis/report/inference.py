"""What was measured of serving the trained models, and of the kernels, where there is any."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from aibench.analysis.grid import NONE, Grid, number
from aibench.analysis.report.suite import Entry

INFERENCE = "inference.json"
HEADS = ("task", "precision", "scenario", "batch", "a second", "mean ms", "p50 ms", "p99 ms", "quality", "trained")


def serving(found: Sequence[Entry]) -> Grid | None:
    """A row for each scenario of every `inference.json` at or below a run's folder; None where there is none."""
    sessions = [(entry.label, session) for entry in found for session in _sessions(entry)]
    records = [_record(label, session, one) for label, session in sessions for one in session.get("scenarios") or [{}]]
    if not records:
        return None
    return Grid(
        title="Inference of the trained models",
        heads=HEADS,
        rows=[_cells(record) for record in records],
        names=3,
        legend=(
            f"From {INFERENCE} beside the runs. a second: requests, of `offline` samples. p99: of the requests made; "
            "with * there were too few for a bound of the true one with 99 % confidence. quality: measured again as it "
            "was served; trained: at the end of the training."
        ),
        notes=[
            f"{record['task']}, {record['scenario']}: the queue grew past its bound."
            for record in records
            if record["saturated"]
        ],
        records=records,
    )


def _sessions(entry: Entry) -> Iterator[dict[str, Any]]:
    """What the files hold; nothing of one that cannot be read."""
    for run in entry.runs:
        for path in sorted(Path(run.path).parent.rglob(INFERENCE)) if run.path else ():
            try:
                session = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError):
                continue
            if isinstance(session, dict):
                yield session


def _record(label: str, session: dict[str, Any], scenario: dict[str, Any]) -> dict[str, Any]:
    quality = session.get("quality") or {}
    ranks = {one.get("percent"): one for one in scenario.get("latencies") or []}
    return {
        "task": label,
        "precision": session.get("precision"),
        "scenario": scenario.get("name"),
        "batch": scenario.get("batch"),
        "throughput": _value(scenario.get("throughput")),
        "mean_seconds": _value(scenario.get("mean")),
        **{f"p{percent:g}_seconds": (ranks.get(percent) or {}).get("seconds") for percent in (50.0, 90.0, 99.0, 99.9)},
        "p99_valid": (ranks.get(99.0) or {}).get("valid"),
        "saturated": bool(scenario.get("saturated")),
        "quality_served": _value(quality.get("served")),
        "quality_trained": quality.get("trained"),
    }


def _value(node: Any) -> float | None:
    value = node.get("value") if isinstance(node, dict) else None
    return float(value) if isinstance(value, int | float) else None


def _cells(record: dict[str, Any]) -> list[str]:
    mean, middle, high = (record[name] for name in ("mean_seconds", "p50_seconds", "p99_seconds"))
    times = [NONE if seconds is None else number(1000 * seconds) for seconds in (mean, middle, high)]
    times[2] += "" if record["p99_valid"] or high is None else " *"
    return [
        record["task"],
        str(record["precision"] or NONE),
        str(record["scenario"] or NONE),
        str(record["batch"] or NONE),
        number(record["throughput"]),
        *times,
        *(NONE if record[name] is None else f"{record[name]:.4g}" for name in ("quality_served", "quality_trained")),
    ]


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
