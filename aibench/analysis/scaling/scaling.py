"""Computes speed-up, efficiency and serial share over the number of devices, and time to quality split in two."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from aibench.analysis.spread import Spread
from aibench.results.result import Result

Key = tuple[str, str, str, str]


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
        task, scale, scaling: What was trained, and whether the batch was of all devices or of each.
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


def lines(results: Iterable[Result]) -> list[Line]:
    """Return the lines of all tasks in `results`, each with a point for each number of devices.

    A run on one device is a point of strong and of weak scaling alike: it is the same run.
    """
    groups: dict[Key, dict[int, list[Result]]] = {}
    alone: dict[tuple[str, str, str], list[Result]] = {}
    for result in results:
        key = result.task, result.scale, _batch_of_one(result)
        count = devices(result)
        if count == 1:
            alone.setdefault(key, []).append(result)
        else:
            scaling = str(result.config.get("hardware", {}).get("scaling", "strong"))
            groups.setdefault((*key, scaling), {}).setdefault(count, []).append(result)
    for key in alone.keys() - {key[:3] for key in groups}:
        groups[(*key, "strong")] = {}
    found = []
    for (task, scale, batch, scaling), by_count in sorted(groups.items()):
        whole = {**({1: alone[task, scale, batch]} if (task, scale, batch) in alone else {}), **by_count}
        found.append(Line(task, scale, scaling, [_point(count, whole[count]) for count in sorted(whole)]))
    return found


def devices(result: Result) -> int:
    """Return how many devices trained the run."""
    return 1 if result.world is None else result.world.devices * result.world.nodes


def _batch_of_one(result: Result) -> str:
    """Return the configured batch: in strong scaling that of all, in weak scaling that of each; both of one device."""
    return str(result.config.get("data", {}).get("batch_size"))


def _point(count: int, results: Sequence[Result]) -> Point:
    reached = [result for result in results if result.to_quality.epochs]
    aimed = [result for result in results if result.session in ("entire", "quasi_entire")]

    def of(number: Callable[[Result], float | None]) -> list[float]:
        return [value for result in results if (value := number(result)) is not None]

    return Point(
        devices=count,
        rate=Spread.of(of(lambda one: one.throughput.samples.value if one.throughput else None)),
        step=Spread.of(of(lambda one: one.throughput.steps.median if one.throughput else None)),
        epochs=Spread.of([one.to_quality.epochs or 0.0 for one in reached]),
        seconds=Spread.of([one.to_quality.seconds or 0.0 for one in reached]),
        joules=_mean(of(lambda one: one.energy.per_sample.value)),
        mfu=_mean(of(lambda one: one.model.use.mfu.value if one.model else None)),
        communication=_mean(of(lambda one: one.world.communication.value if one.world else None)),
        imbalance=_mean(of(lambda one: one.world.imbalance.value if one.world else None)),
        missed=sum(result.to_quality.epochs is None for result in aimed),
    )


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None


def _ratio(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None


def _relative(spread: Spread) -> float | None:
    return _ratio(spread.mean_half_width, spread.mean)
