"""The machine describes itself; what only a person knows is marked."""

from __future__ import annotations

import json
import logging

from aibench.meters.ceiling import ceiling, data_sheet
from aibench.meters.description import description, mlperf_system


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
