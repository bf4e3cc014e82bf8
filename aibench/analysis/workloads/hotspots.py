"""Ranks the functions that take most time, by category and by workload: the paper's hotspot functions (5.5.2)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aibench.analysis.grid import Grid, percent
from aibench.analysis.workloads.breakdown import Bar, label, where

TOP = 3  # functions of a category
LONGEST = 70  # characters of a name in a table
OVER_ALL = (
    "share of category: of the time that all workloads spend in the category, each workload's step counted as one. "
    "share: mean over the workloads of its share of their busy time. in: workloads in which it takes 1 % or more. "
    "hottest in: the workload with its largest share, and that share."
)
OF_EACH = (
    "Shares of the busy time, percent; calls of one step. A function is an operator on a CPU, with the time that it "
    "spends outside of the operators that it calls, and a kernel on a GPU, with the operator that launched it."
)


@dataclass(frozen=True, slots=True)
class Hotspot:
    """Holds one function's shares of time over all workloads.

    Attributes:
        name: The operator or kernel.
        category: What kind of work it does.
        shares: By workload, the function's share of its busy time.
        of_category: Its part of what all workloads spend in the category.
        share: Mean share over all workloads, those without it as 0.
    """

    name: str
    category: str
    shares: dict[str, float]
    of_category: float
    share: float


def hotspots(found: Sequence[Bar], top: int = TOP) -> list[Hotspot]:
    """Return the `top` functions of every category over all workloads, categories with most time first."""
    shares: dict[tuple[str, str], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for bar in found:
        for one in bar.profile["functions"]:
            category = one["category"] or "unclassified"
            shares[category, one["name"]][label(bar.record, found)] += one["share"]
    totals: dict[str, float] = defaultdict(float)
    for (category, _), by_workload in shares.items():
        totals[category] += sum(by_workload.values())
    chosen: list[Hotspot] = []
    for category in sorted((name for name in totals if totals[name] > 0), key=lambda name: -totals[name]):
        members = [(name, of) for (its, name), of in shares.items() if its == category]
        members.sort(key=lambda pair: (-sum(pair[1].values()), pair[0]))
        for name, of in members[:top]:
            total = sum(of.values())
            chosen.append(Hotspot(name, category, dict(of), total / totals[category], total / len(found)))
    return chosen


def over_all(found: Sequence[Bar], top: int = TOP) -> Grid:
    """Return a table like the paper's Table 7: functions by category, with their shares over all workloads."""
    chosen = hotspots(found, top)
    rows, before = [], None
    for one in chosen:
        hottest = max(one.shares, key=lambda name: one.shares[name])
        rows.append(
            [
                one.category if one.category != before else "",
                short(one.name),
                percent(one.of_category),
                percent(one.share),
                str(sum(share >= 0.01 for share in one.shares.values())),
                f"{hottest} {percent(one.shares[hottest])}",
            ]
        )
        before = one.category
    return Grid(
        dispensable=("share of category",),
        title=f"Hotspot functions of {len(found)} workloads{where(found)}",
        heads=["category", "function", "share of category", "share", "in", "hottest in"],
        rows=rows,
        names=2,
        legend=OVER_ALL,
        records=[
            {"category": one.category, "function": one.name, "share_of_category": one.of_category, "share": one.share}
            | {f"share in {name}": share for name, share in one.shares.items()}
            for one in chosen
        ],
    )


def of_each(found: Sequence[Bar], top: int = TOP) -> Grid:
    """Return a table of the `top` functions of every workload."""
    rows, records = [], []
    for bar in found:
        name = label(bar.record, found)
        for place, one in enumerate(_merged(bar)[:top]):
            calls = one["calls"] / bar.profile["steps"]
            rows.append(
                [name if place == 0 else "", short(one["name"]), one["category"], percent(one["share"]), f"{calls:g}"]
            )
            records.append({"workload": name, "calls_of_a_step": calls} | one)
    return Grid(
        title=f"Hotspot functions of each workload{where(found)}",
        heads=["workload", "function", "category", "share", "calls"],
        rows=rows,
        names=3,
        legend=OF_EACH,
        records=records,
    )


def _merged(bar: Bar) -> list[dict[str, Any]]:
    """Return a workload's functions by name and category, forward and backward passes added, the hottest first."""
    merged: dict[tuple[str, str], dict[str, Any]] = {}
    for one in bar.profile["functions"]:
        key = (one["name"], one["category"] or "unclassified")
        into = merged.setdefault(key, {"name": key[0], "category": key[1], "calls": 0, "seconds": 0.0, "share": 0.0})
        for what in ("calls", "seconds", "share"):
            into[what] += one[what]
    return sorted(merged.values(), key=lambda one: -one["seconds"])


def short(name: str) -> str:
    """Return a function's name without what only a linker needs, cut to fit a table."""
    bare = name.removeprefix("void ").replace("(anonymous namespace)::", "").replace("at::native::", "")
    bare = re.sub(r"\((?!\d)[^()]*\)$", "", bare)
    return bare if len(bare) <= LONGEST else f"{bare[: LONGEST - 3]}..."
