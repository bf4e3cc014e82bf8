"""The fallbacks: what the operating system, perf and NVML count, and that each says what it is."""

from __future__ import annotations

import ctypes
import json
import mmap
import signal
import time
from types import SimpleNamespace

import pynvml
import pytest

from aibench.characterization import perf_stat, software
from aibench.characterization.counters import counters, main
from aibench.characterization.gpm import METRICS, Gpm, TimeActive
from aibench.characterization.perf_stat import PerfStat, parsed
from aibench.characterization.selection import selected
from aibench.characterization.software import Software
from aibench.config import ConfigError
from aibench.meters.gpu import Gpu


def test_cpu_seconds_and_sleeps_are_told_apart():
    busy, asleep = Software(), Software()
    with busy.watch():
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass
    with asleep.watch():
        time.sleep(0.05)
    assert busy.task_clock >= 0.045
    assert asleep.seconds >= 0.05
    assert asleep.task_clock < busy.task_clock
    assert asleep.voluntary_switches >= 1


def test_fresh_pages_are_counted_and_raise_the_peak():
    found = Software()
    with found.watch(), mmap.mmap(-1, 32 << 20) as fresh:  # memory from malloc may have been touched before
        for place in range(0, len(fresh), mmap.PAGESIZE):
            fresh[place] = 1
    assert found.minor_faults >= 1
    before = found.peak_rss
    again = Software()
    with again.watch():
        pass
    if before is None:
        pytest.skip(found.reasons["peak_rss"])
    assert before - again.peak_rss > 16 << 20, "the peak is that of the watched time, not of the process's life"


def test_a_system_that_cannot_reset_the_peak_has_none(monkeypatch, tmp_path):
    monkeypatch.setattr(software, "CLEAR", tmp_path / "none" / "clear_refs")
    found = Software()
    with found.watch():
        pass
    assert found.peak_rss is None
    assert "clear_refs" in found.reasons["peak_rss"]


def test_without_a_pmu_there_is_no_ipc_but_a_reason(monkeypatch, tmp_path):
    monkeypatch.setattr(perf_stat, "DEVICES", tmp_path)
    found = PerfStat()
    with found.watch():
        pass
    assert found.ratios()["ipc"] is None
    assert found.reason.startswith("no PMU")


LINES = """\
{"counter-value" : "3000000.000000", "unit" : "", "event" : "instructions", "pcnt-running" : 100.00}
{"counter-value" : "2000000.000000", "unit" : "", "event" : "cycles", "pcnt-running" : 100.00}
{"counter-value" : "<not supported>", "unit" : "", "event" : "cache-misses", "pcnt-running" : 100.00}
{"counter-value" : "5.000000", "unit" : "", "event" : "cpu_core/branches/", "pcnt-running" : 60.00}
{"counter-value" : "7.000000", "unit" : "", "event" : "cpu_atom/branches/", "pcnt-running" : 40.00}
{"counter-value" : "6.000000", "unit" : "", "event" : "branch-misses:u", "pcnt-running" : 100.00}
perf: 'x' is no event
"""


def test_the_lines_of_perf_stat_are_read():
    found = PerfStat()
    found.counts.update(parsed(LINES))
    assert found.counts["cache-misses"] is None
    assert found.ratios() == {
        "ipc": 1.5,
        "cache_miss_rate": None,
        "branch_miss_rate": 0.5,
        "frontend_stalls": None,
        "backend_stalls": None,
    }


