"""Traces taken apart: every microsecond to one function, on made-up traces whose answer is plain."""

from __future__ import annotations

from typing import Any

import pytest

from aibench.characterization.attribution import TraceError, attribute, read_trace
from aibench.characterization.classes import read_rules
from aibench.characterization.profiling import summary

RULES = read_rules()


def call(name: str, start: float, end: float, kind: str = "cpu_op", thread: int = 1, **told: Any) -> dict[str, Any]:
    arguments = {key.replace("_", " "): value for key, value in told.items()}
    return {
        "ph": "X",
        "cat": kind,
        "name": name,
        "pid": 9,
        "tid": thread,
        "ts": start,
        "dur": end - start,
        "args": arguments,
    }


def ranged(name: str, start: float, end: float) -> dict[str, Any]:
    return call(name, start, end, "user_annotation")


def node(name: str, start: float, end: float, number: int) -> dict[str, Any]:
    return call(f"autograd::engine::evaluate_function: {name}", start, end, Sequence_number=number)


# A step of 1000 us under automatic optimisation, where Lightning runs everything inside of the optimiser's step.
ON_CPU = [
    ranged("aibench::steps", 0, 1000),
    ranged("Optimizer.step#Adam.step", 10, 990),
    ranged("aibench::forward", 20, 400),
    call("aten::linear", 30, 130, Sequence_number=0),
    call("aten::t", 35, 40, Sequence_number=0),
    call("aten::addmm", 40, 120, Sequence_number=1),
    call("aten::gru", 150, 350, Sequence_number=2),
    call("aten::mm", 160, 300, Sequence_number=2),
    call("aten::sigmoid", 300, 340, Sequence_number=3),
    call("aten::mul", 360, 390, Sequence_number=4),
    ranged("aibench::backward", 400, 800),
    node("MulBackward0", 410, 450, 4),
    call("MulBackward0", 415, 445),
    call("aten::mul", 420, 440),
    node("SigmoidBackward0", 460, 500, 3),
    call("aten::sigmoid_backward", 465, 495),
    node("AddmmBackward0", 510, 700, 1),
    call("aten::mm", 520, 690),
    call("aten::_fused_adam_", 850, 950),
    call("aten::mul_", 960, 980),
]
ON_GPU = [
    ranged("aibench::steps", 0, 1000),
    ranged("aibench::forward", 0, 500),
    call("aten::conv2d", 10, 100, External_id=1),
    call("aten::cudnn_convolution", 20, 90, External_id=2),
    call("cudaLaunchKernel", 30, 40, "cuda_runtime", correlation=7),
    call("cudaLaunchKernel", 50, 60, "cuda_runtime", correlation=8),
    call("aten::copy_", 110, 130, External_id=3),
    call("cudaMemcpyAsync", 115, 125, "cuda_runtime", correlation=9),
    ranged("Optimizer.step#SGD.step", 600, 700),
    call("aten::_foreach_add_", 610, 650, External_id=4),
    call("cudaLaunchKernel", 620, 630, "cuda_runtime", correlation=10),
    call("nchwToNhwcKernel", 100, 150, "kernel", 70, correlation=7),
    call("sm80_xmma_fprop_implicit_gemm_f32", 150, 350, "kernel", 70, correlation=8),
    call("Memcpy HtoD (Pinned -> Device)", 300, 400, "gpu_memcpy", 71, correlation=9),
    call("void multi_tensor_apply_kernel<float>(int)", 700, 750, "kernel", 70, correlation=10),
    call("ncclDevKernel_AllReduce_Sum_f32(int)", 800, 900, "kernel", 72, External_id=99),
]


def seconds(events: list[dict[str, Any]]) -> dict[str | None, float]:
    sums: dict[str | None, float] = {}
    for piece in attribute({"traceEvents": events}, RULES).pieces:
        sums[piece.category] = sums.get(piece.category, 0.0) + 1e6 * piece.seconds
    return sums


