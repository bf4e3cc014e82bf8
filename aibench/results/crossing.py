"""Finds where a history crosses a quality: at an evaluation, between two, and for good. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aibench.results.bounds import Amount

Points = Sequence[tuple[float, float | None]]


@dataclass(slots=True)
class Crossings:
    """Holds where a run crossed its target, in epochs, by three rules; each null where the history does not show it.

    Attributes:
        first: Position of the first evaluation that reached it: the paper's rule.
        interpolated: Position between that evaluation and the one before, on the line through both of their values.
        sustained: Position of the first evaluation that reached it and after which the next one did too.
    """

    first: Amount | None
    interpolated: Amount | None
    sustained: Amount | None


def crossings(points: Points, quality: float | None, *, higher: bool, missed_first: bool = False) -> Crossings:
    """Return where a history crosses `quality`.

    Args:
        points: Epochs and value of each evaluation, in order; None for a value that is not finite.
        quality: The value to reach; None where there is none.
        higher: Whether greater values are better.
        missed_first: Whether values count only after one that misses the quality.
    """
    if quality is None:
        return Crossings(None, None, None)
    first = first_place(points, quality, higher=higher, missed_first=missed_first)
    if first is None:
        return Crossings(None, None, None)
    passed = list(_passed(points, quality, higher, missed_first))
    lasting = next((place for place in range(len(passed) - 1) if passed[place] and passed[place + 1]), None)
    return Crossings(
        points[first][0], _between(points, first, quality), None if lasting is None else points[lasting][0]
    )


def first_place(points: Points, quality: float, *, higher: bool, missed_first: bool = False) -> int | None:
    """Return the place, from 0, of the first evaluation that reached `quality`; None where none did."""
    passed = _passed(points, quality, higher, missed_first)
    return next((place for place, good in enumerate(passed) if good), None)


def _passed(points: Points, quality: float, higher: bool, missed_first: bool) -> Iterator[bool]:
    counts = not missed_first
    for _, value in points:
        good = value is not None and (value >= quality if higher else value <= quality)
        yield good and counts
        counts = counts or (value is not None and not good)


def _between(points: Points, place: int, quality: float) -> float:
    """Return where the line from the evaluation before `place` to it has the value `quality`.

    The first evaluation of all starts no line, and neither does one without a value: its own position is all that is
    known.
    """
    epochs, value = points[place]
    before, earlier = points[place - 1] if place else (epochs, None)
    if value is None or earlier is None or value == earlier:
        return epochs
    share = min(max((quality - earlier) / (value - earlier), 0.0), 1.0)
    return before + share * (epochs - before)
