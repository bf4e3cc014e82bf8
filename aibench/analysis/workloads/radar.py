"""Draws radar figures, one small polar plot for each workload, as in the paper's Figure 3."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aibench.analysis.drawn import blank, short
from aibench.analysis.workloads.microarchitecture import Axis, hardware_axes, of_hardware, of_system, system_axes
from aibench.results.record import Record

if TYPE_CHECKING:
    from matplotlib.projections.polar import PolarAxes

NARROWEST = 8.0  # inches: what the title and the names of the axes take
COLUMNS = 6
LINE, FILL = "#0072b2", "#56b4e9"
OF_HARDWARE = "Micro-architectural metrics (the paper's Figure 3); the rim is 100 %"
OF_SYSTEM = (
    "No hardware counter on this machine: this is not the paper's Figure 3, but what the operating system counted.\n"
    "Rim: all threads busy, for the first axis; for the others the largest value among the workloads."
)


def plot(records: Sequence[Record], path: Path) -> str:
    """Draw what there is: the five metrics where one record has them, else the operating system's record.

    Args:
        records: Any; those without the section are left out.
        path: Where to write; the suffix decides the format.

    Returns:
        The title, which says what was drawn.

    Raises:
        ValueError: No record has either.
    """
    hardware, system = of_hardware(records), of_system(records)
    shown, axes, title = (
        (hardware, hardware_axes(hardware), OF_HARDWARE) if hardware else (system, system_axes(system), OF_SYSTEM)
    )
    if not shown:
        raise ValueError("no record has counters. Run `aibench counters task=all --output FOLDER`.")
    lines = math.ceil(len(shown) / COLUMNS)
    width = max(NARROWEST, 2.6 * min(COLUMNS, len(shown)) + 0.4)
    figure = blank(width, 2.9 * lines + 0.9)
    for place, record in enumerate(shown):
        polar: Any = figure.add_subplot(lines, min(COLUMNS, len(shown)), place + 1, projection="polar")
        _radar(polar, record.named, axes)
    figure.suptitle(title, fontsize="medium")
    figure.supxlabel("   ".join(f"{place}: {axis.head}" for place, axis in enumerate(axes, 1)), fontsize="small")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    return title


def _radar(polar: PolarAxes, name: str, axes: Sequence[Axis]) -> None:
    angles = [2 * math.pi * place / len(axes) for place in range(len(axes))]
    values = [axis.values.get(name) for axis in axes]
    lengths = [math.nan if value is None else value / axis.full for value, axis in zip(values, axes, strict=True)]
    polar.set_theta_offset(math.pi / 2)
    polar.set_theta_direction(-1)
    polar.set_ylim(0, 1)
    polar.set_yticks([0.25, 0.5, 0.75, 1.0], [])
    polar.set_xticks(
        angles, [f"{place}" if value is not None else f"({place})" for place, value in enumerate(values, 1)]
    )
    polar.tick_params(axis="x", labelsize=7, pad=-2)
    polar.grid(color="0.85", linewidth=0.6)
    polar.plot([*angles, angles[0]], [*lengths, lengths[0]], color=LINE, linewidth=1.4, marker="o", markersize=2.5)
    if not any(map(math.isnan, lengths)):
        polar.fill(angles, lengths, color=FILL, alpha=0.4)
    polar.set_title(short(name.replace("_", " ")), fontsize=8, pad=10)
