"""Tabulates what hardware, or the operating system, counted for each workload (paper, 5.5), read from records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aibench.analysis.grid import NONE, Grid, number, percent
from aibench.results.record import Record

FIVE = {  # of Figure 3; heads
    "achieved_occupancy": "achieved\noccupancy",
    "ipc_efficiency": "IPC\nefficiency",
    "gld_efficiency": "global load\nefficiency",
    "gst_efficiency": "global store\nefficiency",
    "dram_utilization": "DRAM\nutilisation",
}
SOURCES = {
    "ncu": "Nsight Compute, one training step",
    "nvml_gpm": "NVML's GPM counters, means over steps",
    "nvml_utilization": "NVML, share of time with a kernel",
    "perf_stat": "Linux perf stat, the processor's counters",
    "software": "the operating system's record; no hardware counter",
}


@dataclass(frozen=True, slots=True)
class Axis:
    """Describes one axis of a radar figure.

    Attributes:
        head: Its name.
        values: By workload; None where not measured.
        full: The value at the rim.
    """

    head: str
    values: dict[str, float | None]
    full: float


def with_counters(records: Sequence[Record]) -> list[tuple[Record, dict[str, Any]]]:
    """Return the records that have a section `counters`, each with that section."""
    return [(record, record.counters) for record in records if record.counters is not None]


def of_hardware(records: Sequence[Record]) -> list[Record]:
    """Return the records that have at least one of the paper's five metrics."""
    return [record for record, found in with_counters(records) if any(_value(found, name) is not None for name in FIVE)]


def of_system(records: Sequence[Record]) -> list[Record]:
    """Return the records that hold what the operating system counted."""
    return [record for record, found in with_counters(records) if found.get("software")]


def tables(records: Sequence[Record]) -> list[Grid]:
    """Return a table for each kind of count that `records` hold."""
    hardware, system = of_hardware(records), of_system(records)
    stalled = [record for record in hardware if (record.counters or {}).get("stalls")]
    grids = [_metrics(hardware)] if hardware else []
    grids += [_stalls(stalled)] if stalled else []
    return [*grids, *([_software(system)] if system else [])]


def reasons(records: Sequence[Record]) -> list[str]:
    """Return a line for each reason why metrics are missing, with the workloads that it holds for."""
    lines: dict[tuple[str, str], list[str]] = {}
    for record, found in with_counters(records):
        known = {**found.get("reasons", {}), **found.get("cpu_reasons", {}), **_software_of(record).get("reasons", {})}
        for reason in dict.fromkeys(known.values()):
            names = ", ".join(name for name, why in known.items() if why == reason)
            lines.setdefault((names, reason), []).append(record.named)
    everyone = len(with_counters(records))
    return [
        f"{names}: null for {'all' if len(of) == everyone else ', '.join(of)}: {why}"
        for (names, why), of in lines.items()
    ]


def hardware_axes(records: Sequence[Record]) -> list[Axis]:
    """Return the axes for the five metrics of the paper's Figure 3, each from 0 to 1."""
    return [
        Axis(head.replace("\n", " "), {record.named: _value(record.counters or {}, name) for record in records}, 1.0)
        for name, head in FIVE.items()
    ]


def system_axes(records: Sequence[Record]) -> list[Axis]:
    """Return five axes for what the operating system counts; rates end at the largest among `records`."""
    rows: dict[str, tuple[Sequence[float | None], float | None]] = {
        "cores busy, of the threads": ([_busy(record) for record in records], 1.0),
        "CPU time in the kernel": ([_software_of(record).get("system_share") for record in records], None),
        "page faults per CPU s": ([_rate(record, "minor_faults") for record in records], None),
        "context switches per CPU s": ([_switches(record) for record in records], None),
        "peak memory, above the libraries'": ([_grown(record) for record in records], None),
    }
    axes = []
    for head, (values, full) in rows.items():
        known = [value for value in values if value is not None]
        named = {record.named: value for record, value in zip(records, values, strict=True)}
        axes.append(Axis(head, named, full or max(known, default=0.0) or 1.0))
    return axes


def _software_of(record: Record) -> dict[str, Any]:
    return (record.counters or {}).get("software") or {}


def _value(found: dict[str, Any], name: str) -> float | None:
    return (found.get("metrics") or {}).get(name)


