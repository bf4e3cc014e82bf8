"""Shows what micro benchmarks measured: a table, what could not be run, each case under the machine's ceiling."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aibench.analysis.drawn import blank, logarithmic
from aibench.analysis.grid import NONE, Grid, number, percent
from aibench.analysis.workloads.breakdown_figure import color
from aibench.results.files import content, strict_json

SCHEMA_VERSION = 1
LEGEND = (
    "share: of the workload's busy time, percent. GFLOP: of a call, twice the multiply-adds of products and "
    "convolutions; none for an operator without any. GB/s: bytes of its inputs and outputs, each once, over its time; "
    "what stays in a cache can exceed the ceiling. ceiling: the least time that the machine's measured ceiling allows "
    "/ the time, percent, and which of its two sides, compute or memory, decides. us: median of a call."
)


class MicroError(ValueError):
    """Reports a file that is no result of `aibench micro`. The message is one line."""


def read_micro(path: Path) -> dict[str, Any]:
    """Return what `aibench micro` wrote to `path`. Raises `MicroError`."""
    try:
        found = strict_json(content(path))
    except (OSError, ValueError, RecursionError) as error:
        raise MicroError(f"{path}: {error}.") from error
    if not isinstance(found, dict) or found.get("schema_version") != SCHEMA_VERSION or "unsupported" not in found:
        raise MicroError(f"{path}: no result of `aibench micro` of version {SCHEMA_VERSION}.")
    return found


def table(found: dict[str, Any]) -> Grid:
    """Return a table with a row for each case that ran, workload by workload."""
    best = found["ceiling"]
    rows, before = [], None
    for one in found["cases"]:
        rows.append(
            [
                one["workload"] if one["workload"] != before else "",
                f"{one['operator'].removeprefix('aten::')}\n{inputs(one)}",
                one["category"],
                percent(one["share"]),
                number(1e6 * one["seconds"]),
                NONE if one["flops"] is None else number(one["flops"] / 1e9),
                NONE if one["flops"] is None else number(one["flops_per_second"] / 1e9),
                number(one["bytes_per_second"] / 1e9),
                percent(one["of_ceiling"]),
                one["bound"],
            ]
        )
        before = one["workload"]
    return Grid(
        title=f"Micro benchmarks on {best['device']}"
        + (f", {found['threads']} thread{'s' if found['threads'] > 1 else ''}" if found["device"] == "cpu" else "")
        + f"; ceiling {number(best['flops'] / 1e9)} GFLOP/s ({best['method']}), {number(best['bandwidth'] / 1e9)} GB/s",
        heads=["workload", "operator", "category", "share", "us", "GFLOP", "GFLOP/s", "GB/s", "ceiling", "bound"],
        rows=rows,
        names=3,
        legend=LEGEND,
        records=[{**one, "shapes": inputs(one)} for one in found["cases"]],
    )


def unsupported(found: dict[str, Any]) -> list[str]:
    """Return a line for each case that could not be run."""
    return [
        f"not run: {one['workload']} {one['operator']} {inputs(one)}"
        + (f" ({percent(one['share'])} % of its busy time)" if one["share"] is not None else "")
        + f": {one['reason']}."
        for one in found["unsupported"]
    ]


def inputs(one: dict[str, Any]) -> str:
    """Return the shapes of a case's first three tensors as text: `64x3x3x3 16x3x3x3`."""
    shapes = [shape for shape in one["shapes"] if shape and not isinstance(shape[0], list)]
    more = " ..." if len(shapes) > 3 else ""
    return " ".join("x".join(map(str, shape)) for shape in shapes[:3]) + more


def plot(found: dict[str, Any], path: Path) -> None:
    """Draw every case under the roofline: FLOP/s against operations per byte, for cases that have operations."""
    best = found["ceiling"]
    figure = blank(9, 6)
    axes = figure.add_subplot()
    counted = [one for one in found["cases"] if one["flops"]]
    xs = [one["flops"] / one["bytes"] for one in counted]
    low, high = min([*xs, 0.1]) / 2, max([*xs, 100.0]) * 2
    ridge = best["flops"] / best["bandwidth"]
    axes.plot(
        [low, ridge, high], [low * best["bandwidth"] / 1e9, best["flops"] / 1e9, best["flops"] / 1e9], color="0.4"
    )
    for category in _by_share(counted):
        of = [one for one in counted if one["category"] == category]
        axes.scatter(
            [one["flops"] / one["bytes"] for one in of],
            [one["flops_per_second"] / 1e9 for one in of],
            s=[20 + 400 * (one["share"] or 0.05) for one in of],
            color=color(category),
            alpha=0.7,
            label=category or "written by hand",
            edgecolor="white",
            linewidth=0.5,
        )
    logarithmic(axes, "x", "y")
    axes.set_xlabel("operations per byte of inputs and outputs")
    axes.set_ylabel("GFLOP/s")
    axes.set_title(f"Micro benchmarks under the measured ceiling of {best['device']}", loc="left", fontsize="medium")
    axes.spines[["top", "right"]].set_visible(False)
    legend = axes.legend(
        frameon=False, fontsize="small", title="area: share of the workload's busy time", title_fontsize="small"
    )
    for handle in filter(None, legend.legend_handles):
        handle.set(sizes=[40.0])  # or each has the size of its first point, which means nothing here
    figure.savefig(path, dpi=150)


def _by_share(cases: Sequence[dict[str, Any]]) -> list[str]:
    names = dict.fromkeys(one["category"] for one in cases)
    return sorted(names, key=lambda name: -sum(one["share"] or 0 for one in cases if one["category"] == name))
