"""Runs a suite of micro benchmarks: seconds, FLOP/s and bytes/s of each, against what the machine can do at best."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves
from torch.utils.benchmark import Timer
from torch.utils.flop_counter import FlopCounterMode

from aibench.characterization.replay import UnsupportedError, call
from aibench.meters.ceiling import Ceiling, probe
from aibench.meters.description import description
from aibench.meters.flops import canonical
from aibench.results.micro_suite import Case

SCHEMA_VERSION = 1
# Of an index into a table only the rows that it names are read, so that the table's size says nothing.
LOOKUPS = ("aten::embedding", "aten::index_select", "aten::gather")
CONVOLUTIONS = (
    "aten::mkldnn_convolution",
    "aten::cudnn_convolution",
    "aten::_slow_conv2d_forward",
    "aten::slow_conv3d_forward",
    "aten::_conv_depthwise2d",
)


def measure(found: Sequence[Case], device: str, *, seconds: float = 0.2, precision: str = "fp32") -> dict[str, Any]:
    """Run every case, after the machine's ceiling was probed: on a shared machine that is not what it once was.

    Args:
        found: The suite.
        device: `cpu` or `cuda`.
        seconds: At least, of the timing of each.
        precision: The precision of the ceiling.

    Returns:
        What `micro.json` holds; docs/characterization.md describes it.
    """
    best = probe(precision, device)
    measured: list[dict[str, Any]] = []
    refused: list[dict[str, Any]] = []
    for case in found:
        try:
            measured.append(asdict(case) | one(case, device, best, seconds))
        except UnsupportedError as error:
            refused.append(asdict(case) | {"reason": str(error)})
    return {
        "schema_version": SCHEMA_VERSION,
        "device": device,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "system": description(),
        "ceiling": asdict(best),
        "cases": measured,
        "unsupported": refused,
    }


def one(case: Case, device: str, best: Ceiling, seconds: float) -> dict[str, Any]:
    """Run one case. Raises `UnsupportedError` where it cannot be run."""
    torch.manual_seed(0)
    run = call(case, device)
    with torch.no_grad():
        flops, moved = operations(case, run), traffic(case, run)
        timer = Timer("run()", globals={"run": run}, num_threads=torch.get_num_threads())
        found = timer.blocked_autorange(min_run_time=seconds)
    least = max((flops or 0) / best.flops, moved / best.bandwidth)
    bound = "compute" if (flops or 0) / best.flops >= moved / best.bandwidth else "memory"
    return {
        "seconds": found.median,
        "spread": found.iqr / found.median if len(found.times) > 1 else None,
        "repetitions": len(found.times) * found.number_per_run,
        "flops": flops,
        "bytes": moved,
        "flops_per_second": None if flops is None else flops / found.median,
        "bytes_per_second": moved / found.median,
        "of_ceiling": least / found.median,
        "bound": bound,
    }


def operations(case: Case, run: Callable[[], Any]) -> float | None:
    """Return twice the multiply-adds of a call; None for an operator without any."""
    if case.operator in CONVOLUTIONS:
        out = next(leaf for leaf in tree_leaves(run()) if isinstance(leaf, Tensor))
        return 2.0 * out.numel() * _elements(case.shapes[1][1:])
    if case.operator == "aten::_slow_conv2d_backward":
        gradient, wanted = case.shapes[0], case.values[-1].count("True")
        per_gradient = 2.0 * _elements(gradient) * _elements(case.shapes[2][1:])
        return per_gradient * min(2, wanted)  # the bias's is a sum
    if case.operator in ("aten::mkldnn_rnn_layer", "aten::mkldnn_rnn_layer_backward"):
        passes = 2.0 if case.operator.endswith("backward") else 1.0
        weights = _elements(case.shapes[1]) + _elements(case.shapes[2])
        return passes * 2.0 * _elements(case.shapes[0][:2]) * weights
    counter = FlopCounterMode(display=False)
    with canonical(), counter:
        run()
    return float(counter.get_total_flops()) or None


def _elements(shape: Sequence[int]) -> float:
    return float(math.prod(shape))


def traffic(case: Case, run: Callable[[], Any]) -> float:
    """Return the least bytes of a call: every input read once and every output written once."""
    arguments = getattr(run, "args", ())
    given = [leaf for leaf in tree_leaves(arguments) if isinstance(leaf, Tensor)]
    made = [leaf for leaf in tree_leaves(run()) if isinstance(leaf, Tensor)]
    if case.operator in LOOKUPS:
        indices = sum(_bytes(tensor) for tensor in given[1:] if not tensor.dtype.is_floating_point)
        return indices + 2 * _total(made)
    if case.operator == "aten::copy_":
        given = given[1:]
    return _total(given) + _total(made)


def _bytes(tensor: Tensor) -> float:
    """Return the bytes of the elements that have memory of their own: an expanded dimension has none."""
    return float(
        math.prod(size for size, step in zip(tensor.shape, tensor.stride(), strict=True) if step)
        * tensor.element_size()
    )


def _total(tensors: Iterable[Tensor]) -> float:
    return sum(map(_bytes, tensors))
