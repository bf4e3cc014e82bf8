"""Forecasts what a run will take, from a short probe and from how many epochs earlier runs needed."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aibench.config import ConfigError, RunConfig, Session
from aibench.results.estimates import Forecast
from aibench.results.result import Result

STUDY = Path(__file__).with_name("study.csv")  # the table of experiments/run_to_run_variation, in the package too
STEPS = 50  # of a probe: 10 are unsteady, and what is left is enough for trust to look for a drift
CHECKPOINTS = 3  # that a run keeps: the last, the one before it, the best


@dataclass(frozen=True, slots=True)
class Probe:
    """Holds what a short session measured.

    Attributes:
        preparation: Seconds of reading, making and caching the data; a later run finds the cache full.
        setup: Seconds of the set-up.
        step: Seconds of a steady step.
        evaluation: Seconds of an evaluation with the checkpoint after it.
        batches: Training batches in an epoch.
        evaluations: Evaluations in an epoch.
        watts: Average power; None without a sensor.
        reason: Why `watts` is None.
        checkpoint_bytes: Bytes of one checkpoint.
        reasons: Why its timings cannot be trusted, as a run's closing table has them.
    """

    setup: float
    step: float
    evaluation: float
    batches: int
    evaluations: float
    watts: float | None
    reason: str | None
    checkpoint_bytes: int
    reasons: Sequence[str] = ()
    preparation: float = 0.0


def probe(config: RunConfig, steps: int = STEPS) -> Probe:
    """Train some steps and evaluate once, in a folder that is removed again."""
    from rich.console import Console

    from aibench.training.goal import Schedule
    from aibench.training.run import train

    def short(config: RunConfig, batches: int) -> Schedule:
        some = min(steps, batches)
        return Schedule(batches, some, some, 1)

    with tempfile.TemporaryDirectory() as folder:
        result = train(config, Path(folder), None, Console(quiet=True), short)
        size = sum(path.stat().st_size for path in Path(folder).glob("last.ckpt"))
    if not result.status.finished or result.times is None or result.throughput is None or not result.history:
        raise ConfigError(f"task={config.task}: the probe ended as {result.status}: {result.message}")
    first, joules = result.history[0], result.energy.total
    steps = first.steps or 1
    batches = round(steps / first.epochs)
    return Probe(
        setup=result.times.setup,
        step=result.throughput.steps.median or result.times.training / steps,
        evaluation=result.times.evaluation + result.times.checkpoint,
        batches=batches,
        evaluations=1 / (Schedule.of(config, batches).quantum or 1.0),
        watts=None if joules.value is None else joules.value / result.times.total,
        reason=joules.reason,
        checkpoint_bytes=size,
        reasons=result.trust.reasons,
        preparation=result.times.preparation or 0.0,
    )


@dataclass(frozen=True, slots=True)
class Studied:
    """Holds what the suite's study of the variation says of a task: the epochs of each run to one quality."""

    task: str
    scale: str
    quality: float
    epochs: tuple[float, ...]


def studied(path: Path = STUDY) -> list[Studied]:
    """Return what the study that comes with the suite says, a row for each task and quality."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["quality"] and row["epochs"]]
    return [
        Studied(row["task"], row["scale"], float(row["quality"]), tuple(map(float, row["epochs"].split())))
        for row in rows
    ]


def epochs_needed(
    config: RunConfig, results: Sequence[Result], study: Sequence[Studied] = ()
) -> tuple[float, float, float, int]:
    """Return mean and a 90 % range of the epochs to the asked quality, and the number of runs that they are from.

    The range is a prediction interval for one more run (Student's t on the epochs). Without two runs the budget is
    all that is known: the range is from its first evaluation to its end.
    """
    quality = config.quality
    needed = [
        result.to_quality.epochs
        for result in results
        if (result.task, result.scale) == (config.task, config.scale)
        and result.to_quality.epochs is not None
        and result.target.quality == quality
    ]
    needed += [
        epochs
        for row in study
        if (row.task, row.scale, row.quality) == (config.task, config.scale, quality)
        for epochs in row.epochs
    ]
    budget = float(config.epochs if config.session is Session.epochs else config.target.max_epochs)
    if config.session is Session.epochs:
        return budget, budget, budget, 0
    if len(needed) < 2:
        return budget, 1 / config.target.evaluations_per_epoch, budget, len(needed)
    import numpy as np
    from scipy.stats import t

    mean, spread = float(np.mean(needed)), float(np.std(needed, ddof=1))
    half = float(t.ppf(0.95, len(needed) - 1)) * spread * (1 + 1 / len(needed)) ** 0.5
    return mean, max(1 / config.target.evaluations_per_epoch, mean - half), min(budget, mean + half), len(needed)


def forecast(config: RunConfig, probed: Probe, results: Sequence[Result], study: Sequence[Studied] = ()) -> Forecast:
    """Put the two together."""
    epochs, low, high, runs = epochs_needed(config, results, study)
    per_epoch = probed.batches * probed.step + probed.evaluations * probed.evaluation
    seconds, least, most = (probed.setup + per_epoch * count for count in (epochs, low, high))
    return Forecast(
        seconds,
        least,
        most,
        epochs,
        low,
        high,
        runs,
        None if probed.watts is None else probed.watts * seconds,
        probed.reason,
        CHECKPOINTS * probed.checkpoint_bytes,
        per_epoch,
        probed.setup,
        probed.reasons,
        probed.preparation,
    )
