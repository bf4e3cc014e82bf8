"""Says what a run is worth to a search over keys: its quality, or what it took to reach one."""

from __future__ import annotations

import math
from pathlib import Path

from aibench.config import Mode, Objective, RunConfig
from aibench.results.result import ResultError, read_result


def is_better_higher(config: RunConfig) -> bool:
    """Return whether a search has to look for the greatest value of the run's objective."""
    return config.objective is Objective.quality and config.target.mode is Mode.max


def worst(config: RunConfig) -> float:
    """Return what a run without an objective is worth: infinitely bad. A search takes no NaN, and learns from this."""
    return -math.inf if is_better_higher(config) else math.inf


def objective(config: RunConfig, folder: Path) -> float:
    """Return what the finished run in `folder` is worth; a quality that was not reached took infinitely long."""
    try:
        result = read_result(folder)
    except (OSError, ResultError):
        return worst(config)
    found = {
        Objective.quality: result.quality,
        Objective.epochs: result.to_quality.epochs,
        Objective.seconds: result.to_quality.seconds,
    }[config.objective]
    return worst(config) if found is None or math.isnan(found) else float(found)
