"""A result says how far its timings can be believed."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from aibench.analysis.published.foreign import FOREIGN
from aibench.meters import trust
from aibench.meters.cpu import CpuMark, CpuShares
from aibench.meters.energy import EnergyMeter, NvmlCounter
from aibench.meters.gpu import Gpu
from aibench.meters.made_up import Nvml
from aibench.meters.system import usable_cores
from aibench.meters.telemetry import THROTTLE, Column, Telemetry
from aibench.meters.trust import Reason, Watch, announced, other_runs
from aibench.training.outcome import SALVAGED, UNSTARTED
from tests.conftest import ROOT

NO_GPU = Gpu(None, None, "no GPU")
STEADY = [0.1] * 60


@pytest.fixture
def watch(monkeypatch):
    monkeypatch.setattr("aibench.meters.trust.other_runs", lambda run="": set())
    return Watch(usable_cores(), NO_GPU, Telemetry(None, 0, NO_GPU))


def test_a_hog_of_the_processors_turns_the_level_to_warn(watch):
    hog = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        while not any("other processes used" in reason for reason in watch.judge(STEADY).reasons):
            time.sleep(0.1)  # until the hog has had a share
        assert watch.judge(STEADY).level == "warn"
    finally:
        hog.kill()
        hog.wait()


def test_a_quiet_machine_is_ok(watch, monkeypatch):
    quiet = CpuShares(own=0.9, others=0.01, stolen=0.0, waited=0.0)
    monkeypatch.setattr(CpuShares, "between", staticmethod(lambda *_: quiet))
    assert watch.judge(STEADY).level == "ok"


def test_shares_are_of_the_cores_that_may_be_used():
    start = CpuMark(at=0, busy=100, own=10, stolen=0, waited=1)
    end = CpuMark(at=10, busy=118, own=20, stolen=2, waited=2)
    shares = CpuShares.between(start, end, cores=2)
    assert (shares.own, shares.others, shares.stolen, shares.waited) == pytest.approx((0.5, 0.3, 0.1, 0.1))


def test_a_throttled_and_heated_card_is_named(watch):
    watch.telemetry.throttled = {"power cap"}
    watch.telemetry.columns = {
        "gpu_celsius": Column(40, 80, 40, 80, 180, 3),
        "gpu_sm_mhz": Column(1980, 1500, 1500, 1980, 4800, 3),
    }
    reasons = "; ".join(watch.judge(STEADY).reasons)
    assert "throttled: power cap" in reasons
    assert "warmed up from 40 to 80" in reasons
    assert "1600 MHz on average, and at 1980 MHz at best" in reasons


QUIET = CpuShares(own=0.9, others=0.01, stolen=0.0, waited=0.0)


@pytest.mark.parametrize(
    ("shares", "durations", "more", "reasons"),
    [
        (QUIET, [0.1] * 10, {}, ["only 10 steady steps: their median asks for 30"]),
        (QUIET, STEADY, {}, []),
        (QUIET, [0.1] * 30 + [0.15] * 30, {}, ["the last third of the steps took 50 % longer than the first third"]),
        (QUIET, [0.2] * 30 + [0.1] * 30, {}, ["the last third of the steps took 50 % less time than the first third"]),
        (QUIET, [0.1] * 30 + [0.15] * 30, {"same_work": False}, []),
        (QUIET, [], {"what": "requests"}, []),
        (QUIET, [0.1] * 10, {"what": "requests"}, []),
        (
            QUIET,
            [0.1] * 30 + [0.15] * 30,
            {"what": "requests"},
            ["the last third of the requests took 50 % longer than the first third"],
        ),
        (CpuShares(0.9, 1.91, 0.0, 0.0), STEADY, {}, ["other processes used 1.9 cores of the machine's 2"]),
        (CpuShares(0.9, 0.0, 0.02, 0.0), STEADY, {}, ["the host gave 0.02 cores of the machine's 2 to other guests"]),
    ],
)
def test_reasons_are_sentences_about_what_they_name(watch, monkeypatch, shares, durations, more, reasons):
    monkeypatch.setattr(CpuShares, "between", staticmethod(lambda *_: shares))
    monkeypatch.setattr("psutil.cpu_count", lambda: 2)
    watch.cores = 1  # of two: this process is pinned
    assert watch.judge(durations, **more).reasons == reasons


def printed() -> set[str]:
    """Every reason that the code can print, with `*N*` for what it fills in."""
    found = {re.sub(r"{(?!why|what)[^}]*}", "*N*", reason) for reason in Reason}
    counted = {"*N* computed": "*N* other processes computed", "*N* of its pool": "*N* other runs of its pool"}
    for short, whole in {"{what}": "*steps*", **counted}.items():
        found = {reason.replace(short, whole) for reason in found}
    throttled = next(reason for reason in found if "{why}" in reason)
    found = found - {throttled} | {throttled.replace("{why}", why) for why in THROTTLE.values()}
    return found | {UNSTARTED, SALVAGED, FOREIGN}


def test_the_docs_say_what_to_do_about_every_reason_that_can_be_printed():
    text = (ROOT / "docs" / "measurement.md").read_text().split("## Trust", 1)[1].split("\n## ", 1)[0]
    rows = [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in text.splitlines() if line[:1] == "|"]
    advice = {row[0]: row[2] for row in rows[2:]}
    assert set(advice) == printed()
    assert all(len(what.split()) > 2 for what in advice.values())


def test_a_judgement_says_nothing_that_is_not_listed():
    source = inspect.getsource(trust)
    yielded = re.findall(r"(?:yield (?!from)|reasons\.append\()(\S+)", source)
    assert yielded
    assert all(name.startswith(("Reason.", "reason.format")) for name in yielded), yielded


def test_runs_see_each_other_and_not_those_that_were_killed(tmp_path):
    with announced(tmp_path):
        (tmp_path / "4.run").touch()
        (tmp_path / "5.run").touch()
        assert other_runs(tmp_path, alive=lambda pid: pid in (4, os.getpid())) == {4}
        assert not (tmp_path / "5.run").exists()
        assert (tmp_path / f"{os.getpid()}.run").exists()
    assert not (tmp_path / f"{os.getpid()}.run").exists()


def test_processes_that_a_launcher_started_for_the_same_run_are_no_other_run(tmp_path):
    with announced(tmp_path, "node0:29500"):
        other = subprocess.run(
            [sys.executable, "-c", OTHER_RUNS, str(tmp_path)], capture_output=True, text=True, check=True, cwd=ROOT
        )
    assert [line == "set()" for line in other.stdout.splitlines()] == [True, False, False]


OTHER_RUNS = """
import sys; from pathlib import Path; from aibench.meters.trust import other_runs
for run in ("node0:29500", "node0:29501", ""):
    print(other_runs(Path(sys.argv[1]), run=run))
