"""Tabulates how fast the tasks trained: three throughputs, the steady step, the use of the arithmetic."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from aibench.analysis.grid import Grid, number, percent
from aibench.analysis.report.suite import Entry

HEADS = ("task", "unit", "whole", "training", "compute", "samples/s", "step, ms", "p10", "p90", "MFU %")
PARTS = ("whole", "training", "compute", "samples")
STEPS = ("median", "p10", "p90")


def throughput_table(found: Sequence[Entry]) -> Grid | None:
    """Return a row for each set of runs whose results have throughputs; None where none has."""
    records = [_record(entry) for entry in found if any(_recorded(entry))]
    if not records:
        return None
    return Grid(
        title="Throughput, a second, in the task's unit",
        heads=HEADS,
        rows=[_cells(record) for record in records],
        names=2,
        legend=(
            "Means over the runs. whole: all but set-up, evaluations and checkpoints included. training: the training "
            "time alone. compute: forward, backward and optimiser alone. step: median, 10th and 90th percentile over "
            "the steady steps. MFU: FLOPs of the training steps over what the machine's measured ceiling would have "
            "done in the time."
        ),
        records=records,
    )


def _recorded(entry: Entry) -> list[dict[str, Any]]:
    return [run.record.throughput for run in entry.runs if run.record and run.record.throughput]


def _record(entry: Entry) -> dict[str, Any]:
    found, of = _recorded(entry), entry.measured
    values = {part: one.value if (one := of.get(f"throughput.{part}")) else None for part in PARTS}
    steps = {name: _mean([(row.get("steps") or {}).get(name) for row in found]) for name in STEPS}
    use = of.get("model.use.mfu")
    unit = str(found[0].get("unit") or "")
    return {"task": entry.label, "unit": unit, **values, **steps, "mfu": use.value if use else None}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _cells(record: dict[str, Any]) -> list[str]:
    speeds = [number(record[part]) for part in PARTS]
    steps = [number(None if record[name] is None else 1000 * record[name]) for name in STEPS]
    return [record["task"], record["unit"], *speeds, *steps, percent(record["mfu"])]


__all__ = ["throughput_table"]
