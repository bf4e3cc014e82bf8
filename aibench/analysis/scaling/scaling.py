"""Computes speed-up, efficiency and serial share over the number of devices, and time to quality split in two."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aibench.analysis.runs.runs import Run
from aibench.analysis.spread import Spread

MACHINE = ("system.gpu", "system.cpu")  # what a study of scaling stays on


class Key(NamedTuple):
    """Tells what may be compared: one task, trained with one batch on machines of one kind."""

    task: str
    scale: str
    batch: str
    machine: str


@dataclass(slots=True)
class Point:
    """Holds the runs of one task on one number of devices.

    Attributes:
        devices: How many.
        rate: Samples a second of all devices together.
        step: Seconds of a step.
        epochs: Epochs to quality, of the runs that reached it.
        seconds: Seconds to quality, of the same runs.
        joules: Joules a sample.
        mfu: Part of the devices' measured ceiling that the training used.
        communication: Seconds of a step that a device waited for the others.
        imbalance: 1 - mean of the ranks' own time of a step / that of the slowest.
        missed: How many runs ended without the quality that they had to reach.
    """

    devices: int
    rate: Spread
    step: Spread
    epochs: Spread
    seconds: Spread
    joules: float | None = None
    mfu: float | None = None
    communication: float | None = None
    imbalance: float | None = None
    missed: int = 0


@dataclass(slots=True)
class Line:
    """Holds a task's points, by the number of devices.

    Attributes:
        task, scale, scaling: What was trained, and whether the batch was of all devices or of each. The task is
            followed by the kind of machine where there are several.
        points: One for each number of devices, ascending; the first is of one device where there is one.
    """

    task: str
    scale: str
    scaling: str
    points: list[Point] = field(default_factory=list)

    @property
    def base(self) -> Point | None:
        """Return the point of one device; None without it, where nothing can be compared."""
        return self.points[0] if self.points and self.points[0].devices == 1 else None

    def speed_up(self, point: Point) -> float | None:
        """Return the samples a second over those of one device."""
        return _ratio(point.rate.mean, self.base.rate.mean if self.base else None)

    def speed_up_half_width(self, point: Point) -> float | None:
        """Return half the width of the 95 % interval of the speed-up; None where a side has one run."""
        found = self.speed_up(point)
        if found is None or self.base is None or point is self.base:
            return None
        parts = [_relative(spread) for spread in (point.rate, self.base.rate)]
        return None if None in parts else found * math.hypot(*(part or 0.0 for part in parts))

    def efficiency(self, point: Point) -> float | None:
        """Return the speed-up over the number of devices: of hardware, in strong and in weak scaling alike."""
        found = self.speed_up(point)
        return None if found is None else found / point.devices

    def serial_share(self, point: Point) -> float | None:
        """Return the part of the work that does not get quicker, as measured (Karp and Flatt, CACM 33, 1990).

        It is of strong scaling on more than one device: in weak scaling the work grows.
        """
        found, count = self.speed_up(point), point.devices
        if found is None or count == 1 or self.scaling != "strong":
            return None
        return (1 / found - 1 / count) / (1 - 1 / count)

    def statistical_efficiency(self, point: Point) -> float | None:
        """Return the epochs to quality of one device over those of so many."""
        return _ratio(self.base.epochs.mean if self.base else None, point.epochs.mean)

    def quality_speed_up(self, point: Point) -> float | None:
        """Return the time to quality of one device over that of so many."""
        return _ratio(self.base.seconds.mean if self.base else None, point.seconds.mean)


def seconds_of_an_epoch(point: Point) -> float | None:
    """Return the time to quality over the epochs to it: both factors of that time."""
    return _ratio(point.seconds.mean, point.epochs.mean)


def lines(runs: Iterable[Run]) -> list[Line]:
    """Return the lines of all tasks in `runs`, whose records were kept, each with a point for each number of devices.

    A run on one device is a point of strong and of weak scaling alike: it is the same run.
    """
    groups: dict[tuple[Key, str], dict[int, list[Run]]] = {}
    alone: dict[Key, list[Run]] = {}
    for run in runs:
        count = devices(run)
        if count == 1:
            alone.setdefault(_key(run), []).append(run)
        else:
            scaling = str(_section(run, "hardware").get("scaling", "strong"))
            groups.setdefault((_key(run), scaling), {}).setdefault(count, []).append(run)
    for key in alone.keys() - {key for key, _ in groups}:
        groups[key, "strong"] = {}
    several = len({key.machine for key, _ in groups}) > 1
    found = []
    for (key, scaling), by_count in sorted(groups.items()):
        whole = {**({1: alone[key]} if key in alone else {}), **by_count}
        task = f"{key.task} ({key.machine})" if several else key.task
        found.append(Line(task, key.scale, scaling, [_point(count, whole[count]) for count in sorted(whole)]))
    return found


def of_several_devices(found: Iterable[Line]) -> list[Line]:
    """Return the lines of `found` that have a point of more than one device."""
    return [line for line in found if any(point.devices > 1 for point in line.points)]


def devices(run: Run) -> int:
    """Return how many devices trained the run."""
    world = _world(run)
    return world["devices"] * world["nodes"] if {"devices", "nodes"} <= world.keys() else 1


def _world(run: Run) -> dict[str, Any]:
    return (run.record.world if run.record else None) or {}


def _section(run: Run, name: str) -> dict[str, Any]:
    section = run.record.config.get(name) if run.record else None
    return section if isinstance(section, dict) else {}


def _key(run: Run) -> Key:
    """Return what the run may be compared with.

    The configured batch is that of all devices in strong scaling, and that of each in weak: both are that of one.
    """
    machine = ", ".join(run.traits[name] for name in MACHINE if run.traits.get(name, "null") not in ("null", "None"))
    return Key(run.task, run.scale, str(_section(run, "data").get("batch_size")), machine)


def _point(count: int, runs: Sequence[Run]) -> Point:
    reached = [run for run in runs if run.to_quality.epochs]
    aimed = [run for run in runs if run.session in ("entire", "quasi_entire")]

    def of(name: str) -> list[float]:
        values = [one.value for run in runs if (one := run.measured.get(name)) is not None]
        return [value for value in values if value is not None]

    def of_world(name: str) -> list[float]:
        values = [(_world(run).get(name) or {}).get("value") for run in runs]
        return [value for value in values if value is not None]

    return Point(
        devices=count,
        rate=Spread.of(of("throughput.samples")),
        step=Spread.of([value for run in runs if (value := _step(run))]),
        epochs=Spread.of([run.to_quality.epochs or 0.0 for run in reached]),
        seconds=Spread.of([run.to_quality.seconds or 0.0 for run in reached]),
        joules=_mean(of("energy.per_sample")),
        mfu=_mean(of("model.use.mfu")),
        communication=_mean(of_world("communication")),
        imbalance=_mean(of_world("imbalance")),
        missed=sum(run.to_quality.epochs is None for run in aimed),
    )


def _step(run: Run) -> float | None:
    """Return the median of a step in seconds."""
    speed = (run.record.throughput if run.record else None) or {}
    found: float | None = (speed.get("steps") or {}).get("median")
    return found


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None


def _ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None


def _relative(spread: Spread) -> float | None:
    return _ratio(spread.mean_half_width, spread.mean)
