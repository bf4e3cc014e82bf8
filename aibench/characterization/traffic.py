"""Computes the bytes that a training step cannot do without, its arithmetic intensity, and its limit on the machine."""

from __future__ import annotations

from typing import Any

import torch

from aibench.characterization.stepping import Step
from aibench.meters.ceiling import Ceiling

METHOD = (
    "weights read and written, gradients written and read, the optimisers' state read and written, the batch read; "
    "what the forward passes keep for the backward passes (each storage once) written and read. Temporaries, "
    "cache misses and what kernels read twice come on top"
)


def step_bytes(module: torch.nn.Module, step: Step, batch_size: int) -> dict[str, Any]:
    """Return the least bytes of a training step with `batch_size` samples, by what they are."""
    weights = list(module.parameters())
    size = sum(weight.numel() * weight.element_size() for weight in weights)
    trained = sum(weight.numel() * weight.element_size() for weight in weights if weight.requires_grad)
    times = batch_size / step.samples
    parts = {
        "weights": size + trained,
        "gradients": 2 * trained,
        "optimizer_state": None if step.state is None else 2 * step.state,
        "inputs": round(step.inputs * times),
        "activations": round(2 * step.saved * times),
    }
    return {**parts, "total": sum(value or 0 for value in parts.values()), "method": METHOD}


def memory_estimate(module: torch.nn.Module, step: Step) -> dict[str, float]:
    """Return the bytes alive at once, estimated from shapes: a part for any batch, and a part for each sample."""
    weights = list(module.parameters())
    size = sum(weight.numel() * weight.element_size() for weight in weights)
    trained = sum(weight.numel() * weight.element_size() for weight in weights if weight.requires_grad)
    return {
        "fixed": float(size + trained + (step.state or 0)),
        "per_sample": (step.most_saved + step.inputs) / step.samples,
    }


def roofline(flops: float, byte_count: float, best: Ceiling) -> dict[str, Any]:
    """Return where a step of `flops` operations and at least `byte_count` bytes stands below the machine's roof.

    `attainable` is the least of the peak and of intensity times bandwidth. The bytes are a lower bound, so the true
    intensity is lower: a step shown as bound by memory really is, and the others may be.
    """
    intensity, ridge = flops / byte_count, best.flops / best.bandwidth
    return {
        "intensity": intensity,
        "ridge": ridge,
        "bound_by": "compute" if intensity >= ridge else "memory",
        "attainable": min(best.flops, intensity * best.bandwidth),
        "peak": best.flops,
        "bandwidth": best.bandwidth,
        "peak_method": f"{best.method}, {best.precision}, {best.threads} threads, {best.device}",
    }
