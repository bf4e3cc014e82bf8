"""Keeps what a run was estimated to take: its result then holds the estimate beside what was measured."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from aibench.config import RunConfig, plain
from aibench.config.places import expanded
from aibench.results.result import Estimate


@dataclass(frozen=True, slots=True)
class Forecast:
    """Holds what a run will take.

    Attributes:
        seconds, low, high: Time to the target, by the session's own clock: expected, and a 90 % range.
        epochs, epochs_low, epochs_high: Epochs to the target, and a 90 % range.
        from_runs: Number of earlier runs that the epochs are from; 0 where the budget stands in.
        joules: Energy; None without a sensor.
        energy_reason: Why `joules` is None.
        disk_bytes: Bytes of checkpoints and what a run leaves besides.
        seconds_per_epoch: Seconds of an epoch in the probe, evaluations included.
        setup: Seconds of the set-up in the probe.
        reasons: Why the probe's timings cannot be trusted, as a run's closing table has them.
        preparation: Seconds of reading, making and caching the data in the probe, which `seconds` leaves out.
    """

    seconds: float
    low: float
    high: float
    epochs: float
    epochs_low: float
    epochs_high: float
    from_runs: int
    joules: float | None
    energy_reason: str | None
    disk_bytes: int
    seconds_per_epoch: float
    setup: float
    reasons: Sequence[str] = ()
    preparation: float = 0.0


def _path(config: RunConfig) -> Path:
    asked = plain(config)
    for key in ("seed", "output", "resume", "objective", "progress", "sweep", "tracking", "cost"):
        asked.pop(key, None)
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]
    name = f"estimate-{config.task}-{digest}.json"
    return expanded(config.data.cache) / name


def keep(config: RunConfig, found: Forecast) -> None:
    """Keep it for the run: its result then holds it beside what was measured."""
    path = _path(config)
    path.parent.mkdir(parents=True, exist_ok=True)
    made = datetime.now(UTC).isoformat(timespec="seconds")
    estimate = Estimate(made, found.seconds, found.low, found.high, found.joules)
    path.write_text(json.dumps(asdict(estimate)), encoding="utf-8")


def kept(config: RunConfig) -> Estimate | None:
    """Return the estimate that was made for this configuration, whatever its seed."""
    try:
        return Estimate(**json.loads(_path(config).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
