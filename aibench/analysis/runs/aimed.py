"""Reads from the history of a run what another quality would have taken: where it first reached that one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aibench.analysis.runs.record import Point
from aibench.analysis.runs.runs import Run, shared
from aibench.results.bounds import MOST_NUMBER
from aibench.results.crossing import Crossings, Points, crossings, first_place
from aibench.results.result import Status, ToQuality

QUALITIES = ("entire", "quasi_entire")


def crossed(run: Run, quality: float) -> Crossings:
    """Return where the history of `run`, which keeps its record, crosses `quality`."""
    target = run.target
    return crossings(_points(run), quality, higher=target.mode == "max", missed_first=target.missed_first)


def aimed(run: Run, name: str) -> Run | None:
    """Return `run` as a session that ends at a quality of its own configuration; None where it has no such quality.

    A session that ended before that quality missed it, as far as is known.

    Args:
        run: A run that keeps its record.
        name: One of `QUALITIES`.
    """
    assert run.record is not None, "read it with keep=True"
    configured = run.record.config.get("target")
    quality: Any = configured.get(name) if isinstance(configured, dict) else None
    if type(quality) not in (int, float) or abs(quality) > MOST_NUMBER:
        return None
    higher, missed_first = run.target.mode == "max", run.target.missed_first
    place = first_place(_points(run), float(quality), higher=higher, missed_first=missed_first)
    point = None if place is None else run.record.history[place]
    return replace(
        run,
        session=name,
        target=replace(run.target, quality=float(quality)),
        watched=float(quality),
        to_quality=_took(point, run.to_quality.quantum),
        status=_ending(run.status, point),
        traits=shared({**run.traits, "session": name, "quality": repr(float(quality))}),
    )


def _points(run: Run) -> Points:
    assert run.record is not None, "read it with keep=True"
    return [(point.epochs, point.metrics.get(run.target.metric)) for point in run.record.history]


def _took(point: Point | None, quantum: float | None) -> ToQuality:
    if point is None:
        return ToQuality(None, None, None, None, quantum)
    return ToQuality(point.epochs, None, point.seconds, None, quantum)


def _ending(status: Status, point: Point | None) -> Status:
    """Return how the session would have ended: what came after the quality, a failure too, did not happen."""
    if point is not None:
        return Status.converged
    return Status.not_converged if status.usable else status
