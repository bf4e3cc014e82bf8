"""Checks times, speeds, energy, cost and the use of the device against the numbers that they are made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aibench.analysis.checking.goal import READING, SHARE, published, reached
from aibench.analysis.checking.history import WARM_UP, part
from aibench.analysis.checking.same import same, within
from aibench.results.bounds import MOST_NUMBER
from aibench.results.result import Measured, Result, Status

JOULES_A_KWH, SECONDS_AN_HOUR = 3.6e6, 3600


def account_faults(result: Result) -> Iterator[str]:
    """Yield what contradicts the parts."""
    yield from _times(result)
    yield from _throughput(result)
    yield from _energy(result)
    yield from _cost(result)
    yield from _model(result)
    yield from _memory(result)


def _times(result: Result) -> Iterator[str]:
    times, last = result.times, result.history[-1] if result.history else None
    if times is None:
        return
    preparation = times.preparation or 0.0
    parts = preparation + times.setup + times.training + times.evaluation + times.checkpoint + times.other
    yield from same("times.total", times.total, parts, "the sum of its parts")
    split = times.split
    if split is not None:
        inside = split.data + split.transfer + split.forward + split.backward + split.optimizer + split.compilation
        if split.loop > 0 or inside < times.training:  # the loop gets what the others leave, and never less than 0
            yield from same("times.split", inside + split.loop, times.training, "times.training")
    if last is None or last.training_seconds is None:
        return
    whole = result.status in (Status.converged, Status.completed, Status.not_converged)
    least = times.setup + last.training_seconds + (times.evaluation if whole else 0.0)
    least -= READING + SHARE * times.total
    most = times.total - preparation
    yield from within("history: seconds of the last evaluation", last.seconds, least, most, "by the times")
    # After the last evaluation the loop is closed: milliseconds, which count as training.
    after = 0.02 * times.training + 0.1 if whole else times.training
    low = times.training - after
    how = "by the times"
    yield from within("history: training_seconds at its end", last.training_seconds, low, times.training, how)


def _throughput(result: Result) -> Iterator[str]:
    speed, times = result.throughput, result.times
    if speed is None or times is None or times.split is None:  # schema 1 counted otherwise
        return
    timed = [phase for phase in result.phases if phase.name != WARM_UP]
    untimed = sum(phase.seconds for phase in result.phases if phase.name == WARM_UP)
    units, samples = (sum(getattr(phase, name) for phase in timed) for name in ("units", "samples"))
    training = times.training - untimed
    after = times.total - (times.preparation or 0.0) - times.setup - untimed
    if units and after > 0:  # the clock went on between the two readings of it
        low, how = units / (after * (1 + SHARE) + READING / 10), "the units over the seconds after set-up"
        yield from within("throughput.whole", speed.whole.value or 0.0, low, units / after, how)
    else:
        yield from same("throughput.whole", speed.whole.value, None, "no timed step")
    for name, count, seconds, how in (
        ("training", units, training, "units over the seconds of training"),
        ("samples", samples, training, "samples over the seconds of training"),
    ):
        given = count / seconds if count and seconds > 0 else None
        yield from same(f"throughput.{name}", getattr(speed, name).value, given, how)
    split = times.split
    computing = split.forward + split.backward + split.optimizer + split.compilation
    how = "units over the seconds of forward, backward and optimiser"
    if not untimed:
        given = units / computing if units and computing > 0 else None
        yield from same("throughput.compute", speed.compute.value, given, how)
    elif units and computing > 0:  # the warm-up's part of the computing is not in the file: at most all of its seconds
        most = units / (computing - untimed) if computing > untimed else float("inf")
        yield from within("throughput.compute", speed.compute.value, units / computing, most, f"by {how}")


def _energy(result: Result) -> Iterator[str]:
    energy = result.energy
    total, idle, reached_joules = energy.total.value, energy.idle.value, energy.to_quality.value
    if energy.sources and total is not None:
        joules = sum(source.joules for source in energy.sources)
        yield from same("energy.total", total, joules, "the sum of the sensors")
    if total is not None and idle is not None:
        yield from same("energy.above_idle", energy.above_idle.value, total - idle, "total - idle")
    elif energy.above_idle.value is not None:
        yield "energy.above_idle: a number, where total or idle is null."
    if total is not None:
        yield from within("energy.to_quality", reached_joules, 0, max(total, 0), "the energy of the whole session")
        samples = sum(phase.samples for phase in result.phases)
        if samples:
            most = max(total, 0) / samples
            yield from within("energy.per_sample", energy.per_sample.value, 0, most, "the energy of the whole session")
    for name, value in (("to_quality", reached_joules), ("per_sample", energy.per_sample.value)):
        if total is None and value is not None:
            yield f"energy.{name}: a number, where total is null."
    if reached_joules is not None and not published(result) and reached(result) is None:
        yield "energy.to_quality: a number, and the target was not reached."


def _cost(result: Result) -> Iterator[str]:
    tariff, total = part(result.config, "cost"), result.energy.total.value
    kwh = None if total is None else total / JOULES_A_KWH
    hours = None if result.times is None else result.times.total / SECONDS_AN_HOUR
    for name, key, amount in (
        ("energy", "price_per_kwh", kwh),
        ("time", "price_per_hour", hours),
        ("carbon", "gco2_per_kwh", kwh),
    ):
        price: Any = tariff.get(key)
        known = type(price) in (int, float) and abs(price) < MOST_NUMBER
        given = price * amount if known and price is not None and amount is not None else None
        priced: Measured = getattr(result.cost, name)
        yield from same(f"cost.{name}", priced.value, given, f"cost.{key}")


def _model(result: Result) -> Iterator[str]:
    model = result.model
    if model is None:
        return
    yield from within("model.trainable", model.trainable, 0, model.parameters, "the parameters")
    flops = model.step_flops.value
    samples = result.throughput.samples.value if result.throughput else None
    use, count = model.use, 1 if result.world is None else result.world.devices * result.world.nodes
    for name, over in (("mfu", use.ceiling.value), ("mfu_data_sheet", use.data_sheet.value)):
        given = flops * samples / over / count if flops is not None and samples is not None and over else None
        how = "step_flops times samples/s over its peak" + ("" if count == 1 else f" and {count} devices")
        yield from same(f"model.use.{name}", getattr(use, name).value, given, how)


def _memory(result: Result) -> Iterator[str]:
    if result.memory is None:
        return
    here = result.system.get("memory_bytes")
    most = float(here) if isinstance(here, int) and here < 2**60 else float(2**60)
    yield from within("memory.process", result.memory.process.value, 1, most, "the memory of the machine")
    yield from within("memory.device", result.memory.device.value, 0, 2**60, "any device")
