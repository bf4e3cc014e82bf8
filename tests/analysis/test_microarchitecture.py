"""Tables and radar figures of what was counted; what the verbs say and refuse."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aibench.analysis.workloads.microarchitecture import FIVE, hardware_axes, reasons, system_axes, tables
from aibench.analysis.workloads.radar import OF_HARDWARE, OF_SYSTEM, plot
from aibench.results.record import SCHEMA_VERSION, Record

NOTHING = {"metrics": dict.fromkeys(FIVE), "reasons": dict.fromkeys(FIVE, "a GPU's metric"), "stalls": None}


def record(name: str, counters: dict | None) -> Record:
    return Record(name, "AIBench", "mini", "cpu", 2, "2.11", {}, counters=counters)


def of_system(name: str, busy: float, faults: int, peak: int | None) -> Record:
    software = {
        "seconds": 2.0,
        "task_clock": 2 * busy,
        "cores_busy": busy,
        "system_share": 0.25,
        "minor_faults": faults,
        "major_faults": 0,
        "voluntary_switches": 6,
        "involuntary_switches": 4,
        "start_rss": 1 << 20,
        "peak_rss": peak,
        "reasons": {} if peak else {"peak_rss": "no clear_refs"},
    }
    cpu = {"cpu": {"ipc": None, "counts": {}}, "cpu_reasons": {"ipc": "no PMU"}}
    return record(name, {"source": "software", **NOTHING, **cpu, "batch_size": 8, "steps": 10, "software": software})


def of_ncu(name: str) -> Record:
    metrics = {metric: place / 10 for place, metric in enumerate(FIVE, 1)} | {"gld_efficiency": None}
    found = {
        "source": "ncu",
        "metrics": metrics,
        "reasons": {"gld_efficiency": "no kernel moved a sector"},
        "stalls": {"memory_dependency": 0.75, "texture": None, "other": 0.25},
        "gpu_busy_fraction": 0.9,
        "batch_size": 8,
        "steps": 1,
    }
    return record(name, found)


def test_the_systems_record_is_told_by_step_and_by_second():
    (grid,) = tables([of_system("a", 1.5, 400, 4 << 20), record("unmeasured", None)])
    row = dict(zip(grid.heads, grid.rows[0], strict=True))
    assert len(grid.rows) == 1
    assert row["CPU\nms/step"] == "300"
    assert row["faults\n/step"] == "40"
    assert row["sleeps\n/CPU s"] == "2"
    assert row["peak\nMiB"] == "3"
    assert row["IPC"] == "-"
    assert "no hardware counter" in grid.title
    assert grid.records[0]["minor_faults"] == 400


def test_metrics_and_stalls_have_tables_of_their_own():
    metrics, stalls = tables([of_ncu("a")])
    assert metrics.rows[0][2:] == ["10", "20", "-", "40", "50", "90"]
    assert stalls.rows[0][2:] == ["75", "-", "25"]


def test_every_null_has_its_reason_once():
    lines = reasons([of_system("a", 1, 1, None), of_system("b", 1, 1, 1 << 20)])
    assert "ipc: null for all: no PMU" in lines
    assert "peak_rss: null for a: no clear_refs" in lines
    assert len(lines) == 3


def test_the_radars_rim_is_the_largest_but_for_shares():
    records = [of_system("a", 1.5, 400, 2 << 20), of_system("b", 2.5, 100, None)]
    axes = {axis.head: axis for axis in system_axes(records)}
    faults = axes["page faults per CPU s"]
    assert (faults.values, faults.full) == ({"a": pytest.approx(400 / 3), "b": 20}, pytest.approx(400 / 3))
    busy = axes["cores busy, of the threads"]
    assert (busy.values, busy.full) == ({"a": 0.75, "b": 1.0}, 1.0)
    assert axes["peak memory, above the libraries'"].values == {"a": 1 << 20, "b": None}
    assert {axis.full for axis in hardware_axes([of_ncu("a")])} == {1.0}


def test_the_figure_says_what_it_is(tmp_path):
    assert plot([of_system(name, 1, 1, 1) for name in "abcdefgh"], tmp_path / "system.png") == OF_SYSTEM
    assert "not the paper's Figure 3" in OF_SYSTEM
    assert plot([of_system("a", 1, 1, 1), of_ncu("b")], tmp_path / "ncu.png") == OF_HARDWARE
    assert (tmp_path / "ncu.png").stat().st_size > 5000
    with pytest.raises(ValueError, match="no record has counters"):
        plot([record("a", None)], tmp_path / "none.png")


def written(folder: Path, *records: Record) -> Path:
    folder.mkdir()
    for one in records:
        text = json.dumps({"schema_version": SCHEMA_VERSION, **asdict(one)})
        (folder / f"{one.name}-mini.json").write_text(text)
    return folder


def run(*words: str) -> tuple[int, str, str]:
    from aibench.commands.app import app

    done = CliRunner().invoke(app, words)
    return done.exit_code, done.stdout, done.stderr


def test_records_are_shown_and_drawn_without_measuring(tmp_path):
    folder = written(tmp_path / "records", of_system("a", 1.5, 400, None))
    figure, table, markdown = (tmp_path / f"out/x.{end}" for end in ("png", "csv", "md"))
    options = ("--figure", str(figure), "--csv", str(table), "--markdown", str(markdown))
    code, said, _ = run("counters", "--from", str(folder), *options)
    assert code == 0
    assert "peak_rss: null for all: no clear_refs" in said
    assert "not the paper's Figure 3" in said
    assert figure.stat().st_size > 5000
    assert table.read_text().startswith("workload,scale,source")
    assert "| a | mini |" in markdown.read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("counters", "--ncu-csv", "no.csv"), "no.csv: No such file"),
        (("counters", "--csv", "ncu.csv"), "To read Nsight Compute's file, write --ncu-csv ncu.csv."),
        (("counters", "--from", "none"), "none: "),
        (("counters", "task=x", "--from", "none"), "task=x: --from reads records and measures nothing"),
        (("similarity", "records"), "0 workloads can be compared, and it takes 4. (a: left out, its operations"),
        (("similarity", "records", "--scale", "huge"), "--scale=huge: no record of it. One of: mini."),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path, monkeypatch, words, message):
    written(tmp_path / "records", record("a", None))
    monkeypatch.chdir(tmp_path)
    code, said, complaint = run(*words)
    assert (code, said) == (1, "")
    assert message in complaint
    assert complaint.count("\n") == 1


def test_reading_counters_imports_no_torch(tmp_path):
    code = (
        "import sys, aibench.analysis.workloads.radar, aibench.analysis.workloads.similarity, "
        "aibench.analysis.workloads.similarity_figure, "
        "aibench.commands.counters, aibench.characterization.ncu_totals; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "sklearn", "matplotlib", "pytorch_lightning"} & set(done.stdout.split())
