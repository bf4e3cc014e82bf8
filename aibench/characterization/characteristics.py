"""Measures a model by its shapes: size, operations, bytes, arithmetic intensity, memory (paper, 5.2.1)."""

from __future__ import annotations

import statistics
import warnings
from typing import Any

import torch
from torch import nn

from aibench.characterization.memory import Expected, memory, sizes_up_to
from aibench.characterization.second_count import second_count
from aibench.characterization.stepping import SECONDS, Step, measured_step, sampled_steps
from aibench.characterization.traffic import memory_estimate, roofline, step_bytes
from aibench.characterization.workload import Workload
from aibench.meters.ceiling import ceiling
from aibench.meters.flops import Count
from aibench.meters.operations import forward_of
from aibench.meters.proposals import every_proposal

CHILDREN = 10  # steps that are counted where each counts differently


def characteristics(workload: Workload, device: str) -> dict[str, Any]:
    """Return the section `characteristics` of a record; docs/characterization.md describes it."""
    torch.manual_seed(0)
    module, reasons = workload.build(), list[str]()
    forward, where = _forward(workload, reasons)
    flops = None if forward is None else float(forward.flops)
    step = None if workload.uncountable else measured_step(workload, flops, reasons)
    reason = workload.uncountable or (reasons[-1] if reasons and step is None else None)
    estimate = None if step is None else memory_estimate(module, step)
    varying = _varying(workload) if workload.uncountable else None
    operations = step.flops if step else (varying or {}).get("most", 0.0)
    return {
        "words": list(getattr(workload, "words", [])),
        "sample": workload.shapes(),
        "batch_size": workload.batch_size,
        "parameters": parameters(module),
        "forward": {
            "flops": flops,
            "macs": None if flops is None else flops / 2,
            "method": f"FlopCounterMode, canonical decompositions, {where}; every proposal of a detector kept",
            "uncounted": _calls(forward),
            "reason": reasons[-1] if forward is None else None,
        },
        "second_count": _second(module, flops),
        "step": {
            "flops_per_sample": None if step is None else step.flops,
            "counted_batch": None if step is None else step.samples,
            "method": None if step is None else f"FlopCounterMode, canonical decompositions, {step.where}",
            "optimizers": None if step is None else step.optimizers,
            "uncounted": _calls(step.count if step else None),
            "reason": reason,
        },
        "varying": varying,
        "bytes": None if step is None else step_bytes(module, step, workload.batch_size),
        "roofline": _roofline(workload, module, step, device),
        "memory": {"estimate": estimate, "measured": _memory(workload, device, estimate, operations)},
    }


def parameters(module: nn.Module) -> dict[str, int]:
    """Return how many numbers are learnt: all, those that training changes, those of embedding tables."""
    tables = {id(part.weight) for part in module.modules() if isinstance(part, nn.Embedding | nn.EmbeddingBag)}
    sizes = [(weight.numel(), weight.requires_grad, id(weight) in tables) for weight in module.parameters()]
    return {
        "total": sum(size for size, _, _ in sizes),
        "trainable": sum(size for size, trained, _ in sizes if trained),
        "embedding": sum(size for size, _, table in sizes if table),
    }


def _forward(workload: Workload, reasons: list[str]) -> tuple[Count | None, str]:
    """Count the operations of one sample's forward pass with FlopCounterMode."""

    def build() -> Any:
        torch.manual_seed(0)
        return workload.build()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # weights from a file that find no numbers on the meta device, for one
        return forward_of(build, reasons, SECONDS)


def _second(module: Any, flops: float | None) -> dict[str, Any]:
    """Count the multiply-adds of the forward pass with fvcore, and compare the two counts."""
    try:
        with every_proposal():
            found = second_count(module, module.example_input())
    except Exception as error:  # tracing refuses in many ways
        return {"macs": None, "reason": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"}
    return {
        "macs": found.macs,
        "macs_as_shipped": found.as_shipped,
        "ratio": None if not flops else 2 * found.macs / flops,
        "by_operator": found.by_operator,
        "method": "fvcore on a traced graph, with handles of our own for products, convolutions, recurrent layers and "
        "attention; what it weighs otherwise (norms, pooling, sampling) left out",
        "reason": None,
    }


def _calls(count: Count | None) -> dict[str, int]:
    return {} if count is None else {name: calls for name, (calls, _) in count.uncounted.items()}


def _varying(workload: Workload) -> dict[str, Any]:
    """Count several steps of a model whose steps differ in their operations."""
    try:
        found = sampled_steps(workload, CHILDREN)
    except Exception as error:
        return {"steps": 0, "reason": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"}
    return {
        "steps": len(found),
        "least": min(found),
        "median": statistics.median(found),
        "most": max(found),
        "unit": "FLOP/sample of a training step",
        "reason": None,
    }


def _roofline(workload: Workload, module: nn.Module, step: Step | None, device: str) -> dict[str, Any] | None:
    if step is None or step.count.flops == 0:
        return None
    total = step_bytes(module, step, workload.batch_size)["total"]
    return roofline(step.flops * workload.batch_size, total, ceiling("fp32", device, workload.cache))


def _memory(
    workload: Workload, device: str, estimate: dict[str, float] | None, operations: float
) -> list[dict[str, Any]]:
    sizes = sizes_up_to(workload.batch_size)
    takes = {size: estimate["fixed"] + estimate["per_sample"] * size if estimate else 0.0 for size in sizes}
    rows = memory(workload, device, {size: Expected(takes[size], operations * size) for size in sizes})
    return [{**row, "estimate": takes[row["batch"]] if estimate else None} for row in rows]
