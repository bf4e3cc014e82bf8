"""Turns what a session's instruments counted into the parts of its result."""

from __future__ import annotations

import platform
from collections.abc import Sequence

import torch

from aibench.config import CostConfig
from aibench.meters.counted import Counted, machine
from aibench.meters.instruments import PREPARATION, WARM_UP, Instruments
from aibench.meters.steps import PARTS, compilation_seconds
from aibench.results.result import Cost, Energy, EnergySource, Measured, Phase, Split, Throughput, Times

JOULES_PER_KWH = 3.6e6
COMPUTING = ("forward", "backward", "optimizer")
NO_TARIFF = "no tariff: set {key}"
EARLIER = "counted by a process that this one continues"
COUNTED_BY_THE_SENSORS = "sum over the sensors, read at the boundaries of the session"


def times(instruments: Instruments) -> Times:
    """Return where the wall time went."""
    parts, training = instruments.ledger.seconds(), sum(instruments.training_seconds().values())
    named = {part: parts.get(part, 0.0) for part in (PREPARATION, "setup", "evaluation", "checkpoint")}
    total = sum(parts.values())
    return Times(
        total=total,
        training=training,
        other=total - training - sum(named.values()),
        split=split(instruments),
        **named,
    )


def split(instruments: Instruments, *, of_the_run: bool = True) -> Split:
    """Return where the training time went; of this process alone where not `of_the_run`, which others began."""
    seconds = instruments.split(of_the_run=of_the_run)
    compilation = min(compilation_seconds() - instruments.compiled_before, seconds["forward"] + seconds["backward"])
    from_forward = min(compilation, seconds["forward"])
    seconds["forward"] -= from_forward
    seconds["backward"] -= compilation - from_forward
    return Split(compilation=compilation, method=instruments.clock.method, **seconds)


def throughput(instruments: Instruments, measured: Times, phases: Sequence[Phase], unit: str) -> Throughput:
    """Return how fast the session trained, by the times `measured`."""
    parts = instruments.split()
    took = instruments.training_seconds()
    untimed, timed = took.get(WARM_UP, 0.0), [phase for phase in phases if phase.name != WARM_UP]
    units, samples = (sum(getattr(phase, name) for phase in timed) for name in ("units", "samples"))
    steps, _ = instruments.steady()

    def rate(count: int, seconds: float, unit: str, method: str) -> Measured:
        if count == 0 or seconds <= 0:
            return Measured(None, f"{unit}/s", method, "no step was timed")
        return Measured(count / seconds, f"{unit}/s", method)

    computing = sum(parts[part] - instruments.warm_up[PARTS.index(part)] for part in COMPUTING)
    return Throughput(
        unit=unit,
        whole=rate(
            units,
            measured.total - (measured.preparation or 0.0) - measured.setup - untimed,
            unit,
            f"{unit} / seconds after set-up, evaluation included",
        ),
        training=rate(units, measured.training - untimed, unit, f"{unit} / seconds of training"),
        compute=rate(units, computing, unit, f"{unit} / seconds of forward, backward and optimiser"),
        samples=rate(samples, measured.training - untimed, "samples", "samples / seconds of training"),
        steps=steps,
    )


def counted(instruments: Instruments) -> Counted:
    """Return what this process read of the sensors of its machine since the session's start."""
    meter, world = instruments.energy, instruments.world
    return Counted(
        name=f"rank {world.rank} on {platform.node()}",
        machine=machine(),
        sources=_sources(instruments, instruments.energy_so_far()),
        training=instruments.joules["training"],
        to_quality=instruments.joules.get("to_quality"),
        watts=instruments.idle_watts,
        faults=meter.faults,
        reasons=meter.reasons,
        counts=world.local_rank == 0 or instruments.on_gpu,
    )


def energy(found: Counted, phases: Sequence[Phase], seconds: float, idle_seconds: float) -> Energy:
    """Return what the sensors counted; null with the reason where there are none, or where one cannot be believed.

    Args:
        found: What they counted.
        phases: The parts of the training, which tell its samples.
        seconds: Those of the session.
        idle_seconds: `hardware.idle_seconds`.
    """
    if not any(source.place for source in found.sources):
        return no_energy("; ".join([*found.faults, *found.reasons]) or "no sensor")
    total, no_total = found.summed(found.joules)
    reached = found.to_quality
    to_quality, missed = (None, "the target was not reached") if reached is None else found.summed(reached)
    watts, no_idle = found.at_rest()
    trained, untrained = found.summed(found.training) if found.training else (None, "no step was timed")
    samples = sum(phase.samples for phase in phases)
    how = f"{COUNTED_BY_THE_SENSORS}: {found.coverage()}"
    above = None if watts is None or total is None else total - watts * seconds
    at_rest = f"power at rest, watched for {idle_seconds:g} s before the run, times seconds"
    return Energy(
        total=Measured(total, "J", how, no_total),
        to_quality=Measured(to_quality, "J", how, missed),
        idle=Measured(None if watts is None else watts * seconds, "J", at_rest, no_idle),
        above_idle=Measured(above, "J", "total - idle", no_total or no_idle),
        per_sample=Measured(trained / samples, "J/sample", "energy of the training time / samples")
        if samples and trained is not None
        else Measured(None, "J/sample", reason=untrained or "no step was timed"),
        sources=found.sources,
        coverage=found.coverage(),
    )


def _sources(instruments: Instruments, joules: dict[str, float]) -> list[EnergySource]:
    meter, rate = instruments.energy, instruments.telemetry.rate
    now = [
        EnergySource(
            scope=scope,
            place=sensor.place,
            method=sensor.method,
            joules=joules[scope],
            sampling_hz=rate,
            relative_error=2 * sensor.resolution / joules[scope] if joules[scope] > 0 else None,
            reason=reading.reason,
        )
        for scope, sensor, reading in zip(meter.scopes, meter.sensors, meter.readings, strict=True)
    ]
    gone = [scope for scope in joules if scope not in meter.scopes]
    return now + [EnergySource(scope, EARLIER, joules[scope], rate, None) for scope in gone]


def no_energy(reason: str) -> Energy:
    """Return an energy whose every field is null for `reason`."""
    total, to_quality, idle, above_idle = (Measured(None, "J", reason=reason) for _ in range(4))
    return Energy(total, to_quality, idle, above_idle, Measured(None, "J/sample", reason=reason))


def cost(tariff: CostConfig, consumed: Energy, seconds: float | None) -> Cost:
    """Return what the session cost by the user's tariff."""
    kwh = None if consumed.total.value is None else consumed.total.value / JOULES_PER_KWH

    def priced(key: str, unit: str, amount: float | None, reason: str | None, method: str) -> Measured:
        price = getattr(tariff, key)
        if price is None:
            return Measured(None, unit, reason=NO_TARIFF.format(key=f"cost.{key}"))
        return Measured(None, unit, reason=reason) if amount is None else Measured(amount * price, unit, method)

    hours = None if seconds is None else seconds / 3600
    return Cost(
        energy=priced("price_per_kwh", "currency", kwh, consumed.total.reason, "kWh times cost.price_per_kwh"),
        time=priced("price_per_hour", "currency", hours, "nothing ran", "hours times cost.price_per_hour"),
        carbon=priced("gco2_per_kwh", "gCO2e", kwh, consumed.total.reason, "kWh times cost.gco2_per_kwh"),
    )


def peak_device_memory() -> Measured:
    """Return the peak memory of the accelerator."""
    if torch.cuda.is_available():
        return Measured(float(torch.cuda.max_memory_allocated()), "B", "torch.cuda.max_memory_allocated")
    return Measured(None, "B", reason="no GPU")
