"""Micro benchmarks: operators called again at the shapes of a profile, and suites as files."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

from aibench.analysis.workloads.micro_table import inputs, plot, table, unsupported
from aibench.characterization.micro import measure, one, operations, traffic
from aibench.characterization.replay import UnsupportedError, call
from aibench.meters.ceiling import Ceiling
from aibench.results.micro_suite import Case, SuiteError, cases, is_suite, read_suite, write_suite
from aibench.results.record import Record

BEST = Ceiling(1e12, 1e11, "made up", "a machine", 1, "fp32")


def case(operator: str, *inputs: tuple[list, str, str], **more: object) -> Case:
    shapes, types, values = (list(column) for column in zip(*inputs, strict=True))
    return Case(operator, shapes, types, values, **more)


def floats(*shape: int) -> tuple[list, str, str]:
    return list(shape), "float", ""


def scalar(text: str) -> tuple[list, str, str]:
    return [], "Scalar", text


def listed(text: str) -> tuple[list, str, str]:
    return [], "ScalarList", text


NONE = ([], "", "")
ADDMM = case("aten::addmm", floats(128), floats(64, 256), floats(256, 128), scalar("1"), scalar("1"))
CONVOLUTION = case(
    "aten::mkldnn_convolution",
    floats(2, 3, 16, 16),
    floats(8, 3, 3, 3),
    floats(8),
    listed("[1, 1]"),
    listed("[1, 1]"),
    listed("[1, 1]"),
    scalar("1"),
)


def test_a_products_operations_and_bytes_are_those_of_its_definition():
    run = call(ADDMM, "cpu")
    assert operations(ADDMM, run) == 2 * 64 * 256 * 128
    assert traffic(ADDMM, run) == 4 * (128 + 64 * 256 + 256 * 128 + 64 * 128)


def test_a_product_takes_the_time_that_its_rates_say():
    found = one(ADDMM, "cpu", BEST, 0.01)
    assert found["flops_per_second"] * found["seconds"] == pytest.approx(2 * 64 * 256 * 128)
    assert found["bytes_per_second"] * found["seconds"] == pytest.approx(found["bytes"])
    assert found["of_ceiling"] == pytest.approx(max(found["flops"] / 1e12, found["bytes"] / 1e11) / found["seconds"])
    assert found["bound"] == "compute" if found["flops"] / 1e12 > found["bytes"] / 1e11 else "memory"


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="without oneDNN")
def test_a_convolution_is_called_as_it_was_seen():
    run = call(CONVOLUTION, "cpu")
    assert run().shape == (2, 8, 16, 16)
    assert operations(CONVOLUTION, run) == 2 * (2 * 8 * 16 * 16) * (3 * 3 * 3)


def test_a_convolutions_gradient_is_twice_its_pass():
    backward = case(
        "aten::convolution_backward",
        floats(2, 8, 16, 16),
        floats(2, 3, 16, 16),
        floats(8, 3, 3, 3),
        listed("[8]"),
        listed("[1, 1]"),
        listed("[1, 1]"),
        listed("[1, 1]"),
        scalar("False"),
        listed("[0, 0]"),
        scalar("1"),
        listed("[True, True, True]"),
    )
    run = call(backward, "cpu")
    assert [tuple(part.shape) for part in run()] == [(2, 3, 16, 16), (8, 3, 3, 3), (8,)]
    assert operations(backward, run) == 2 * 2 * (2 * 8 * 16 * 16) * (3 * 3 * 3)


def test_a_whole_recurrent_layer_is_called_with_its_weights():
    weights = [[24, 4], [24, 8], [24], [24]]
    switches = [scalar(text) for text in ("True", "1", "0.", "False", "False", "False")]
    gru = case("aten::gru", floats(5, 3, 4), floats(1, 3, 8), (weights, "TensorList", ""), *switches)
    run = call(gru, "cpu")
    assert run()[0].shape == (5, 3, 8)
    assert operations(gru, run) == 2 * 5 * 3 * (24 * 4 + 24 * 8)


def test_a_lookup_reads_rows_and_not_the_table():
    embedding = case(
        "aten::embedding",
        floats(1000, 16),
        ([10], "long int", ""),
        *(scalar(text) for text in ("-1", "False", "False")),
    )
    run = call(embedding, "cpu")
    assert operations(embedding, run) is None
    assert traffic(embedding, run) == 10 * 8 + 2 * 10 * 16 * 4
    assert run.args[1].max() > 0, "indices are spread over the table"


def test_strides_are_kept_and_expanded_inputs_take_no_memory():
    product = replace(case("aten::mul", floats(4, 6), floats(4, 6)), strides=[[1, 4], [0, 1]])
    run = call(product, "cpu")
    assert run.args[0].stride() == (1, 4)
    assert run.args[1].stride() == (0, 1)
    assert traffic(product, run) == 4 * (24 + 6 + 24)


@pytest.mark.parametrize(
    ("unsupported", "why"),
    [
        (case("mine::operator", floats(2)), "no such operator"),
        (case("aten::mm", floats(2, 2)), "no overload takes 1 inputs"),
        (case("aten::mm", floats(2, 3), floats(2, 3)), "mat1 and mat2"),
        (case("aten::index", floats(2, 3), ([], "GenericList", "")), "GenericList"),
    ],
)
def test_what_cannot_be_called_says_why(unsupported, why):
    with pytest.raises(UnsupportedError, match=why):
        call(unsupported, "cpu")


def test_unsupported_cases_are_listed_and_the_others_run(tmp_path, monkeypatch):
    monkeypatch.setattr("aibench.characterization.micro.probe", lambda *_: BEST)
    found = measure([replace(ADDMM, workload="a", share=0.5), case("mine::x", floats(2))], "cpu", seconds=0.01)
    assert [one["operator"] for one in found["cases"]] == ["aten::addmm"]
    assert "mine::x" in unsupported(found)[0]
    assert "addmm" in table(found).markdown()
    json.dumps(found, allow_nan=False)
    plot(found, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1000


def row(operator: str, share: float, category: str = "GEMM", phase: str = "forward") -> dict[str, object]:
    return {
        "operator": operator, "category": category, "phase": phase, "share": share, "calls": 4, "seconds": share,
        "shapes": [[2, 2], [2, 2]], "types": ["float", "float"], "values": ["", ""], "strides": [[2, 1], [2, 1]],
    }  # fmt: skip


def record(shapes: list[dict[str, object]], layers: list[dict[str, object]]) -> Record:
    profile = {"steps": 2, "shapes": shapes, "layers": layers}
    return Record("a", "AIBench", "mini", "cpu", 1, "2", {}, profile=profile)


def test_a_suite_has_the_hottest_shapes_of_each_profile():
    shapes = [row("aten::mm", 0.2), row("aten::bmm", 0.3), row("aten::mul", 0.009), row("aten::add", 0.1)]
    found = cases([record(shapes, [])], 2)
    assert [(one.operator, one.share, one.calls) for one in found] == [("aten::bmm", 0.3, 2.0), ("aten::mm", 0.2, 2.0)]


def test_a_layer_stands_for_the_operators_inside_of_it():
    shapes = [row("aten::mm", 0.2, "recurrent"), row("aten::mm", 0.1, "recurrent", "backward"), row("aten::add", 0.1)]
    found = cases([record(shapes, [row("aten::gru", 0.4, "recurrent")])], 3)
    assert [(one.operator, one.share) for one in found] == [("aten::gru", 0.4), ("aten::mm", 0.1), ("aten::add", 0.1)]


def test_a_suite_comes_back_from_its_file(tmp_path):
    path = tmp_path / "suite.json"
    write_suite([ADDMM, CONVOLUTION], path)
    assert is_suite(path)
    assert read_suite(path) == [ADDMM, CONVOLUTION]
    assert inputs({"shapes": CONVOLUTION.shapes}) == "2x3x16x16 8x3x3x3 8"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("{}", "no list `cases`"),
        ('{"schema_version": 9, "cases": []}', "schema_version 9"),
        ('{"schema_version": 1, "cases": [{"operator": "aten::mm"}]}', "cases[0]: lacks shapes, types, values"),
        (
            '{"schema_version": 1, "cases": [{"operator": "a", "shapes": [], "types": [], "values": [], "tipes": 1}]}',
            "cases[0]: has no place for tipes",
        ),
        (
            '{"schema_version": 1, "cases": [{"operator": "a", "shapes": [[2]], "types": [], "values": []}]}',
            "cases[0]: shapes, types and values differ in length",
        ),
    ],
)
def test_a_broken_suite_is_refused_in_one_line(tmp_path, text, message):
    path = tmp_path / "suite.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SuiteError) as refused:
        read_suite(path)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