@pytest.fixture
def interruptible():
    """SIGINT as a terminal's programs have it. What a script starts in the background ignores it, children too."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_perf_that_does_not_end_holds_nothing_up(monkeypatch, tmp_path, interruptible):
    (tmp_path / "cpu").mkdir()
    program = tmp_path / "perf"
    program.write_text("#!/bin/sh\ntrap '' INT\nwhile :; do sleep 0.02; done\n")
    program.chmod(0o755)
    monkeypatch.setattr(perf_stat, "DEVICES", tmp_path)
    monkeypatch.setattr(perf_stat, "END_SECONDS", 0.1)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    found = PerfStat()
    with found.watch():
        pass
    assert found.reason == "perf stat counted nothing: it said nothing"


def test_perf_is_asked_and_stopped_around_what_is_watched(monkeypatch, tmp_path, interruptible):
    (tmp_path / "cpu").mkdir()
    program = tmp_path / "perf"
    program.write_text(
        "#!/bin/sh\n"
        'trap \'echo "{\\"counter-value\\": \\"8.0\\", \\"event\\": \\"cycles\\"}" >&2; exit 0\' INT\n'
        f"printf '%s' \"$*\" > {tmp_path}/draft; mv {tmp_path}/draft {tmp_path}/asked\n"
        "while :; do sleep 0.02; done\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(perf_stat, "DEVICES", tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    found = PerfStat()
    with found.watch():
        while not (tmp_path / "asked").exists():  # it takes a signal from now on
            time.sleep(0.01)
    assert "stat -j -e instructions,cycles" in (tmp_path / "asked").read_text()
    assert found.counts["cycles"] == 8.0
    assert found.reason is None


class _Nvml:
    """As pynvml, with a card behind it."""

    NVMLError = pynvml.NVMLError
    c_nvmlGpmMetricsGet_t = pynvml.c_nvmlGpmMetricsGet_t  # noqa: N815
    NVML_GPM_METRICS_GET_VERSION = pynvml.NVML_GPM_METRICS_GET_VERSION

    def __init__(self, supported: bool) -> None:
        self.supported, self.freed = supported, 0

    def __getattr__(self, name: str) -> int:
        assert name.startswith("NVML_GPM_METRIC_"), name
        return getattr(pynvml, name)

    def nvmlGpmQueryDeviceSupport(self, handle):
        return SimpleNamespace(isSupportedDevice=int(self.supported))

    def nvmlGpmSampleAlloc(self):
        return ctypes.cast(ctypes.c_void_p(1), pynvml.c_nvmlGpmSample_t)

    def nvmlGpmSampleGet(self, handle, sample):
        return sample

    def nvmlGpmSampleFree(self, sample):
        self.freed += 1

    def nvmlGpmMetricsGet(self, question):
        for metric in question.metrics[: question.numMetrics]:
            metric.value, metric.nvmlReturn = 10.0 * metric.metricId, 0
            if metric.metricId == pynvml.NVML_GPM_METRIC_ANY_TENSOR_UTIL:
                metric.nvmlReturn = pynvml.NVML_ERROR_NOT_SUPPORTED

    def nvmlDeviceGetUtilizationRates(self, handle):
        return SimpleNamespace(gpu=75, memory=3)


def test_gpm_gives_ratios_under_the_papers_names():
    nvml = _Nvml(supported=True)
    found = Gpm(Gpu(nvml, "handle", None))
    with found.watch():
        pass
    assert found.reason is None
    assert found.values["achieved_occupancy"] == pytest.approx(0.3)  # NVML_GPM_METRIC_SM_OCCUPANCY is 3
    assert found.values["dram_utilization"] == pytest.approx(1.0)  # 10
    assert found.values["tensor_active"] is None
    assert set(found.values) == set(METRICS)
    assert nvml.freed == 2


def test_a_card_without_gpm_says_so_and_its_use_is_named_as_what_it_is():
    gpu = Gpu(_Nvml(supported=False), "handle", None)
    found, active = Gpm(gpu), TimeActive(gpu)
    with found.watch():
        active.look()
    assert "no GPM" in found.reason
    assert set(found.values.values()) == {None}
    assert active.mean == 0.75
    assert TimeActive(Gpu(None, None, "no GPU")).mean is None


WORDS = ["task=learning_to_rank", "hardware=cpu", "data.batch_size=64"]


@pytest.mark.slow
def test_each_workload_on_a_cpu_has_a_process_of_its_own():
    (workload,) = selected(WORDS)
    found = counters(workload, "cpu", steps=2)
    assert found["source"] in ("software", "perf_stat")
    assert (found["batch_size"], found["steps"]) == (64, 2)
    workload.words = ["data.batch_size=0"]
    with pytest.raises(ConfigError, match=r"^task=learning_to_rank: its steps failed: .*batch_size"):
        counters(workload, "cpu", steps=2)


def test_a_cpus_section_has_no_number_that_nothing_counted(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(perf_stat, "DEVICES", tmp_path)
    main(json.dumps({"words": WORDS, "steps": 2, "threads": 1}))
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["source"] == "software"
    assert set(found["metrics"].values()) == {None}
    assert set(found["reasons"]) == set(found["metrics"])
    assert found["cpu"]["ipc"] is None
    assert found["cpu_reasons"]["ipc"].startswith("no PMU")
    assert found["software"]["task_clock"] > 0
    assert (found["batch_size"], found["steps"]) == (64, 2)
