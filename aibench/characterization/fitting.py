"""Fits the batch to the device: at reference scale on a CPU, the paper's batches take minutes a step."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager

from aibench.characterization.workload import Steps, Workload, run_steps

SECONDS = 2.0  # that a step on a CPU may take
SMALLEST = 2  # batch normalisation needs two


def fitted(workload: Workload, device: str, seconds: float = SECONDS) -> Workload:
    """Return `workload` with the batch that it is profiled with.

    On a GPU and at mini scale that is its own. Else it is 2 (the first power of two from there that the model takes),
    doubled for as long as a step is expected to take `seconds` at the most, in proportion to the one timed last.
    """
    if device != "cpu" or workload.scale == "mini" or workload.batch_size <= SMALLEST:
        return workload
    size, small = SMALLEST, workload
    while size < workload.batch_size:
        try:
            small = workload.at_batch(size)
            taken = step_seconds(small)
            break
        except Exception:  # too few samples for the model, which says so in many ways
            size *= 2
    else:
        return workload
    while True:  # a larger batch takes less than in proportion where much of a step is fixed: timed again
        more = size
        while taken * 2 <= seconds and more * 2 <= workload.batch_size:
            more, taken = more * 2, taken * 2
        if more == size:
            return small
        size, small = more, workload.at_batch(more)
        taken = step_seconds(small)


def step_seconds(workload: Workload) -> float:
    """Return the seconds of the second training step."""
    taken = 0.0

    @contextmanager
    def timed() -> Iterator[None]:
        nonlocal taken
        start = time.perf_counter()
        yield
        taken = time.perf_counter() - start

    run_steps(workload, Steps(1, 1, timed))
    gc.collect()
    return taken
