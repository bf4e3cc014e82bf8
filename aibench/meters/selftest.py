"""Tests the measuring itself, on this machine: errors against what is known, and limits that they must keep."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from aibench.config import PowerModel
from aibench.meters.energy import EnergyMeter, IntegratedPower, energy_meter
from aibench.meters.flops import count
from aibench.meters.gpu import current_gpu
from aibench.meters.ledger import Ledger
from aibench.meters.made_up import MACHINES
from aibench.meters.steps import BACKWARD, DATA, FORWARD, PARTS, HostClock
from aibench.meters.telemetry import cost_of_a_sample


@dataclass(frozen=True, slots=True)
class Check:
    """Holds one comparison with what is known.

    Attributes:
        name: The thing that was measured.
        expected, found: Values with their unit, for a person.
        error: Relative difference of the two.
        limit: The largest error that passes.
    """

    name: str
    expected: str
    found: str
    error: float
    limit: float

    @property
    def passed(self) -> bool:
        """Return whether the error is within the limit."""
        return self.error <= self.limit


def checks() -> Iterator[Check]:
    """Run all checks, and yield one after the other."""
    yield from _clocks()
    yield from _energy()
    yield from _own_sensors()
    yield from _flops()
    yield from _overhead()


def _clocks(seconds: float = 0.05, repetitions: int = 10) -> Iterator[Check]:
    """Measure sleeps of a known length. A sleep may be late on a busy machine, so the least error counts."""
    errors = {"ledger": [], "step clock": []}  # type: dict[str, list[float]]
    for _ in range(repetitions):
        ledger = Ledger("nothing")
        ledger.switch("sleep")
        _sleep(seconds)
        ledger.switch("nothing")
        errors["ledger"].append(abs(ledger.seconds()["sleep"] / seconds - 1))
        clock = HostClock()
        clock.start()
        for part, share in ((DATA, 0.2), (FORWARD, 0.3), (BACKWARD, 0.5)):
            clock.switch(part)
            _sleep(seconds * share)
        clock.stop()
        expected = {DATA: 0.2, FORWARD: 0.3, BACKWARD: 0.5}
        errors["step clock"].append(
            max(abs(clock.seconds[part] / (seconds * share) - 1) for part, share in expected.items())
        )
        assert len(clock.seconds) == len(PARTS)
    for name, found in errors.items():
        best = min(found)
        yield Check(f"{name}: sleeps of {seconds:g} s", f"{seconds:g} s", f"{seconds * (1 + best):.5f} s", best, 0.02)


def _sleep(seconds: float) -> None:
    """Sleep exactly, unlike `time.sleep`, which may only promise to sleep long enough."""
    end = time.perf_counter() + seconds
    time.sleep(max(0.0, seconds - 0.005))
    while time.perf_counter() < end:
        pass


def _energy() -> Iterator[Check]:
    """Measure replayed traces whose energy is known."""
    moments = iter([second / 10 for second in range(201)])
    now = [0.0]

    def clock() -> float:
        now[0] = next(moments)
        return now[0]

    meter = EnergyMeter([IntegratedPower("trace", "replayed", lambda: 100 + 20 * min(now[0], 10.0), clock)], [])
    joules = 0.0
    try:
        while True:
            joules = meter.read()["trace"]
    except StopIteration:
        pass
    # The meter's first reading is its zero: 0.1 s of about 100 W lie before it.
    known = 2000.0 + 3000.0 - 10.1
    yield Check("energy: a replayed trace", f"{known:.1f} J", f"{joules:.1f} J", abs(joules / known - 1), 0.001)
    for machine in MACHINES:
        told, reason = machine.told()
        error = abs((told or 0.0) / machine.joules - 1) if machine.joules else float(told is not None)
        expected = "null" if machine.joules is None else f"{machine.joules:g} J"
        yield Check(
            f"energy: {machine.name}", expected, f"null: {reason}" if told is None else f"{told:g} J", error, 1e-6
        )


def _own_sensors(seconds: float = 1.0) -> Iterator[Check]:
    """Check the sensors of this machine, each of which must move while a processor works."""
    meter = energy_meter(PowerModel(), current_gpu())
    if not meter.sensors:
        yield Check(
            "energy: sensors of this machine", "null with the reason", f"null: {'; '.join(meter.reasons)}", 0.0, 0.0
        )
        return
    before, end = meter.read(), time.perf_counter() + seconds
    while time.perf_counter() < end:
        torch.ones(256, 256, device="cuda" if torch.cuda.is_available() else "cpu").sum().item()
    counted = {scope: joules - before[scope] for scope, joules in meter.read().items()}
    told, reason = meter.summed(counted)
    found = f"null: {reason}" if told is None else f"{told / seconds:.0f} W of {meter.coverage()}"
    yield Check("energy: sensors of this machine", "each place once, each moves", found, float(told is None), 0.0)


def _flops() -> Iterator[Check]:
    """Count layers that are counted by hand."""
    heads = torch.zeros(1, 8, 32, 16)
    layers: list[tuple[str, Callable[[], object], float]] = [
        (
            "linear 256 to 128, batch 32, forward",
            lambda: nn.Linear(256, 128)(torch.zeros(32, 256)),
            2 * 32 * 256 * 128,
        ),
        (
            "3x3 convolution, 16 to 32 channels, 28x28",
            lambda: nn.Conv2d(16, 32, 3, padding=1)(torch.zeros(1, 16, 28, 28)),
            2 * 32 * 16 * 9 * 28 * 28,
        ),
        (
            "LSTM of 64 units, 10 steps, batch 4",
            lambda: nn.LSTM(64, 64, batch_first=True)(torch.zeros(4, 10, 64)),
            2 * 4 * 10 * 4 * (64 * 64 + 64 * 64),
        ),
        (
            "attention of 8 heads of 16, 32 positions",
            lambda: nn.functional.scaled_dot_product_attention(heads, heads, heads),
            2 * 2 * 8 * 32 * 32 * 16,
        ),
    ]
    for name, layer, known in layers:
        with torch.no_grad():
            found = count(layer).flops
        yield Check(f"FLOPs: {name}", f"{known:,.0f}", f"{found:,}", abs(found / known - 1), 0.0)


def _overhead() -> Iterator[Check]:
    """Measure what measuring costs: a sample of telemetry a second, and the boundaries of a step of 20 ms."""
    gpu = current_gpu()
    share = cost_of_a_sample(gpu, energy_meter(PowerModel(), gpu))
    yield Check("telemetry at 1 Hz: share of one core", "less than 1 %", f"{share:.3%}", share, 0.01)
    clock = HostClock()
    clock.start()
    times = []
    for _ in range(50):
        start = time.perf_counter()
        for _ in range(100):
            clock.switch(FORWARD)
        times.append((time.perf_counter() - start) / 100)
    switch = statistics.median(times)
    boundaries = 10
    share = boundaries * switch / 0.02
    yield Check(
        f"step clock: {boundaries} boundaries in a step of 20 ms", "less than 0.1 %", f"{share:.4%}", share, 0.001
    )
