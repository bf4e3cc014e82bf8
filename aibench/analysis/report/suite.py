"""Makes the suite's table: a row for each set of runs that differ in nothing but the seed."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aibench.analysis.cost.cost import Cost, Tariff, costs
from aibench.analysis.cost.table import duration
from aibench.analysis.grid import NONE, Grid, number
from aibench.analysis.runs.pooling import Pool, pools
from aibench.analysis.runs.runs import Run
from aibench.analysis.variation.rows import VariationRow
from aibench.analysis.variation.table import labels
from aibench.choices import Session
from aibench.results.result import Measured

PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
BYTES_A_GIB = 2**30


@dataclass(frozen=True, slots=True)
class Entry:
    """Holds one set of runs.

    Attributes:
        label: The task, with what tells it from other sets of the task.
        anchor: Its place on the page.
        pool: The runs.
        cost: The cost of the runs, with their variation.
        measured: By dotted name, the mean over the runs that have a value, or why none has.
    """

    label: str
    anchor: str
    pool: Pool
    cost: Cost
    measured: dict[str, Measured]

    @property
    def variation(self) -> VariationRow:
        return self.cost.variation

    @property
    def aimed(self) -> bool:
        """Return whether the runs aim at a quality: those of `session=steps` do not."""
        return self.variation.session != Session.steps

    @property
    def runs(self) -> list[Run]:
        return self.pool.runs


def entries(runs: Sequence[Run], tariff: Tariff) -> list[Entry]:
    """Return the sets of runs, in order of task, scale and session."""
    grouped = pools(runs)
    found = costs(runs, tariff)
    named = labels([cost.variation for cost in found])
    return [
        Entry(name, f"runs-{number}", pool, cost, means(pool.runs))
        for number, (name, pool, cost) in enumerate(zip(named, grouped, found, strict=True))
    ]


def means(runs: Sequence[Run]) -> dict[str, Measured]:
    """Return the mean of each measured number over the runs that have it, or the reasons why none has."""
    names = dict.fromkeys(name for run in runs for name in run.measured)
    return {name: _mean([run.measured[name] for run in runs if name in run.measured]) for name in names}


def _mean(found: Sequence[Measured]) -> Measured:
    known = [one.value for one in found if one.value is not None]
    methods = "; ".join(dict.fromkeys(one.method for one in found if one.method))
    if known:
        return Measured(statistics.fmean(known), found[0].unit, methods or None)
    reasons = "; ".join(dict.fromkeys(one.reason for one in found if one.reason))
    return Measured(None, found[0].unit, methods or None, reasons or "no reason given")


def trust(runs: Sequence[Run]) -> str:
    """Return how often each level was given: `ok`, `ok 3, warn 1`."""
    levels = Counter((run.trust.level if run.trust else None) or "not judged" for run in runs)
    if len(levels) == 1:
        return next(iter(levels))
    return ", ".join(f"{level} {count}" for level, count in sorted(levels.items()))


def divisions(runs: Sequence[Run]) -> str:
    """Return the divisions of the runs."""
    return ", ".join(sorted({run.division.name for run in runs if run.division})) or NONE


def scaled(value: float | None, unit: str = "") -> str:
    """Return `value` as text with a decimal prefix: `4.09 G`."""
    if value is None:
        return NONE
    for size, prefix in PREFIXES:
        if abs(value) >= size:
            return f"{value / size:.3g} {prefix}{unit}"
    return f"{number(value)} {unit}".rstrip()


def measured_text(one: Measured | None) -> str:
    """Return a measured number with its unit; `-` without one."""
    if one is None or one.value is None:
        return NONE
    if one.unit == "B":
        return f"{number(one.value / BYTES_A_GIB)} GiB"
    if one.unit in ("J", "FLOP", "FLOP/sample"):
        return scaled(one.value, one.unit)
    return f"{number(one.value)} {'' if one.unit == '1' else one.unit}".rstrip()


def suite(found: Sequence[Entry]) -> Grid:
    """Return the main table."""
    return Grid(
        title="The suite",
        heads=(
            *("task", "scale", "session", "reached", "target", "epochs", "to quality", "samples/s"),
            *("energy", "memory", "parameters", "FLOPs", "trust", "division"),
        ),
        rows=[_cells(entry) for entry in found],
        names=3,
        legend=(
            "reached: runs that reached the target, of all. epochs, to quality: means over those runs. samples/s: in "
            "training, a sample being the task's own. energy: of a whole session, mean. memory: peak, of the GPU where "
            "one was used, else of the process. FLOPs: of one sample's forward "
            "pass. A dash is a number that was not measured; the task's section says why."
        ),
        records=[record(entry) for entry in found],
        dispensable=("parameters", "FLOPs", "memory", "session", "scale", "energy", "target", "division"),
    )


def _cells(entry: Entry) -> list[str]:
    row, of = entry.variation, entry.measured
    speed = of.get("throughput.training")
    flops = of.get("model.flops")
    return [
        entry.label,
        row.scale,
        row.session,
        f"{row.converged}/{row.runs}" if entry.aimed else NONE,
        target(entry) if entry.aimed else NONE,
        number(row.epochs.mean),
        duration(row.seconds.mean),
        number(speed.value if speed else None),
        measured_text(energy_of(entry)),
        measured_text(_memory(of)),
        scaled(parameters(entry)),
        scaled(flops.value if flops else None),
        trust(entry.runs),
        divisions(entry.runs),
    ]


def _memory(of: dict[str, Measured]) -> Measured | None:
    device = of.get("memory.device")
    return device if device is not None and device.value is not None else of.get("memory.process")


def target(entry: Entry) -> str:
    """Return the quality to reach, as text."""
    row = entry.variation
    if row.quality is None:
        return NONE
    return f"{row.metric.removeprefix('val/')} {'≥' if entry.runs[0].target.mode == 'max' else '≤'} {row.quality:g}"


def parameters(entry: Entry) -> int | None:
    """Return the number of the model's parameters, where a run tells it."""
    return next((run.parameters for run in entry.runs if run.parameters), None)


def energy_of(entry: Entry) -> Measured | None:
    """Return the energy of a whole session: schema version 1 names it `energy`, later versions `energy.total`."""
    return entry.measured.get("energy.total") or entry.measured.get("energy")


def record(entry: Entry) -> dict[str, Any]:
    """Return everything known of the entry as one flat row, with the reason for each number that was not measured."""
    row = entry.variation
    flat: dict[str, Any] = {
        "task": row.task,
        "scale": row.scale,
        "session": row.session,
        "differs": " ".join(f"{key}={value}" for key, value in row.differs.items()),
        "runs": row.runs,
        "converged": row.converged,
        "metric": row.metric,
        "quality": row.quality,
        "epochs_to_quality": row.epochs.mean,
        "cv": row.epochs.cv,
        "seconds_to_quality": row.seconds.mean,
        "seconds_an_epoch": entry.cost.epoch,
        "runs_needed": entry.cost.runs,
        "price": entry.cost.price,
        "parameters": parameters(entry),
        "trust": trust(entry.runs),
        "division": divisions(entry.runs),
        "suite_version": entry.runs[0].suite_version,
    }
    for name, one in entry.measured.items():
        flat[name] = one.value
        flat[f"{name} unit"] = one.unit
        flat[f"{name} reason"] = one.reason if one.value is None else None
    return flat
