"""Breakdown and hotspots: tables and a figure of profiles whose numbers are plain."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aibench.analysis.workloads import breakdown, hotspots
from aibench.analysis.workloads.breakdown_figure import COLORS, plot
from aibench.characterization.classes import read_rules
from aibench.commands.app import app
from aibench.results.record import SCHEMA_VERSION, Record, RecordError


def function(name: str, category: str | None, seconds: float, phase: str = "forward", calls: int = 2) -> dict[str, Any]:
    return {
        "name": name, "operator": name, "category": category, "phase": phase, "calls": calls,
        "seconds": seconds, "share": seconds / 10, "share_of_wall": seconds / 20,
    }  # fmt: skip


def told(unknown: list[dict[str, Any]]) -> dict[str, Any]:
    sums = {what: sum(one[what] for one in unknown) for what in ("seconds", "share")}
    return sums | {"names": [one["name"] for one in unknown]}


def record(name: str, functions: list[dict[str, Any]], **changed: Any) -> Record:
    sums: dict[str, float] = {}
    for one in functions:
        if one["category"] is not None:
            sums[one["category"]] = sums.get(one["category"], 0.0) + one["seconds"]
    unknown = [one for one in functions if one["category"] is None]
    profile = {
        "batch": 8, "suite_batch": 8, "steps": 2, "wall": 20.0, "busy": 10.0, "input": 0.0,
        "step_seconds": 10.0, "plain_step_seconds": 9.0, "profiler_cost": 0.11, "gpu_idle": None,
        "framework": {"autograd": 4.0, "python": 6.0},
        "unclassified": told(unknown),
        "categories": {key: {"seconds": value, "share": value / 10} for key, value in sums.items()},
        "phases": {}, "functions": functions, "shapes": [], "layers": [], "rules": "classes.yaml",
    }  # fmt: skip
    return Record(name, "AIBench", "mini", "cpu", 1, "2", {"CPU type": "a CPU"}, profile=profile | changed)


VISION = record(
    "vision",
    [
        function("aten::conv", "convolution", 3.0),
        function("aten::conv_backward", "convolution", 4.0, "backward"),
        function("aten::mul", "element-wise", 1.0),
        function("aten::mul", "element-wise", 1.7, "backward"),
        function("mine::op", None, 0.3),
    ],
)
TEXT = record("text", [function("aten::mm", "GEMM", 9.0), function("aten::mul", "element-wise", 1.0)], batch=2)


def test_the_same_workload_in_two_settings_stands_side_by_side():
    quick = replace(TEXT, setting="bf16, CUDA graph")
    grid = breakdown.table(breakdown.bars([TEXT, quick]))
    assert [row[0] for row in grid.rows] == ["text", "text (bf16, CUDA graph)"]
    assert [row["setting"] for row in grid.records] == ["", "bf16, CUDA graph"]
    assert {row[0] for row in hotspots.of_each(breakdown.bars([TEXT, quick]), top=1).rows} == {
        row[0] for row in grid.rows
    }


def test_the_shares_of_a_row_sum_to_one_hundred():
    found = breakdown.bars([VISION, TEXT])
    grid = breakdown.table(found)
    shown = breakdown.columns(found)
    assert shown == ["GEMM", "convolution", "element-wise", "the rest"]
    for bar in found:
        assert sum(breakdown.of_column(bar, name, shown) for name in shown) == pytest.approx(1)
    for row in grid.rows:
        assert sum(float(cell) for cell in row[1 : 1 + len(shown)]) == pytest.approx(100)
    assert grid.rows[0][1:5] == ["0", "70", "27", "3"]
    assert "2 of 8" in grid.rows[1]
    assert "3 % unclassified: mine::op" in grid.notes[0]


def test_the_files_columns_are_unrounded():
    first = breakdown.table(breakdown.bars([VISION])).records[0]
    assert first["convolution"] == pytest.approx(0.7)
    assert first["unclassified"] == pytest.approx(0.03)
    assert first["framework_autograd"] == 4.0


def test_the_figure_is_drawn(tmp_path):
    plot(breakdown.bars([VISION, TEXT]), tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1000


def test_every_category_of_the_suite_has_a_colour_of_its_own():
    assert set(read_rules().categories) <= COLORS.keys()
    assert len(set(COLORS.values())) == len(COLORS)


def test_records_without_a_profile_are_left_out_and_none_is_refused():
    bare = Record("bare", "AIBench", "mini", "cpu", 1, "2", {})
    assert [bar.record.name for bar in breakdown.bars([bare, TEXT])] == ["text"]
    with pytest.raises(RecordError, match="no record has a profile"):
        breakdown.bars([bare])


def test_a_profile_that_does_not_add_up_is_refused():
    with pytest.raises(RecordError, match="do not sum"):
        breakdown.bars([record("text", [function("aten::mm", "GEMM", 9.0)])])
    with pytest.raises(RecordError, match="lacks 'busy'"):
        breakdown.bars([Record("a", "AIBench", "mini", "cpu", 1, "2", {}, profile={"categories": {}})])


def test_hotspots_are_shares_over_all_workloads():
    found = hotspots.hotspots(breakdown.bars([VISION, TEXT]), 1)
    by_category = {one.category: one for one in found}
    assert [one.category for one in found] == ["GEMM", "convolution", "element-wise", "unclassified"]
    assert by_category["convolution"].name == "aten::conv_backward"
    assert by_category["convolution"].of_category == pytest.approx(4 / 7)
    assert by_category["convolution"].share == pytest.approx(0.2), "in one of two workloads"
    assert by_category["element-wise"].shares == pytest.approx({"vision": 0.27, "text": 0.1})


def test_a_workloads_hotspots_join_its_passes():
    rows = hotspots.of_each(breakdown.bars([VISION]), 3).rows
    assert [(row[1], row[3], row[4]) for row in rows] == [
        ("aten::conv_backward", "40", "1"),
        ("aten::conv", "30", "1"),
        ("aten::mul", "27", "2"),
    ]


def test_a_kernels_name_is_cut_to_what_a_person_reads():
    name = "void at::native::(anonymous namespace)::softmax_warp_forward<float, float>(float*, int)"
    assert hotspots.short(name) == "softmax_warp_forward<float, float>"
    assert len(hotspots.short("x" * 300)) == hotspots.LONGEST


def folder(path: Path, *records: Record) -> Path:
    path.mkdir()
    for one in records:
        text = json.dumps({"schema_version": SCHEMA_VERSION, **asdict(one)})
        (path / f"{one.name}-{one.scale}.json").write_text(text, encoding="utf-8")
    return path


def test_the_verbs_write_tables_and_figures(tmp_path):
    place = folder(tmp_path / "records", VISION, TEXT)
    written = {name: tmp_path / name for name in ("a.md", "a.csv", "a.png", "b.md", "b.csv")}
    options = ["--markdown", written["a.md"], "--csv", written["a.csv"], "--figure", written["a.png"]]
    ran = CliRunner().invoke(app, ["breakdown", str(place), *map(str, options)])
    assert ran.exit_code == 0, ran.output
    ran = CliRunner().invoke(
        app, ["hotspots", str(place), "--markdown", str(written["b.md"]), "--csv", str(written["b.csv"])]
    )
    assert ran.exit_code == 0, ran.output
    assert all(path.stat().st_size > 100 for path in written.values())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["breakdown", "nowhere"], "nowhere: No such file"),
        (["hotspots", "RECORDS", "--scale", "reference"], "--scale=reference: no such record. There are: mini."),
        (["micro", "RECORDS"], "no case"),
        (["micro", "SUITE", "RECORDS"], "a suite, among 2 places"),
        (["micro", "SUITE", "--hardware", "tpu"], "--hardware=tpu: no such device"),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path, words, message):
    suite = tmp_path / "suite.json"
    one = {"operator": "aten::mm", "shapes": [[2, 2], [2, 2]], "types": ["float", "float"], "values": ["", ""]}
    suite.write_text(json.dumps({"schema_version": 1, "cases": [one]}), encoding="utf-8")
    places = {"RECORDS": folder(tmp_path / "records", TEXT), "SUITE": suite}
    ran = CliRunner().invoke(app, [str(places.get(word, word)) for word in words])
    assert ran.exit_code == 1
    assert message in ran.output
    assert len(ran.output.strip().splitlines()) == 1
