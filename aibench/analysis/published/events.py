"""Reads the lines of an MLPerf log, and checks each as it is read: its key, its time, its values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from aibench.analysis.published.foreign import MOST_BYTES, ForeignError
from aibench.results.files import content, strict_json

TOKEN = ":::MLLOG "
FIRST, LAST = 1_514_764_800_000, 4_102_444_800_000  # ms: MLPerf's first year, and 2100


@dataclass(frozen=True, slots=True)
class Event:
    """Holds a line of the log.

    Attributes:
        where: The file and the line, for a fault.
        key: The name of what it tells.
        time: Milliseconds since 1970, UTC.
        value: The value, of any type.
        metadata: Further facts beside the value.
    """

    where: str
    key: str
    time: float
    value: Any
    metadata: dict[str, Any]


def events(path: Path) -> Iterator[Event]:
    """Return the log's events; what stands before the token on a line, and lines without it, are no part of it.

    Raises:
        ForeignError: The file cannot be read, or a line is no event.
    """
    try:
        text = content(path, MOST_BYTES).decode("utf-8", "replace")
    except OSError as error:
        raise ForeignError(f"{path}: {error.strerror}.") from error
    for number, line in enumerate(text.splitlines(), start=1):
        _, token, said = line.partition(TOKEN)
        if token:
            yield _event(f"{path}, line {number}", said)


def _event(where: str, said: str) -> Event:
    try:
        found = strict_json(said.encode())
    except (ValueError, RecursionError) as error:
        raise ForeignError(f"{where}: not JSON after {TOKEN.strip()}: {said[:40]!r}.") from error
    if not isinstance(found, dict) or not {"key", "time_ms"} <= found.keys():
        raise ForeignError(f"{where}: an event has a key and time_ms, and this has not.")
    key, time, metadata = found["key"], found["time_ms"], found.get("metadata")
    if not isinstance(key, str):
        raise ForeignError(f"{where}: its key is no text.")
    if not is_number(time):
        raise ForeignError(f"{where}: {key}: time_ms={time!r} is no number of milliseconds."[:300])
    if not FIRST <= time < LAST:
        raise ForeignError(f"{where}: {key}: time_ms={time:.15g} is no time of MLPerf's in milliseconds since 1970.")
    if not isinstance(metadata, dict | None):
        raise ForeignError(f"{where}: {key}: its metadata is no object.")
    return Event(where, key, time, found.get("value"), metadata or {})


def is_number(value: Any) -> bool:
    """Return whether `value` is a finite number, and no truth value."""
    return type(value) in (int, float) and abs(value) < 1e30 and math.isfinite(value)


def attempts(found: Sequence[Event], once: Sequence[str]) -> list[list[Event]]:
    """Return `found` by attempt: where the log of a relaunch was appended, a second one begins.

    Args:
        found: All events of a file.
        once: Keys that stand once in an attempt: after the start of one, such a key of its head begins the next.
    """
    starts = [place for place, event in enumerate(found) if event.key == "run_start"]
    begins = [0]
    for before, start in pairwise(starts):
        stop = next((place for place in range(before, start) if found[place].key == "run_stop"), before)
        head = (place for place in range(stop + 1, start) if found[place].key in once)
        begins.append(next(head, start))
    ends = [*begins[1:], len(found)]
    return [list(found[begin:end]) for begin, end in zip(begins, ends, strict=True)]


__all__ = ["TOKEN", "Event", "attempts", "events", "is_number"]
