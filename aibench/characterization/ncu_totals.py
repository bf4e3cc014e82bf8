"""Sums launches up to the numbers of a workload: the paper's five metrics, its stall classes, the hottest kernels."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from aibench.characterization.ncu_csv import Launch, NcuError
from aibench.characterization.ncu_metrics import ACCESSES, DURATION, FIVE, SECTOR, STALLS, WEIGHTED, stall_metric

HOTTEST = 10
METHOD = (
    "Nsight Compute, kernel replay, caches and clocks left alone. Occupancy, IPC and DRAM: means weighted with the "
    "kernels' time; load and store efficiency: bytes asked for over bytes moved, both summed over the kernels."
)


def totals(launches: Sequence[Launch], busy: float | None = None) -> dict[str, Any]:
    """Return what `launches`, all of one training step, come to. Shares and efficiencies are ratios, 0 to 1.

    Args:
        launches: At least one.
        busy: Share of the step in which kernels ran, measured without ncu; None where it was not.

    Raises:
        NcuError: Not every launch has its duration.
    """
    seconds = [launch.values.get(DURATION) for launch in launches]
    if any(not duration for duration in seconds):
        raise NcuError(f"{DURATION}: not every kernel has it. Record with the metrics of `aibench counters --recipe`.")
    metrics = _metrics(launches)
    weighted = {name: metrics[name] for name in WEIGHTED}
    whole = {name: None if busy is None or value is None else value * busy for name, value in weighted.items()}
    return {
        "source": "ncu",
        "method": METHOD,
        "launches": len(launches),
        "kernel_seconds": _time(launches) / 1e9,
        "metrics": metrics,
        "reasons": {name: _reason(launches, name) for name, value in metrics.items() if value is None},
        "share_of_time": {name: _covered(launches, name) for name in FIVE},
        "medians": {name: _median(launches, name) for name in FIVE},
        "gpu_busy_fraction": busy,
        "whole_step": whole,
        "stalls": _stalls(launches),
        "kernels": _hottest(launches),
    }


def _time(launches: Sequence[Launch]) -> float:
    return sum(launch.values[DURATION] or 0.0 for launch in launches)


def _metrics(launches: Sequence[Launch]) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name in FIVE:
        if name in WEIGHTED:
            percent = _weighted(launches, WEIGHTED[name])
            found[name] = None if percent is None else percent / 100
        else:
            found[name] = _ratio(launches, *ACCESSES[name])
    return found


def _weighted(launches: Sequence[Launch], metric: str) -> float | None:
    known = [launch for launch in launches if launch.values.get(metric) is not None]
    return sum(_product(launch, metric) for launch in known) / _time(known) if known else None


def _product(launch: Launch, metric: str) -> float:
    return (launch.values[DURATION] or 0.0) * (launch.values[metric] or 0.0)


def _ratio(launches: Sequence[Launch], asked: str, moved: str) -> float | None:
    """Return the bytes that threads asked for, over the bytes of the sectors moved; None where none were moved."""
    known = [launch.values for launch in launches if launch.values.get(asked) is not None and launch.values.get(moved)]
    sectors = sum(values[moved] or 0.0 for values in known)
    return sum(values[asked] or 0.0 for values in known) / (SECTOR * sectors) if sectors else None


def _covered(launches: Sequence[Launch], name: str) -> float:
    """Return the share of the kernels' time that `name` speaks for."""
    known = [launch for launch in launches if _metrics([launch])[name] is not None]
    return _time(known) / _time(launches)


def _median(launches: Sequence[Launch], name: str) -> float | None:
    """Return the median over the launches that have a value, each counted once however short."""
    known = [value for launch in launches if (value := _metrics([launch])[name]) is not None]
    return median(known) if known else None


def _reason(launches: Sequence[Launch], name: str) -> str:
    asked = WEIGHTED[name] if name in WEIGHTED else ACCESSES[name][1]
    if all(asked not in launch.values for launch in launches):
        return f"{asked} was not recorded"
    return "no kernel has it" if name in WEIGHTED else "no kernel moved a sector through the load/store unit"


def _stalls(launches: Sequence[Launch]) -> dict[str, float | None] | None:
    """Return by class the share of the cycles that active warps waited; they sum to 1. None where none was recorded."""
    classes: dict[str, float | None] = {}
    for name, reasons in STALLS.items():
        known = [value for reason in reasons if (value := _weighted(launches, stall_metric(reason))) is not None]
        classes[name] = sum(known) if known else None
    waited = sum(value or 0.0 for value in classes.values())
    if waited == 0:
        return None
    return {name: None if value is None else value / waited for name, value in classes.items()}


def _hottest(launches: Sequence[Launch]) -> list[dict[str, Any]]:
    """Return the kernels that took most time, launches of one name together."""
    named: dict[str, list[Launch]] = {}
    for launch in launches:
        named.setdefault(launch.kernel, []).append(launch)
    hottest = sorted(named.items(), key=lambda item: -_time(item[1]))[:HOTTEST]
    return [
        {"kernel": kernel, "launches": len(group), "share": _time(group) / _time(launches), **_metrics(group)}
        for kernel, group in hottest
    ]
