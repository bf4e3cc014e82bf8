"""Prints the paper's Tables 1, 3 and 4 from the code, and the models with their sizes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from aibench.analysis.grid import Grid, number
from aibench.analysis.workloads.paper_sizes import quantity
from aibench.composition import registry
from aibench.results.record import Record

CODE = re.compile(r"DC-AI-C(\d+)")
# Table 1: "Real-world Data sets and Software Stack", of AIBench and MLPerf.
PAPER_DATA = (
    *(("text data sets", "3", "1"), ("image data sets", "8", "2"), ("3D data sets", "2", "0")),
    *(("audio data sets", "1", "0"), ("video data sets", "1", "0"), ("software stacks", "3", "2")),
)
# Table 4, the paper's servers.
PAPER_SYSTEM = {
    "CPU type": "Intel Xeon E5-2620 v3",
    "CPU cores": "12 cores @ 2.40 GHz",
    "L1 DCache": "12 x 32 KB",
    "L1 ICache": "12 x 32 KB",
    "L2 Cache": "12 x 256 KB",
    "L3 Cache": "15 MB",
    "memory": "64 GB, DDR3",
    "Ethernet": "1 Gb/s",
    "hyper-threading": "disabled",
    "GPU type": "Nvidia Titan XP (characterisation); Nvidia Titan RTX (training sessions)",
    "GPU memory": "12 GB GDDR5X; 24 GB GDDR6",
    "operating system": "Ubuntu 16.04, kernel 4.4 (5.1)",
    "CUDA": "10 (5.1)",
    "version of python": "3.7 (5.1)",
    "version of torch": '"PyTorch 1.10" (5.1; sic)',
}


def tasks() -> list[str]:
    """Return the suite's tasks in the paper's order."""
    return sorted(registry.task_names(), key=lambda task: int(_code(task)))


def _code(task: str) -> str:
    found = CODE.search(registry.summary(task))
    assert found, f"{task}: its docstring has no DC-AI-C number"
    return found[1]


def components(theirs: Sequence[tuple[str, str, str | None]]) -> Grid:
    """Return Table 1: what each suite trains and serves.

    Args:
        theirs: MLPerf's benchmarks: its word for the task, the model, and why it has no numbers.
    """
    rows = [[f"DC-AI-C{_code(task)}", task, "train, infer", "-"] for task in tasks()]
    rows += [["-", task, "-", f"{model}{f': {reason}' if reason else ''}"] for task, model, reason in theirs]
    rows += [["-", what, f"paper: {ours}", f"paper: {others}"] for what, ours, others in PAPER_DATA]
    return Grid(
        "Table 1: component benchmarks of AIBench and MLPerf",
        ["number", "task", "AIBench", "MLPerf training"],
        rows,
        names=4,
        legend="AIBench: the tasks of this code, each trained and served. MLPerf: its seven training benchmarks of the "
        "paper's comparison, as built here. The paper's table has five more suites; the last six rows are its counts.",
        records=[dict(zip(("number", "task", "aibench", "mlperf"), row, strict=True)) for row in rows],
    )


def models(records: Sequence[Record]) -> Grid:
    """Return each task's model and data with its size: no table of the paper's, whose Table 2 is in docs/paper.md."""
    known = {(record.name, record.scale): record for record in records if not _words(record)}
    rows = []
    for task in tasks():
        sizes = [
            number(value / 1e6) if record and (value := quantity(record, "parameters")) is not None else "-"
            for record in (known.get((task, scale)) for scale in ("reference", "mini"))
        ]
        rows.append([f"DC-AI-C{_code(task)}", task, re.sub(r"; DC-AI-C\d+", "", registry.summary(task)), *sizes])
    heads = ["number", "task", "model and data", "M parameters, reference", "mini"]
    return Grid(
        "Tasks, models and data sets",
        heads,
        rows,
        names=3,
        records=[dict(zip(heads, row, strict=True)) for row in rows],
    )


def _words(record: Record) -> list[str]:
    return list((record.characteristics or {}).get("words", []))


def targets() -> Grid:
    """Return Table 3: metrics and targets, the paper's of the reference and the miniature's calibrated ones."""
    from aibench.composition.compose import suite_config

    rows = []
    for task in tasks():
        reference, mini = (suite_config(task, scale).target for scale in ("reference", "mini"))
        better = {"max": "up", "min": "down"}[str(reference.mode)]
        rows.append(
            [f"DC-AI-C{_code(task)}", task, reference.metric.removeprefix("val/"), better]
            + [_quality(value) for one in (reference, mini) for value in (one.entire, one.quasi_entire)]
            + [str(reference.origin)]
        )
    heads = ["number", "task", "metric", "better", "entire", "convergent", "mini: entire", "convergent ", "origin"]
    return Grid(
        "Table 3: targets",
        heads,
        rows,
        names=4,
        legend="Entire: the reference's target, Table 3 where its origin is the paper. Convergent: the paper's 5.2.1. "
        "In the metric's own unit. The miniature's are calibrated here.",
        records=[dict(zip((head.strip() for head in heads[:7]), row, strict=False)) for row in rows],
    )


def _quality(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def system(rows: Mapping[str, str]) -> Grid:
    """Return Table 4: this machine beside the paper's servers."""
    names = list(dict.fromkeys([*rows, *PAPER_SYSTEM]))
    known = {name: row.replace("TODO", "not known") for name, row in rows.items()}  # older records asked a person
    cells = [[name, known.get(name, "-"), PAPER_SYSTEM.get(name, "-")] for name in names]
    heads = ["", "here", "paper (Table 4, 5.1)"]
    plain: list[dict[str, Any]] = [dict(zip(("what", "here", "paper"), row, strict=True)) for row in cells]
    return Grid("Table 4: hardware and software", heads, cells, names=3, records=plain)
