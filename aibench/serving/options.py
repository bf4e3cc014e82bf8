"""Reads what a user asks of a serving session. Imports no torch."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aibench.config import ConfigError
from aibench.config.bounds import Interval, at_least
from aibench.config.fields import shown

NAMES = ("run", "scenario", "queries", "seconds", "qps", "latency_bound", "percentile")  # no keys of the configuration


class Kind(enum.StrEnum):
    """Lists ways of asking, as MLPerf Inference names them."""

    single_stream = enum.auto()
    offline = enum.auto()
    server = enum.auto()


@dataclass(frozen=True, slots=True)
class Options:
    """Says what to ask, and how long.

    Attributes:
        scenarios: The ways of asking, in order.
        queries: Requests of a scenario, at most.
        seconds: Seconds after which a scenario ends.
        qps: Arrivals a second of `server`.
        latency_bound: Bound in seconds, for which the highest rate of arrivals is sought.
        percentile: The percentile of the latencies that the bound is for.
        weights: The checkpoint to load; None serves fresh weights.
    """

    scenarios: tuple[Kind, ...] = (Kind.single_stream, Kind.offline)
    queries: int = 1000
    seconds: float = 20.0
    qps: float = 10.0
    latency_bound: float | None = None
    percentile: float = 99.0
    weights: Path | None = None


def parsed(words: Sequence[str]) -> tuple[Options, str | None, list[str]]:
    """Return the options among `words`, the folder of `run=`, and the other words: overrides of the configuration.

    Raises:
        ConfigError: An option cannot be used.
    """
    own: dict[str, str] = {}
    rest = []
    for word in words:
        key, _, value = word.partition("=")
        if key in NAMES:
            own[key] = value
        else:
            rest.append(word)
    scenarios = _scenarios(own.get("scenario"), "qps" in own)
    options = Options(
        scenarios=scenarios,
        queries=int(_number(own, "queries", 1000, at_least(1, 10**9))),
        seconds=_number(own, "seconds", 20.0, at_least(0.01, 10**6)),
        qps=_number(own, "qps", 10.0, at_least(1e-6, 10**6)),
        latency_bound=_number(own, "latency_bound", 0.0, at_least(1e-9, 10**6)) if "latency_bound" in own else None,
        percentile=_number(own, "percentile", 99.0, Interval(1, 100, without_high=True)),
    )
    return options, own.get("run"), rest


def _scenarios(typed: str | None, has_qps: bool) -> tuple[Kind, ...]:
    if typed is None:
        return (Kind.single_stream, Kind.offline, *((Kind.server,) if has_qps else ()))
    try:
        return tuple(Kind(name) for name in typed.split(","))
    except ValueError as error:
        raise ConfigError(f"scenario={typed}: no such scenario. One or more of: {', '.join(Kind)}.") from error


def _number(own: dict[str, str], key: str, default: float, bounds: Interval) -> float:
    try:
        value = float(own.get(key, default))
    except ValueError as error:
        raise ConfigError(f"{key}={shown(own[key])}: not a number.") from error
    wrong = bounds.wrong(value)
    if wrong is not None:
        raise ConfigError(f"{key}={shown(own[key])}: {wrong}.")
    return value
