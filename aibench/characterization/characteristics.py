"""What a model is: size, operations, bytes, memory."""

from __future__ import annotations

from typing import Any

from aibench.characterization.workload import Workload


def characteristics(workload: Workload, device: str) -> dict[str, Any]:
    """Everything about `workload` that takes no profiler."""
    module = workload.build()
    return {"parameters": sum(one.numel() for one in module.parameters())}
