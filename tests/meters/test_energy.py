"""Energy is counted, or null with the reason."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from aibench.config import PowerModel
from aibench.meters.energy import EnergyMeter, Gone, IntegratedPower, NvmlCounter, energy_meter, gpu_sensor, rapl_zones
from aibench.meters.gpu import Gpu

NO_GPU = Gpu(None, None, "no GPU")


def zone(root, name, joules, most=1000.0):
    folder = root / f"intel-rapl:{len(list(root.iterdir()))}"
    folder.mkdir()
    (folder / "name").write_text(f"{name}\n")
    (folder / "energy_uj").write_text(f"{joules * 1e6:.0f}\n")
    (folder / "max_energy_range_uj").write_text(f"{most * 1e6:.0f}\n")
    return folder


def test_packages_and_memories_are_counted_and_cores_are_not_counted_twice(tmp_path):
    for name in ("package-0", "core", "dram", "package-1", "psys"):
        zone(tmp_path, name, 5)
    zones, reason = rapl_zones(tmp_path)
    assert [found.scope for found in zones] == ["package-0", "dram", "package-1"]
    assert reason is None


def test_a_counter_that_wraps_goes_on(tmp_path):
    folder = zone(tmp_path, "package-0", 990.0)
    (found,), _ = rapl_zones(tmp_path)
    for joules, total in ((995.0, 5.0), (3.0, 13.0), (10.0, 20.0)):
        (folder / "energy_uj").write_text(f"{joules * 1e6:.0f}")
        assert found.joules() == pytest.approx(total)


def test_without_sensors_there_is_a_reason_and_no_number(tmp_path):
    assert rapl_zones(tmp_path / "nowhere")[1] == f"no RAPL zone in {tmp_path / 'nowhere'}"
    meter = energy_meter(PowerModel(), NO_GPU)
    assert not meter.sensors or meter.reasons == []
    if not meter.sensors:
        assert meter.reasons[-1] == "no GPU"
        assert meter.read() == {}


def test_a_declared_power_is_labelled_an_estimate():
    meter = energy_meter(PowerModel(10, 20), NO_GPU)
    if len(meter.reasons) == 2:  # a machine without sensors
        assert "estimate" in meter.sensors[0].method
        assert meter.read()["machine"] >= 0


def test_power_is_integrated_by_the_trapezoidal_rule():
    moments = iter([0.0, 1.0, 3.0, 3.5])
    state = SimpleNamespace(at=0.0)

    def clock():
        state.at = next(moments)
        return state.at

    sensor = IntegratedPower("gpu", "replayed", lambda: 2 * state.at, clock)
    assert [sensor.joules() for _ in range(3)] == pytest.approx([1.0, 9.0, 12.25])  # the integral of 2t is t squared


class FakeNvml:
    """A card whose counter breaks after some readings."""

    class NVMLError(Exception):
        pass

    def __init__(self, good: float, has_counter: bool = True):
        self.good, self.has_counter, self.energy = good, has_counter, 1_000_000

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):
        if not self.has_counter or self.good <= 0:
            raise self.NVMLError("GPU is lost")
        self.good -= 1
        self.energy += 2500
        return self.energy

    def nvmlDeviceGetPowerUsage(self, handle):
        return 300_000


def test_a_gpus_counter_is_preferred_and_power_takes_its_place():
    assert isinstance(gpu_sensor(FakeNvml(math.inf), "card"), NvmlCounter)
    assert isinstance(gpu_sensor(FakeNvml(0, has_counter=False), "card"), IntegratedPower)


def test_a_sensor_that_is_gone_keeps_what_it_counted_and_says_why():
    meter = EnergyMeter([NvmlCounter(FakeNvml(4), "card", "gpu")], [])
    assert [meter.read()["gpu"] for _ in range(4)] == [2.5, 5.0, 5.0, 5.0]
    assert meter.readings[0].reason == "gpu: GPU is lost"


def test_a_sensor_that_is_gone_raises():
    sensor = NvmlCounter(FakeNvml(1), "card", "gpu")
    with pytest.raises(Gone, match="gpu: GPU is lost"):
        sensor.joules()
