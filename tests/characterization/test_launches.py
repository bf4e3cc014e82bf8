"""What a step launches, from the profiler's trace; and a sample of launches that stands for it."""

from __future__ import annotations

from collections import Counter

import pytest

from aibench.characterization.attribution import union
from aibench.characterization.launches import Launched, of_trace, short
from aibench.characterization.ncu_csv import Launch

GRID, BLOCK = (98, 1, 1), (128, 1, 1)


def kernel(name: str, start: float, duration: float, grid: tuple[int, ...] = GRID) -> dict:
    arguments = {"grid": list(grid), "block": list(BLOCK)}
    return {"cat": "kernel", "name": name, "ts": start, "dur": duration, "args": arguments}


def test_overlapping_kernels_are_counted_once():
    assert union([(0, 10), (5, 12), (20, 21), (2, 3)]) == 13


@pytest.mark.parametrize(
    ("by_the_profiler", "by_ncu"),
    [
        (
            "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctorOnSelf_add<float> >(int, float)",
            "void at::vectorized_elementwise_kernel<4, at::CUDAFunctorOnSelf_add<float>>(int, T2, T3)",
        ),
        (
            "void at::native::(anonymous namespace)::max_pool_forward_nchw<float, int>(int, float const*)",
            "void at::<unnamed>::max_pool_forward_nchw<float, int>(T2, const T1 *)",
        ),
        ("ampere_sgemm_128x64_tn", "ampere_sgemm_128x64_tn"),
    ],
)
def test_a_kernel_has_one_short_name_by_either_tool(by_the_profiler, by_ncu):
    assert short(by_the_profiler) == short(by_ncu)
    assert not set("<>() :") & set(short(by_ncu))


def test_a_trace_gives_the_busy_share_and_the_launches_of_a_step():
    copy = {"cat": "gpu_memcpy", "name": "Memcpy HtoD", "ts": 40.0, "dur": 10.0, "args": {}}
    launch = {"cat": "cuda_runtime", "name": "cudaLaunchKernel", "ts": 0.0, "dur": 5.0, "args": {}}
    events = [kernel("void a<1>(int)", 0, 10), kernel("void a<1>(int)", 5, 10), kernel("b", 20, 10, (1,)), copy, launch]
    found = of_trace(events, steps=1, microseconds=70.0)
    assert found.busy == pytest.approx((15 + 10 + 10) / 70)
    assert found.counts == {("a", GRID, BLOCK): 2, ("b", (1,), BLOCK): 1}
    assert of_trace(events * 2, steps=2, microseconds=140.0).counts == found.counts
    assert of_trace([launch], steps=1, microseconds=1.0).busy is None


def test_a_sampled_launch_stands_for_all_like_it():
    step = Launched(0.5, Counter({("a", GRID, BLOCK): 6, ("b", GRID, BLOCK): 2}))
    twice = [Launch("void ns::a<1>(T)", {}, GRID, BLOCK), Launch("void ns::a<2>(T)", {}, GRID, BLOCK)]
    other = Launch("unknown", {}, GRID, BLOCK)
    assert [launch.kernel for launch in step.standing_for([*twice, other])] == [
        *[twice[0].kernel] * 3,
        *[twice[1].kernel] * 3,
        "unknown",
    ]
    assert step.share_known([*twice, other]) == pytest.approx(6 / 8)
