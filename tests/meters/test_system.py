"""The machine describes itself; what only a person knows is marked."""

from __future__ import annotations

import json
import logging

import torch

from aibench.meters.ceiling import ceiling, data_sheet, probe
from aibench.meters.description import description, mlperf_system
from aibench.meters.system import set_arithmetic


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
