"""What the processes of a run counted is added up with each sensor once."""

from __future__ import annotations

import pytest

from aibench.meters.account import energy
from aibench.meters.counted import Counted, together
from aibench.results.result import EnergySource, Phase

PHASES = [Phase("training", 10, 100, 1.0)]


def counted(rank, machine, *, counts=True, reasons=(), gone=None, watts=10.0, **sensors):
    """What a process read: the joules of each sensor by its scope, which `_` and its place may follow."""
    sources = [
        EnergySource(name.split("_")[0], "made up", joules, 1.0, 0.0, gone, place=name.split("_")[-1])
        for name, joules in sensors.items()
    ]
    parts = {source.scope: source.joules / 2 for source in sources}
    at_rest = dict.fromkeys(parts, watts) if watts else {}
    return Counted(
        f"rank {rank} on {machine}", machine, sources, parts, dict(parts), at_rest, reasons=list(reasons), counts=counts
    )


def of(*all_counted):
    return energy(together(all_counted), PHASES, seconds=2.0, idle_seconds=5.0)


def test_a_sensor_that_two_processes_of_a_machine_read_counts_once():
    found = of(counted(0, "a", package=100.0, gpu0_A=30.0, gpu1_B=50.0), counted(1, "a", gpu_B=49.0, watts=0))
    assert {source.scope: source.joules for source in found.sources} == {"package": 100.0, "gpu0": 30.0, "gpu1": 50.0}
    assert (found.total.value, found.to_quality.value, found.per_sample.value) == (180.0, 90.0, 0.9)
    assert (found.idle.value, found.above_idle.value) == (60.0, 120.0)


def test_the_gpu_that_each_task_of_slurm_alone_sees_counts_beside_the_others():
    found = of(counted(0, "a", package=100.0, gpu_A=30.0), counted(1, "a", gpu_B=50.0, watts=0))
    assert {source.scope: source.joules for source in found.sources} == {
        "package": 100.0,
        "gpu": 30.0,
        "gpu (B)": 50.0,
    }
    assert found.total.value == 180.0
    assert (found.idle.value, found.idle.reason) == (None, "not watched at rest: gpu (B)")


def test_several_machines_are_summed_and_told_apart():
    silent = counted(1, "a", counts=False, reasons=["the first process of the machine reads its sensors"])
    found = of(counted(0, "a", package=100.0), silent, counted(2, "b", package=70.0))
    assert {source.scope: source.joules for source in found.sources} == {"node0/package": 100.0, "node1/package": 70.0}
    assert (found.total.value, found.idle.value) == (170.0, 40.0)
    assert found.coverage == "node0/package, node1/package"


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (counted(1, "b", reasons=["no RAPL zone"]), "rank 1 on b: no RAPL zone"),
        (counted(1, "b", gone="package: gone", package=3.0), "node1: package: gone"),
        (counted(1, "b", package=0.0), "node1/package: the counter did not move"),
    ],
)
def test_a_machine_that_cannot_be_read_makes_the_sum_unknown(second, reason):
    found = of(counted(0, "a", package=100.0), second)
    assert (found.total.value, found.total.reason) == (None, reason)
    assert found.per_sample.value is None


def test_of_one_process_all_is_as_it_was():
    alone = counted(0, "a", package=100.0)
    assert together([alone]) is alone
    assert of(alone).total.value == 100.0
    nothing = of(counted(0, "a", reasons=["no RAPL zone in /x"]))
    assert (nothing.total.value, nothing.total.reason, nothing.sources) == (None, "no RAPL zone in /x", [])
