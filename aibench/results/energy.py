"""Holds what a session consumed, and what that cost. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field

from aibench.results.bounds import Amount, Number
from aibench.results.parts import Measured


@dataclass(slots=True)
class EnergySource:
    """Holds what one sensor counted over the session.

    Attributes:
        scope: The part that it covers: `gpu`, `package-0`, `package-0/dram`, `machine`; no two sources have the same.
        method: How it counts.
        joules: The joules that it counted.
        sampling_hz: How often it was read; boundaries of the session are read besides.
        relative_error: Estimated error: the sensor's resolution at the start and the end, over the count; null where
            the sensor stopped.
        reason: Why it stopped in the middle, where it did; the sums are null then.
        place: Where it is: the folder of its zone, the UUID of its card; null in results that did not record it.
    """

    scope: str
    method: str
    joules: Number
    sampling_hz: Amount
    relative_error: Number | None
    reason: str | None = None
    place: str | None = None


@dataclass(slots=True)
class Energy:
    """Holds the energy of the session, as far as the sensors cover the machine.

    Attributes:
        total: Energy of the whole session, preparation of the data and set-up included.
        to_quality: Energy from when the prepared data were there to the evaluation that reached the target.
        idle: Energy that the machine at rest would have used meanwhile, by the idle power measured before the run.
        above_idle: `total` minus `idle`.
        per_sample: Energy of the training time for each training sample.
        sources: The sensors.
        coverage: What part of the machine they cover, and what they leave out and why; null without a sensor, and in
            results that did not record it.
    """

    total: Measured
    to_quality: Measured
    idle: Measured
    above_idle: Measured
    per_sample: Measured
    sources: list[EnergySource] = field(default_factory=list)
    coverage: str | None = None


@dataclass(slots=True)
class Cost:
    """Holds what the session cost by the user's tariff, `cost.*`.

    Attributes:
        energy: Price of the energy.
        time: Price of the machine's time.
        carbon: Carbon of the energy, in grams of CO2 equivalent.
    """

    energy: Measured
    time: Measured
    carbon: Measured