"""


@pytest.mark.parametrize(("run", "expected"), [("", ["other processes used 1 cores of the machine's 2"]), ("a:1", [])])
def test_what_other_ranks_of_the_run_used_is_its_own(monkeypatch, run, expected):
    """Another process has used one of two cores: a rank that a launcher started, where there is one."""
    moments = iter([(0.0, 0.0, 0.0), *[(10.0, 20.0, 10.0)] * 3])

    def now(peers=0.0):
        at, busy, own = next(moments)
        return CpuMark(at, busy, own + peers, 0.0, None)

    monkeypatch.setattr(CpuMark, "now", staticmethod(now))
    monkeypatch.setattr("aibench.meters.trust.psutil.cpu_count", lambda: 2)
    monkeypatch.setattr("aibench.meters.trust.other_runs", lambda run="": set())
    watch = Watch(2, NO_GPU, Telemetry(None, 0, NO_GPU), run=run)
    assert watch.judge(STEADY).reasons == expected, "of ranks that did not tell nothing is said"
    watch.beside(10.0, {7})
    assert watch.judge(STEADY).reasons == []
    watch.end = CpuMark(10.0, 30.0, 20.0, 0.0, None)
    assert watch.judge(STEADY).reasons == ["other processes used 1 cores of the machine's 2"]


def test_telemetry_is_written_as_it_is_sampled_and_costs_little(tmp_path):
    telemetry = Telemetry(tmp_path, 50, NO_GPU, EnergyMeter([], []))
    telemetry.start()
    while telemetry.columns.get("load") is None or telemetry.columns["load"].count < 3:
        time.sleep(0.01)
    telemetry.stop()
    telemetry.stop()
    lines = (tmp_path / "telemetry.csv").read_text().splitlines()
    assert lines[0].startswith("time,cpu_percent,process_cpu_percent,load,")
    assert len(lines) - 1 == telemetry.columns["load"].count
    assert telemetry.spent / telemetry.columns["load"].count < 0.01


def test_telemetry_has_a_column_for_each_sensor_whatever_its_label():
    library = Nvml([[0.0, 5.0], [0.0, 7.0]], SimpleNamespace(second=0))
    meter = EnergyMeter([NvmlCounter(library, card, "gpu") for card in (0, 1)], [])
    library.now.second = 1
    row = Telemetry(None, 1, NO_GPU, meter).sample()
    assert (row["gpu (GPU-0)_joules"], row["gpu (GPU-1)_joules"]) == (5.0, 7.0)


def test_a_rate_of_zero_samples_nothing(tmp_path):
    telemetry = Telemetry(tmp_path, 0, NO_GPU)
    telemetry.start()
    telemetry.stop()
    assert not (tmp_path / "telemetry.csv").exists()