def test_operators_have_the_time_that_they_spend_outside_of_others():
    found = seconds(ON_CPU)
    assert found["GEMM"] == pytest.approx((100 - 5 - 80) + 80 + 170), "linear's own, addmm, mm backwards"
    assert found["data arrangement"] == pytest.approx(5)
    assert found["element-wise"] == pytest.approx(30 + 20)


def test_a_recurrent_layers_products_are_the_layers_also_backwards():
    assert seconds(ON_CPU)["recurrent"] == pytest.approx(200 + 30)


def test_the_optimisers_are_those_of_its_step_that_no_pass_is_around():
    assert seconds(ON_CPU)["optimiser"] == pytest.approx(100 + 20)


def test_operators_and_framework_sum_to_the_step():
    found = attribute({"traceEvents": ON_CPU}, RULES)
    assert found.wall == pytest.approx(1e-3)
    assert sum(piece.seconds for piece in found.pieces) + found.autograd + found.python == pytest.approx(found.wall)
    assert 1e6 * found.autograd == pytest.approx(10 + 10 + 10 + 20), "nodes' own: the evaluations' and the named one's"
    assert found.gpu_busy is None


def test_a_whole_layer_has_all_its_time_once():
    layers = attribute({"traceEvents": ON_CPU}, RULES).layers
    assert [(one.name, round(1e6 * one.seconds)) for one in layers] == [("aten::gru", 200)]


def test_kernels_are_counted_once_and_their_operators_not_at_all():
    found = seconds(ON_GPU)
    assert found == {
        "convolution": pytest.approx(50 + 200),  # by its operator, the change of layout too
        "memory copy": pytest.approx(100),
        "optimiser": pytest.approx(50),
        "communication": pytest.approx(100),  # launched by nothing that the trace shows
    }


def test_the_gpu_is_idle_when_no_kernel_runs_overlaps_once():
    found = attribute({"traceEvents": ON_GPU}, RULES)
    assert 1e6 * found.gpu_busy == pytest.approx(300 + 50 + 100)
    assert summary(found, RULES, 1, 1e-3)["gpu_idle"] == pytest.approx(0.55)


def test_a_summary_sums_to_all_and_tells_what_it_does_not_know():
    events = [*ON_CPU, call("mine::unheard_of", 391, 395)]
    found = summary(attribute({"traceEvents": events}, RULES), RULES, 1, 0.9e-3)
    shares = [one["share"] for one in found["categories"].values()]
    assert sum(shares) + found["unclassified"]["share"] == pytest.approx(1)
    assert found["unclassified"]["names"] == ["mine::unheard_of"]
    assert sum(one["share"] for one in found["functions"]) == pytest.approx(1)
    assert sum(one["share"] for one in found["phases"].values()) == pytest.approx(1)
    assert found["profiler_cost"] == pytest.approx(1 / 0.9 - 1, abs=1e-3)
    assert {"aten::mm"} == {one["name"] for one in found["functions"] if one["category"] == "GEMM"} - {
        "aten::linear",
        "aten::addmm",
    }


def test_waiting_for_input_is_no_work_of_the_model():
    events = [
        ranged("aibench::steps", 0, 100),
        ranged("aibench::input", 0, 50),
        call("aten::cat", 10, 40),
        call("aten::mm", 60, 90),
    ]
    found = summary(attribute({"traceEvents": events}, RULES), RULES, 1, 1e-4)
    assert found["categories"] == {"GEMM": {"seconds": 3e-05, "share": 1.0, "share_of_wall": 0.3}}
    assert found["input"] == pytest.approx(3e-5)


def test_a_trace_without_steps_is_refused():
    with pytest.raises(TraceError, match="no range aibench::steps"):
        attribute({"traceEvents": [call("aten::mm", 0, 1)]}, RULES)
    with pytest.raises(TraceError, match="not JSON"):
        read_trace("{")
    with pytest.raises(TraceError, match="no traceEvents"):
        read_trace("{}")
