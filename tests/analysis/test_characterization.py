"""Records are read or refused in a line; coverage and the printed numbers follow from them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from aibench.analysis.workloads.coverage import Point, coverage, points, ranges
from aibench.analysis.workloads.coverage_figures import bars, spans
from aibench.analysis.workloads.models_table import models, uncounted, uncounted_share
from aibench.analysis.workloads.paper_sizes import comparison, printed_numbers
from aibench.results.record import RecordError, read_record, read_records


def record(name, suite="AIBench", parameters=1_000_000, flops=2e6, words=(), **sections):
    characteristics = {
        "words": list(words),
        "sample": "float32 1x3",
        "batch_size": 8,
        "parameters": {"total": parameters, "trainable": parameters, "embedding": 0},
        "forward": {"flops": flops, "macs": flops and flops / 2},
        "second_count": {"ratio": 1.0},
        "step": {"flops_per_sample": 3e6, "uncounted": {"aten.relu": 3, "aten.mul": 5}, "reason": None},
        "memory": {"measured": [{"batch": 1, "bytes": 5_000_000, "reason": None, "estimate": 1.0}]},
    }
    head = {"device": "cpu", "threads": 1, "torch": "2", "system": {"CPU type": "made"}}
    return {
        "schema_version": 1,
        "name": name,
        "suite": suite,
        "scale": "reference",
        **head,
        "characteristics": characteristics,
        "profile": None,
        "counters": None,
        "micro": None,
        **sections,
    }


@pytest.fixture
def folder(tmp_path):
    for one in (
        record("small", parameters=1_000, flops=10.0),
        record("large", parameters=8_000_000, flops=4e9),
        record("mlperf/one", "MLPerf", parameters=2_000_000, flops=1e9),
        record("mlperf/ncf", "MLPerf", parameters=4_000, flops=213_248.0),
    ):
        (tmp_path / f"{one['name'].replace('/', '-')}-reference.json").write_text(json.dumps(one))
    return tmp_path


def test_records_are_read_by_suite_and_name(folder):
    assert [one.name for one in read_records([folder])] == ["large", "small", "mlperf/ncf", "mlperf/one"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "not JSON"),
        ("[]", "has no schema_version"),
        ('{"schema_version": 9}', "schema_version 9, and this aibench reads 1"),
        (json.dumps({**record("x"), "extra": 1}), "holds extra"),
        (json.dumps({key: value for key, value in record("x").items() if key != "device"}), "lacks device"),
        (json.dumps({**record("x"), "profile": 3}), "profile is neither an object nor null"),
        (
            json.dumps({**record("x"), "characteristics": {"forward": 7}}),
            r"characteristics\.forward is of another form",
        ),
    ],
)
def test_what_is_no_record_is_refused_in_a_line_that_names_it(tmp_path, text, complaint):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(RecordError, match=complaint) as caught:
        read_record(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_empty_folders_missing_files_and_second_records_are_refused(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecordError, match="holds no record"):
        read_records([tmp_path / "empty"])
    with pytest.raises(RecordError, match="No such file"):
        read_records([tmp_path / "none.json"])
    with pytest.raises(RecordError, match="a second record of small"):
        read_records([folder, folder / "small-reference.json"])


def test_ranges_go_from_least_to_most_and_peaks_are_compared(folder):
    found = points(read_records([folder]))
    flops = ranges(found, "flops")
    assert flops["AIBench"].least == (10.0, "small")
    assert flops["AIBench"].most == (4e9, "large")
    assert flops["MLPerf"].decades == pytest.approx(3.671, abs=1e-3)
    by_name = {row["characteristic"]: row for row in coverage(found).records}
    assert by_name["flops"]["ratio_of_peaks"] == 4.0
    assert by_name["parameters"]["ratio_of_peaks"] == 4.0
    assert by_name["epochs"]["ratio_of_peaks"] is None
    assert by_name["epochs"]["paper_ratio"] == pytest.approx(96 / 49)


def test_models_that_vary_are_left_out_as_in_the_paper_and_rows_with_them_follow():
    found = [
        Point("small", "AIBench", "reference", 1e3, 1e4, 2.0, 4, "reference"),
        Point("large", "AIBench", "reference", 1e9, 1e7, 5.0, 4, "reference"),
        Point("search", "AIBench", "reference", 1e12, 1e9, 40.0, 4, "reference", varies=True),
        Point("mlperf/one", "MLPerf", "reference", 1e8, 1e7),
    ]
    table = coverage(found)
    most = {(row["characteristic"], row["with"]): row["aibench_most_workload"] for row in table.records}
    assert most == {
        ("flops", ""): "large",
        ("parameters", ""): "large",
        ("epochs", ""): "search",  # the paper has its convergent quality
        ("flops", "search"): "search",
        ("parameters", "search"): "search",
    }
    assert [row["ratio_of_peaks"] for row in table.records if row["characteristic"] == "parameters"] == [1.0, 100.0]
    assert any("leaves out search and MLPerf's model of reinforcement learning" in note for note in table.notes)
    assert not any("leaves out" in note for note in coverage(found[:2]).notes)


def test_a_record_whose_steps_vary_is_a_point_that_varies(tmp_path):
    varying = record("search")
    varying["characteristics"]["varying"] = {"steps": 10, "least": 1.0, "median": 2.0, "most": 3.0}
    for name, one in (("a", varying), ("b", record("steady"))):
        (tmp_path / f"{name}.json").write_text(json.dumps(one))
    assert {point.name: point.varies for point in points(read_records([tmp_path]))} == {"search": True, "steady": False}


def test_a_configuration_beside_the_suite_is_no_point(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(record("large", words=["model=other"])))
    assert points(read_records([path])) == []


def test_printed_numbers_are_compared_with_the_configuration_that_they_name(folder):
    rows = {(row["what"], row["quantity"]): row for row in comparison(read_records([folder])).records}
    least = rows["fewest FLOPs of MLPerf", "flops"]
    assert (least["ratio"], least["verdict"], least["configuration"]) == (1.0, "reproduced", "mlperf/ncf")
    assert rows["most FLOPs of MLPerf", "flops"]["configuration"] == "mlperf/one"
    assert rows["fewest parameters of AIBench", "parameters"]["verdict"] == "not counted here"


def test_every_printed_number_says_where_the_paper_has_it():
    for one in printed_numbers():
        assert one.printed > 0
        assert one.where
        assert (one.task is None) != (one.suite is None)


def test_tables_of_models_give_the_columns_that_the_subset_reads(folder, tmp_path):
    from aibench.analysis.subset.features import read_characteristics

    models(read_records([folder]), {("small", "reference"): (3.5, 4)}).write_csv(tmp_path / "table.csv")
    found = read_characteristics(tmp_path / "table.csv", "reference")
    assert found["large"]["parameters"] == 8_000_000
    assert found["large"]["flops"] == 4e9
    assert found["small"]["epochs"] == 3.5


def test_the_share_of_uncounted_time_is_what_is_no_product(tmp_path):
    shares = {"GEMM": {"share": 0.5}, "convolution": {"share": 0.2}, "activation": {"share": 0.3}}
    path = tmp_path / "a.json"
    path.write_text(json.dumps(record("a", profile={"categories": shares})))
    (one,) = read_records([path])
    assert uncounted_share(one) == pytest.approx(0.3)
    assert {row["operator"]: row["calls"] for row in uncounted([one]).records} == {"aten.relu": 3, "aten.mul": 5}


def test_figures_are_drawn_with_and_without_epochs(tmp_path):
    found = [
        Point("a", "AIBench", "mini", 1e6, 1e4, 12.0, 4),
        Point("b", "AIBench", "mini", 1e6, 1e4),
        Point("c", "MLPerf", "mini", 1e8, 1e6),
        Point("d", "MLPerf", "mini", None, 1e6),
    ]
    for draw in (spans, bars):
        draw(found, tmp_path / "figure.png")
        assert (tmp_path / "figure.png").stat().st_size > 5_000


def test_reading_records_needs_neither_torch_nor_matplotlib():
    code = (
        "import sys, aibench.analysis.workloads.coverage, aibench.analysis.workloads.models_table; print(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "hydra", "matplotlib"} & set(loaded)


def test_epochs_of_the_other_scale_stand_in_and_say_so(tmp_path):
    own = Point("small", "AIBench", "reference", 1e9, 1e6, 4.0, 4, "reference")
    other = Point("large", "AIBench", "reference", 2e9, 2e6, 7.0, 4, "mini")
    assert [own.stands_in, other.stands_in] == [False, True]
    assert not any("scale=mini" in note for note in coverage([own]).notes)
    assert any("Epochs are of the tasks at scale=mini" in note for note in coverage([own, other]).notes)
    bars([own, other], tmp_path / "bars.png")
    assert (tmp_path / "bars.png").stat().st_size > 0
