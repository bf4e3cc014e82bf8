"""Compares a number that a result states with what its other numbers give."""

from __future__ import annotations

from collections.abc import Iterator

TOLERANCE = 1e-6  # of the larger of both: what rounding in another order of sums may leave


def same(name: str, said: float | None, given: float | None, how: str) -> Iterator[str]:
    """Yield a fault where `said`, the number `name` of a result, is not `given`, which `how` gives."""
    if said is None and given is None:
        return
    if said is None or given is None or abs(said - given) > TOLERANCE * max(abs(said), abs(given)):
        yield f"{name}: {text(said)}, and {how} gives {text(given)}."


def within(name: str, said: float | None, low: float, high: float, how: str) -> Iterator[str]:
    """Yield a fault where `said` is neither null nor, but for rounding, from `low` to `high`, the bounds by `how`."""
    room = TOLERANCE * max(abs(low), abs(high), 1.0)
    if said is not None and not low - room <= said <= high + room:
        yield f"{name}: {text(said)}, outside of {text(low)} to {text(high)}, {how}."


def text(value: float | None) -> str:
    """Return a number as a person compares it with another."""
    return "null" if value is None else f"{value:.10g}"
