"""Writes the scaling of tasks over devices as tables, and draws it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aibench.analysis.drawn import blank, short
from aibench.analysis.grid import Grid, number, percent
from aibench.analysis.scaling.scaling import Line, Point, seconds_of_an_epoch
from aibench.analysis.spread import Spread

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SPEED = (
    "speed-up: samples/s over those of one device, with its 95 % interval where both have several runs. efficiency: "
    "speed-up over devices. serial: the part of the work that gets no quicker (Karp and Flatt). waits: part of a step "
    "in which a device waits for the others' gradients. imbalance: 1 - mean over the ranks of the own time of a step / "
    "the slowest rank's. MFU: of the measured ceiling of all devices."
)
QUALITY = (
    "time to quality = epochs to quality x seconds of an epoch. statistical: epochs of one device over those of so "
    "many. hardware: samples/s over those of one device, over the devices. In strong scaling every number of devices "
    "trains alike, so the epochs differ by chance alone; in weak scaling the batch grows."
)


def speed(lines: Sequence[Line]) -> Grid:
    """Return how fast each number of devices trains."""
    rows, records = [], []
    for line in lines:
        for point in line.points:
            step = point.step.mean
            waits = point.communication / step if point.communication is not None and step else None
            rows.append(
                [
                    *(line.task, line.scale, line.scaling, str(point.devices), str(len(point.rate.values))),
                    *(number(point.rate.mean), number(step), _with_width(line, point)),
                    *(percent(line.efficiency(point)), percent(line.serial_share(point)), percent(waits)),
                    *(percent(point.imbalance), number(point.joules), percent(point.mfu)),
                ]
            )
            records.append(_record(line, point) | {"waits": waits})
    heads = ["task", "scale", "scaling", "devices", "runs", "samples/s", "step s", "speed-up", "efficiency %"]
    heads += ["serial %", "waits %", "imbalance %", "J/sample", "MFU %"]
    return Grid("Speed over the number of devices", heads, rows, 3, SPEED, _without_base(lines), records)


def quality(lines: Sequence[Line]) -> Grid | None:
    """Return the time to quality over the number of devices, and its two factors; None where no run reached one."""
    rows = []
    for line in lines:
        for point in line.points:
            if not point.epochs.values and not point.missed:
                continue
            rows.append(
                [
                    *(line.task, line.scale, line.scaling, str(point.devices)),
                    *(f"{len(point.epochs.values)}/{len(point.epochs.values) + point.missed}", _spread(point.epochs)),
                    *(percent(point.epochs.cv), number(seconds_of_an_epoch(point)), _spread(point.seconds)),
                    *(percent(line.statistical_efficiency(point)), percent(line.efficiency(point))),
                    number(line.quality_speed_up(point)),
                ]
            )
    heads = ["task", "scale", "scaling", "devices", "reached", "epochs", "CV %", "s/epoch", "time to quality s"]
    heads += ["statistical %", "hardware %", "speed-up to quality"]
    title = "Time to quality over the number of devices"
    return Grid(title, heads, rows, 3, QUALITY, _unlike(lines)) if rows else None


def _spread(spread: Spread) -> str:
    width = "" if spread.mean_half_width is None else f" ± {number(spread.mean_half_width)}"
    return f"{number(spread.mean)}{width}"


def _with_width(line: Line, point: Point) -> str:
    width = line.speed_up_half_width(point)
    return number(line.speed_up(point)) + ("" if width is None else f" ± {number(width)}")


def _record(line: Line, point: Point) -> dict[str, object]:
    return {
        "task": line.task,
        "scale": line.scale,
        "scaling": line.scaling,
        "devices": point.devices,
        "runs": len(point.rate.values),
        "samples_per_second": point.rate.mean,
        "step_seconds": point.step.mean,
        "speed_up": line.speed_up(point),
        "speed_up_half_width": line.speed_up_half_width(point),
        "efficiency": line.efficiency(point),
        "serial_share": line.serial_share(point),
        "communication_seconds": point.communication,
        "imbalance": point.imbalance,
        "joules_per_sample": point.joules,
        "mfu": point.mfu,
        "epochs_to_quality": point.epochs.mean,
        "epochs_cv": point.epochs.cv,
        "seconds_to_quality": point.seconds.mean,
        "seconds_per_epoch": seconds_of_an_epoch(point),
        "statistical_efficiency": line.statistical_efficiency(point),
        "quality_speed_up": line.quality_speed_up(point),
    }


def _without_base(lines: Sequence[Line]) -> list[str]:
    missing = "no run on one device with this batch, so nothing to compare"
    return [f"{line.task}: {missing}." for line in lines if not line.base]


def _unlike(lines: Sequence[Line]) -> list[str]:
    """Return a line for each number of devices whose epochs in strong scaling are not those of one device."""
    found = []
    for line in lines:
        base = line.base
        for point in line.points[1:] if base and line.scaling == "strong" else []:
            assert base is not None
            widths = [spread.mean_half_width for spread in (base.epochs, point.epochs)]
            means = base.epochs.mean, point.epochs.mean
            if None in widths or None in means:
                continue
            if abs((means[0] or 0) - (means[1] or 0)) > sum(width or 0 for width in widths):
                found.append(
                    f"{line.task} on {point.devices} devices: the intervals of the epochs to quality do not meet those "
                    "of one device. In strong scaling they should; the task's card says what differs."
                )
    return found


def draw(figure: Figure, lines: Sequence[Line]) -> None:
    """Draw into `figure` the speed-up over the number of devices, of each task and scaling, beside the ideal."""
    axes = figure.add_subplot()
    most = max((point.devices for line in lines for point in line.points), default=1)
    axes.plot([1, most], [1, most], color="0.7", linewidth=1, label="ideal")
    for line in lines:
        points = [(point.devices, found) for point in line.points if (found := line.speed_up(point)) is not None]
        if len(points) > 1:
            style = "-" if line.scaling == "strong" else "--"
            axes.plot(*zip(*points, strict=True), style, marker="o", label=f"{short(line.task)}, {line.scaling}")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    counts = sorted({point.devices for line in lines for point in line.points})
    axes.set_xticks(counts, list(map(str, counts)))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("devices")
    axes.set_ylabel("samples/s over those of one device")
    axes.legend(frameon=False, fontsize="small")


def plot(lines: Sequence[Line], path: Path) -> None:
    """Draw the speed-up over the number of devices, as PNG."""
    figure = blank(7, 4.5)
    draw(figure, lines)
    figure.savefig(path, dpi=150)
