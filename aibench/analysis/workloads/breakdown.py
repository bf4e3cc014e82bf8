"""Computes where the time of training steps goes, by category of work: the paper's runtime breakdown (5.5.1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from aibench.analysis.grid import Grid, number, percent
from aibench.results.record import Record, RecordError

SHOWN = 0.05  # share of at least one workload, for a category to have a column and a colour of its own
REST, UNCLASSIFIED = "the rest", "unclassified"
LEGEND = (
    "Shares of the time in operators (on a CPU) or kernels (on a GPU), percent; rows sum to 100. the rest: categories "
    "with less than 5 % in every row. busy: that time / the step. autograd: the engine that runs backward operators, "
    "and framework: Python, Lightning and the loop, both outside of operators, of the step; on a GPU they overlap with "
    "its work, and idle is the share of the step in which it ran nothing. batch: samples of a step, and the suite's."
)


@dataclass(frozen=True, slots=True)
class Bar:
    """Holds a workload's shares of time, one bar of the figure.

    Attributes:
        record: The workload's record.
        shares: By category, its share of the busy time; they sum to 1, with `UNCLASSIFIED` where some time is.
    """

    record: Record
    shares: dict[str, float]

    @property
    def profile(self) -> dict[str, Any]:
        """Return the section `profile` of the record."""
        assert self.record.profile is not None
        return self.record.profile


def bars(records: Sequence[Record]) -> list[Bar]:
    """Return a bar for every record that has a profile.

    Raises:
        RecordError: No record has a profile, or a profile lacks what it must hold.
    """
    found = [Bar(record, _shares(record)) for record in records if record.profile is not None]
    if not found:
        raise RecordError("no record has a profile. Run `aibench characterize task=all --only profile` first.")
    return found


def _shares(record: Record) -> dict[str, float]:
    try:
        assert record.profile is not None
        busy = float(record.profile["busy"])
        seconds = {name: float(one["seconds"]) for name, one in record.profile["categories"].items()}
        unknown = float(record.profile["unclassified"]["seconds"])
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(
            f"{record.name}, scale {record.scale}: its profile lacks {error}. Run `aibench characterize` again."
        ) from error
    if unknown > 0:
        seconds[UNCLASSIFIED] = unknown
    if busy <= 0 or abs(sum(seconds.values()) / busy - 1) > 1e-3:
        raise RecordError(f"{record.name}, scale {record.scale}: its categories do not sum to its busy time.")
    return {name: value / busy for name, value in seconds.items()}


def columns(found: Sequence[Bar]) -> list[str]:
    """Return the categories that get a column, the largest over all workloads first, then `REST`."""
    names = list(dict.fromkeys(name for bar in found for name in bar.shares))
    large = [name for name in names if max(bar.shares.get(name, 0.0) for bar in found) >= SHOWN]
    large.sort(key=lambda name: -sum(bar.shares.get(name, 0.0) for bar in found))
    return [*large, REST] if len(large) < len(names) else large


def of_column(bar: Bar, name: str, shown: Sequence[str]) -> float:
    """Return the share of `bar` in the column `name`, where `shown` are all columns."""
    if name != REST:
        return bar.shares.get(name, 0.0)
    return sum(share for category, share in bar.shares.items() if category not in shown)


def table(found: Sequence[Bar]) -> Grid:
    """Return the breakdown as a table with a row for each workload."""
    shown = columns(found)
    rows = [
        [label(bar.record, found), *(percent(of_column(bar, name, shown)) for name in shown), *_beside(bar)]
        for bar in found
    ]
    return Grid(
        title=f"Runtime breakdown of a training step, percent of the busy time{where(found)}",
        heads=["workload", *shown, "busy", "autograd", "framework", "idle", "batch", "s/step", "profiler"],
        rows=rows,
        legend=LEGEND + " s/step: seconds of a step without the profiler; profiler: what it added, percent.",
        notes=list(_notes(found)),
        records=[_record(bar) for bar in found],
    )


def _beside(bar: Bar) -> list[str]:
    one = bar.profile
    batch = str(one["batch"]) if one["batch"] == one["suite_batch"] else f"{one['batch']} of {one['suite_batch']}"
    framework = one["framework"]
    return [
        percent(one["busy"] / one["wall"]),
        percent(framework["autograd"] / one["wall"]),
        percent(framework["python"] / one["wall"]),
        percent(one["gpu_idle"]),
        batch,
        number(one["plain_step_seconds"]),
        percent(one["profiler_cost"]),
    ]


def _notes(found: Sequence[Bar]) -> Iterator[str]:
    for bar in found:
        unknown = bar.profile["unclassified"]
        if unknown["share"] > 0:
            names = ", ".join(unknown["names"][:5])
            yield f"{label(bar.record, found)}: {percent(unknown['share'])} % unclassified: {names}."


def _record(bar: Bar) -> dict[str, Any]:
    one, record = bar.profile, bar.record
    head = {"workload": record.name, "suite": record.suite, "scale": record.scale, "device": record.device}
    head["setting"] = record.setting
    beside = {
        name: one[name]
        for name in ("batch", "suite_batch", "steps", "wall", "busy", "plain_step_seconds", "profiler_cost", "gpu_idle")
    }
    return head | bar.shares | beside | {f"framework_{name}": value for name, value in one["framework"].items()}


def label(record: Record, among: Sequence[Bar]) -> str:
    """Return the workload's name, with its setting, and its scale where `among` has workloads of several scales."""
    beside = [record.scale] if len({bar.record.scale for bar in among}) > 1 else []
    beside += [record.setting] if record.setting else []
    return f"{record.name} ({', '.join(beside)})" if beside else record.name


def where(found: Sequence[Bar]) -> str:
    """Return what all bars share, for a title: `, scale mini, cpu, 1 thread`."""
    first = found[0].record
    parts = []
    if len({bar.record.scale for bar in found}) == 1:
        parts.append(f"scale {first.scale}")
    if len({(bar.record.device, bar.record.threads) for bar in found}) == 1:
        processor = first.system.get("GPU type" if first.device == "cuda" else "CPU type", first.device)
        threads = f", {first.threads} thread{'s' if first.threads > 1 else ''}" if first.device == "cpu" else ""
        parts.append(processor + threads)
    return "".join(f", {part}" for part in parts)
