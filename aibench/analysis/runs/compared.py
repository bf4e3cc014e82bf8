"""Defines what is compared and added up: one number of each run, or why it has none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from aibench.analysis.runs.runs import NOT_IN_FILE, Run
from aibench.results.result import Measured, Status

MISSED = "the target was not reached"


@dataclass(frozen=True, slots=True)
class Quantity:
    """Describes a number of a run; smaller is better.

    Attributes:
        name: The name in tables and files.
        unit: Its unit; in seconds a sample, the sample is the task's own.
        of: Returns its value for a run, or the reason why there is none.
        to_quality: Whether it is what the target took: no number for a run that missed it, and comparable between
            runs to the same quality on the same samples only.
    """

    name: str
    unit: str
    of: Callable[[Run], Measured]
    to_quality: bool


def training_speed(run: Run) -> Measured:
    """Return the samples a second of training."""
    return run.measured.get("throughput.training", Measured(None, f"{run.unit}/s", reason=NOT_IN_FILE))


def seconds_a_sample(run: Run) -> Measured:
    """Return the seconds of training for one sample."""
    speed = training_speed(run)
    if not speed.value:
        return Measured(None, "s", speed.method, speed.reason or "no step was timed")
    return Measured(1 / speed.value, "s", speed.method)


def seconds_to_quality(run: Run) -> Measured:
    """Return the wall time to the target."""
    return _reached(run, run.to_quality.seconds, "s")


def epochs_to_quality(run: Run) -> Measured:
    """Return the epochs to the target."""
    return _reached(run, run.to_quality.epochs, "epochs")


def energy(run: Run) -> Measured:
    """Return the energy of the session: schema version 1 names it `energy`, later versions `energy.total`."""
    names = ("energy.total", "energy")
    return next((run.measured[name] for name in names if name in run.measured), Measured(None, "J", reason=NOT_IN_FILE))


def energy_to_quality(run: Run) -> Measured:
    """Return the energy up to the target; schema version 1 has it only for a session which ended there."""
    if "energy.to_quality" in run.measured:
        return run.measured["energy.to_quality"]
    whole = energy(run)
    if whole.value is None or run.status is Status.converged:
        return whole
    return Measured(None, "J", whole.method, f"status {run.status}: the session did not end at its target")


def _reached(run: Run, value: float | None, unit: str) -> Measured:
    return Measured(value, unit) if run.reached and value else Measured(None, unit, reason=MISSED)


SPEED = Quantity("seconds a sample", "s", seconds_a_sample, to_quality=False)
CONVERGENCE = Quantity("epochs to quality", "epochs", epochs_to_quality, to_quality=True)
TIME = Quantity("seconds to quality", "s", seconds_to_quality, to_quality=True)
ENERGY = Quantity("joules to quality", "J", energy_to_quality, to_quality=True)
QUANTITIES = (SPEED, CONVERGENCE, TIME, ENERGY)


def values(runs: list[Run], quantity: Quantity) -> list[float]:
    """Return the numbers of the runs that have one."""
    found = (quantity.of(run).value for run in runs)
    return [value for value in found if value]


def reason(runs: list[Run], quantity: Quantity) -> str:
    """Return why no run has a number: the reasons, each once."""
    return "; ".join(dict.fromkeys(quantity.of(run).reason or "no reason given" for run in runs))