def _busy(record: Record) -> float | None:
    busy = _software_of(record).get("cores_busy")
    return None if busy is None else min(1.0, busy / (record.counters or {}).get("threads", record.threads))


def _rate(record: Record, name: str) -> float | None:
    """Return the count of `name` a second of CPU time, which depends less on other processes than wall time."""
    software = _software_of(record)
    return software[name] / software["task_clock"] if software.get("task_clock") else None


def _grown(record: Record) -> int | None:
    start, peak = (_software_of(record).get(name) for name in ("start_rss", "peak_rss"))
    return None if start is None or peak is None else max(0, peak - start)


def _switches(record: Record) -> float | None:
    rates = [_rate(record, f"{kind}_switches") for kind in ("voluntary", "involuntary")]
    return None if None in rates else sum(rate or 0.0 for rate in rates)


def _head(records: Sequence[Record], what: str) -> str:
    sources = dict.fromkeys((record.counters or {})["source"] for record in records)
    return f"{what} ({'; '.join(SOURCES.get(source, source) for source in sources)})"


def _metrics(records: Sequence[Record]) -> Grid:
    rows = [(record, record.counters or {}) for record in records]
    return Grid(
        title=_head(records, "Micro-architectural metrics, percent"),
        heads=["workload", "scale", *FIVE.values(), "kernels\nrunning"],
        rows=[
            [
                record.named,
                record.scale,
                *(percent(_value(found, name)) for name in FIVE),
                percent(found.get("gpu_busy_fraction")),
            ]
            for record, found in rows
        ],
        names=2,
        legend="kernels running: share of the step's time with a kernel; what stands left of it is of that time.",
        records=[
            {"workload": record.named, "scale": record.scale, "source": found["source"], **found["metrics"]}
            for record, found in rows
        ],
    )


def _stalls(records: Sequence[Record]) -> Grid:
    rows = [(record, (record.counters or {})["stalls"]) for record in records]
    names = list(dict.fromkeys(name for _, stalls in rows for name in stalls))
    return Grid(
        title="Why warps waited, percent of the waiting",
        heads=["workload", "scale", *(name.replace("_", "\n") for name in names)],
        rows=[[record.named, record.scale, *(percent(stalls.get(name)) for name in names)] for record, stalls in rows],
        names=2,
        records=[{"workload": record.named, "scale": record.scale, **stalls} for record, stalls in rows],
    )


def _software(records: Sequence[Record]) -> Grid:
    return Grid(
        title=_head(records, "What the operating system counted in steady training steps"),
        heads=[
            "workload",
            "scale",
            "batch",
            "steps",
            "CPU\nms/step",
            "cores\nbusy",
            "kernel\n%",
            "faults\n/step",
            "sleeps\n/CPU s",
            "pre-empted\n/CPU s",
            "peak\nMiB",
            "IPC",
        ],
        rows=[_software_row(record) for record in records],
        names=2,
        legend="CPU: of all threads. faults: pages mapped. sleeps, pre-empted: context switches that a thread asked "
        "for, and did not ask for. peak: resident memory above that of the libraries.",
        records=[_software_record(record) for record in records],
    )


def _software_row(record: Record) -> list[str]:
    found, software = record.counters or {}, _software_of(record)
    steps, grown = found["steps"], _grown(record)
    return [
        record.named,
        record.scale,
        str(found["batch_size"]),
        str(steps),
        number(1000 * software["task_clock"] / steps),
        number(software["cores_busy"]),
        percent(software["system_share"]),
        number(software["minor_faults"] / steps),
        number(_rate(record, "voluntary_switches")),
        number(_rate(record, "involuntary_switches")),
        NONE if grown is None else f"{grown / 2**20:,.0f}",
        number((found.get("cpu") or {}).get("ipc")),
    ]


def _software_record(record: Record) -> dict[str, Any]:
    found, software = record.counters or {}, _software_of(record)
    return {
        "workload": record.named,
        "scale": record.scale,
        "source": found["source"],
        "batch_size": found["batch_size"],
        "steps": found["steps"],
        "threads": record.threads,
        **{name: value for name, value in software.items() if name != "reasons"},
        **{name: value for name, value in (found.get("cpu") or {}).items() if name != "counts"},
    }
