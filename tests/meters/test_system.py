"""The machine describes itself; what only a person knows is marked."""

from __future__ import annotations

import json
import logging
from types import SimpleNamespace

import pytest
import torch

from aibench.characterization.characteristics import _roofline
from aibench.characterization.workload import TaskWorkload
from aibench.commands.system import _ceilings
from aibench.config import default_cache
from aibench.meters import system as of_the_machine
from aibench.meters.ceiling import Ceiling, ceiling, data_sheet, probe
from aibench.meters.description import description, mlperf_system
from aibench.meters.kept import kept
from aibench.meters.system import set_arithmetic, system

FOUND = Ceiling(1.0, 1.0, "made up", "none", 1, "fp32")


def test_the_rows_of_the_papers_table_are_there():
    rows = description()
    assert {"CPU type", "CPU cores", "memory", "Ethernet", "hyper-threading", "GPU type", "operating system"} <= set(
        rows
    )
    assert all(rows.values())


def test_mlperfs_checker_accepts_the_description(tmp_path, caplog):
    from mlperf_logging.system_desc_checker.system_desc_checker import check_system_desc

    path = tmp_path / "system.json"
    path.write_text(json.dumps(mlperf_system()))
    with caplog.at_level(logging.INFO):
        assert check_system_desc(str(path), "training", "6.1.0")[0], caplog.text
    assert mlperf_system()["submitter"] == "TODO"


@pytest.mark.parametrize(("visible", "used", "note"), [(1, "1", ""), (8, "1", "8 GPUs in the machine; a run uses 1")])
def test_a_description_tells_what_a_run_uses_and_what_the_machine_has(monkeypatch, visible, used, note):
    card = SimpleNamespace(name="NVIDIA H200", multi_processor_count=132, total_memory=2**37, major=9, minor=0)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: visible)
    monkeypatch.setattr("torch.cuda.get_device_properties", lambda _: card)
    assert (mlperf_system()["accelerators_per_node"], mlperf_system()["hw_notes"]) == (used, note)
    assert description()["GPU type"] == f"{visible} x NVIDIA H200"
    assert description().get("GPUs in use", "") == note
    assert system(on_cpu=True)["accelerators"] == {"used": 0, "visible": visible}
    assert system()["accelerators"] == {"used": 1, "visible": visible}


def test_a_cache_that_cannot_be_written_is_told_once_and_costs_only_time(tmp_path, caplog):
    (tmp_path / "file").touch()
    for _ in range(2):
        assert kept(str(tmp_path / "file" / "cache"), "x.json", lambda: {"a": 1}, ["a"]) == {"a": 1}
    assert [record.getMessage() for record in caplog.records] == [
        f"aibench: data.cache={tmp_path}/file/cache: Not a directory, so what was measured is not kept. "
        "Set data.cache to a folder that can be written."
    ]


@pytest.mark.parametrize("text", ["", "[]", '{"a"', '{"b": 1}', "\x00"])
def test_what_was_kept_by_something_else_or_cut_off_is_made_anew(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    for makes, has in ((1, 1), (2, 1)):
        assert kept(str(tmp_path), "x.json", lambda makes=makes: {"a": makes}, ["a"]) == {"a": has}
    assert kept(str(tmp_path), "x.json", lambda: {"a": 3}, ["a"], again=True) == {"a": 3}
    assert kept(str(tmp_path), "x.json", lambda: {"a": 4}, ["a"], again=True, lasts=lambda _: False) == {"a": 4}
    assert kept(str(tmp_path), "x.json", lambda: {"a": 5}, ["a"]) == {"a": 3}


def test_whoever_measures_without_a_run_uses_the_cache_of_sessions(composed, monkeypatch, tmp_path):
    for folder in (str(tmp_path), None):
        monkeypatch.setenv("AIBENCH_CACHE", folder) if folder else monkeypatch.delenv("AIBENCH_CACHE")
        assert default_cache() == composed("task=image_classification").data.cache
    used = []
    monkeypatch.setattr("aibench.meters.ceiling.ceiling", lambda *words, **_: used.append(words[2]) or FOUND)
    _ceilings()
    assert set(used) == {default_cache()}
    ceilings = "aibench.characterization.characteristics.ceiling"
    monkeypatch.setattr(ceilings, lambda *words: used.append(words[2]) or FOUND)
    step = SimpleNamespace(count=SimpleNamespace(flops=1), flops=1.0)
    monkeypatch.setattr("aibench.characterization.characteristics.step_bytes", lambda *_: {"total": 1.0})
    for words, cache in (([], default_cache()), ([f"data.cache={tmp_path}/mine"], f"{tmp_path}/mine")):
        _roofline(TaskWorkload("spatial_transformer", "mini", words), None, step, "cpu")
        assert used[-1] == cache


def test_the_ceiling_is_probed_once_and_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("aibench.meters.ceiling.SECONDS", 0.001)
    found = ceiling("fp32", "cpu", str(tmp_path))
    assert found.flops > 1e8
    monkeypatch.setattr("aibench.meters.ceiling.probe", None)
    assert ceiling("fp32", "cpu", str(tmp_path)) == found


def test_data_sheets_hold_dense_numbers():
    assert data_sheet("NVIDIA H200", "bf16") == data_sheet("NVIDIA H100 80GB HBM3", "bf16") == 989.4e12
    assert data_sheet("AMD EPYC", "fp32") is None


def tf32_is_allowed() -> tuple[bool, bool]:
    return torch.get_float32_matmul_precision() != "highest", torch.backends.cudnn.allow_tf32


def test_fp32_is_fp32_and_tf32_has_to_be_asked_for(monkeypatch):
    threads = torch.get_num_threads()
    try:
        set_arithmetic(1, tf32=True)
        assert tf32_is_allowed() == (True, True)
        set_arithmetic(1)
        assert tf32_is_allowed() == (False, False)
        during = []
        monkeypatch.setattr("aibench.meters.ceiling._probed", lambda *_: during.append(tf32_is_allowed()))
        probe("tf32", "cpu")
        assert during == [(True, True)]
        assert tf32_is_allowed() == (False, False)  # a probe leaves things as they were
    finally:
        torch.set_num_threads(threads)


def test_the_data_sheets_know_tf32_where_a_chip_has_it():
    assert data_sheet("NVIDIA H200", "tf32") == data_sheet("NVIDIA H200", "bf16") / 2
    assert data_sheet("Tesla T4", "tf32") is None


def test_generations_of_one_name_are_told_apart(monkeypatch, tmp_path):
    told = "model\t\t: {}\nmodel name\t: AMD EPYC\ncpu family\t: 25\nstepping\t: 1\n"
    described = {}
    for model in (1, 17):
        (tmp_path / "cpuinfo").write_text(told.format(model))
        monkeypatch.setattr(of_the_machine, "CPU_INFO", str(tmp_path / "cpuinfo"))
        described[model] = system()
    assert described[1]["cpu"] == described[17]["cpu"] == "AMD EPYC"
    assert described[17]["cpu_kind"]["model"] == 17
    assert described[1]["cpu_kind"] != described[17]["cpu_kind"]
    monkeypatch.setattr(of_the_machine, "CPU_INFO", str(tmp_path / "none"))
    assert system()["cpu_kind"]["family"] is None
