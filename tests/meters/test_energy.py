"""Energy is counted, or null with the reason."""

from __future__ import annotations

import math
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from aibench.config import PowerModel
from aibench.meters import account
from aibench.meters.account import energy
from aibench.meters.energy import EnergyMeter, Gone, IntegratedPower, NvmlCounter, energy_meter, gpu_sensor, rapl_zones
from aibench.meters.gpu import Gpu
from aibench.meters.made_up import MACHINES, Nvml
from aibench.world import World

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


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_energy_is_right_or_null_with_a_reason(machine):
    told, reason = machine.told()
    assert told == (None if machine.joules is None else pytest.approx(machine.joules))
    assert (reason is None) == (told is not None)


def test_a_wrap_is_told_from_a_reset_by_the_time_that_passed(tmp_path):
    folder, seconds = zone(tmp_path, "package-0", 200_000.0, 262_143.0), iter([0.0, 1.0])
    (found,), _ = rapl_zones(tmp_path, lambda: next(seconds))
    (folder / "energy_uj").write_text("0")  # 62 kJ in a second: no processor draws as much
    with pytest.raises(Gone, match="package-0: the counter jumped back"):
        found.joules()


def test_a_counter_that_may_have_wrapped_unseen_is_not_believed(tmp_path):
    zone(tmp_path, "package-0", 5.0, 65_532.0)
    seconds = iter([0.0, 600.0])
    (found,), _ = rapl_zones(tmp_path, lambda: next(seconds))
    with pytest.raises(Gone, match="not read for 600 s"):
        found.joules()


def test_sensors_of_one_label_are_told_apart_and_of_one_place_counted_once():
    library = Nvml([[0.0, 5.0], [0.0, 7.0]], SimpleNamespace(second=0))
    meter = EnergyMeter([NvmlCounter(library, card, "gpu") for card in (0, 1, 0)], [])
    library.now.second = 1
    assert meter.read() == {"gpu (GPU-0)": 5.0, "gpu (GPU-1)": 7.0}


def test_threads_that_read_at_once_count_nothing_twice(tmp_path):
    folder = zone(tmp_path, "package-0", 0)
    (found,), _ = rapl_zones(tmp_path, lambda: 0.0)
    meter, stop = EnergyMeter([found], [], clock=lambda: 0.0), threading.Event()

    def slow(file=found._file, read=Path.read_text):
        text = read(file)
        time.sleep(0.0002)
        return text

    found._file = SimpleNamespace(read_text=slow, name="energy_uj")
    readers = [threading.Thread(target=lambda: [meter.read() for _ in iter(stop.is_set, True)]) for _ in range(3)]
    for reader in readers:
        reader.start()
    for joules in range(1, 40):
        (folder / "next").write_text(f"{joules}000000")
        (folder / "next").replace(folder / "energy_uj")
        time.sleep(0.001)
    stop.set()
    for reader in readers:
        reader.join()
    assert meter.read() == {"package-0": 39.0}
    assert meter.broken() == []


def test_a_run_that_goes_on_elsewhere_keeps_its_joules_and_loses_its_sum():
    library = Nvml([[0.0, 5.0]], SimpleNamespace(second=0))
    same, other, none = (EnergyMeter([NvmlCounter(library, 0, "gpu")], []) for _ in range(3))
    same.continue_from({"gpu": 10.0}, [])
    other.continue_from({"package-0": 10.0}, [])
    none.continue_from({}, [])
    library.now.second = 1
    assert same.summed(same.read()) == (15.0, None)
    assert other.read() == {"gpu": 5.0, "package-0": 10.0}
    assert other.summed(other.read()) == (None, "the processes of this run had other sensors (package-0; then gpu)")
    assert none.summed(none.read()) == (None, "the processes of this run had other sensors (none; then gpu)")


@pytest.mark.parametrize("reached", [False, True])
def test_a_result_has_all_its_energies_or_none_with_one_reason(reached):
    second = SimpleNamespace(second=0)
    counted, still = (EnergyMeter([NvmlCounter(Nvml([counts], second), 0, "gpu")], []) for counts in ([0, 5], [0, 0]))
    second.second = 1
    for meter, joules in ((counted, 5.0), (still, 0.0)):
        run = SimpleNamespace(
            energy=meter,
            energy_so_far=meter.read,
            joules={"training": {"gpu": joules}, **({"to_quality": {"gpu": joules}} if reached else {})},
            idle_watts={"gpu": joules / 5},
            world=World(),
            on_gpu=True,
            telemetry=SimpleNamespace(rate=1.0),
        )
        found = energy(account.counted(run), [SimpleNamespace(samples=2)], 2.0, 1.0)
        values = [found.total, found.idle, found.above_idle, found.per_sample]
        assert [one.value for one in values] == ([5.0, 2.0, 3.0, 2.5] if joules else [None] * 4)
        assert {one.reason for one in values} == {None if joules else "gpu: the counter did not move"}
        assert (found.to_quality.value is None) == (not joules or not reached)
        assert [(source.scope, source.place, source.joules) for source in found.sources] == [("gpu", "GPU-0", joules)]
        assert found.coverage == "gpu"
        assert found.total.method == "sum over the sensors, read at the boundaries of the session: gpu"


def test_what_is_covered_is_said():
    library = Nvml([[0.0, 5.0]], SimpleNamespace(second=0))
    counter = NvmlCounter(library, 0, "gpu")
    assert EnergyMeter([counter], ["no GPU"]).coverage() == "gpu"
    assert EnergyMeter([counter], ["no RAPL zone in /x"]).coverage() == "gpu; not counted: no RAPL zone in /x"
    assert EnergyMeter([], ["no GPU"]).coverage() is None


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
