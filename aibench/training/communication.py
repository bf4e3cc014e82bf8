"""Measures what the devices' agreement on a gradient costs, after the timed steps of a session."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from torch import nn

from aibench.results.result import Measured

if TYPE_CHECKING:
    from aibench.training.strategies import Overlapping

STEPS = 10  # without agreement; the weights of the ranks drift apart, so nothing of a run comes after them
MESSAGES = 5
NOT_TIMED = "timed in session=steps alone, after the timed steps"


class Communication:
    """Times steps in which no device waits for another, and a message as long as all gradients.

    Attributes:
        seconds: Seconds of a step that a device waits for the gradients of others.
        bandwidth: Bytes a second that a device sends meanwhile.
    """

    def __init__(self) -> None:
        self.seconds = Measured(None, "s", reason=NOT_TIMED)
        self.bandwidth = Measured(None, "B/s", reason=NOT_TIMED)
        self._strategy: Overlapping | None = None
        self._took: list[float] = []
        self._since = 0.0

    @property
    def has_begun(self) -> bool:
        """Return whether the steps without agreement are under way."""
        return self._strategy is not None

    def begin(self, strategy: Any) -> None:
        """Let each device go its own way from here."""
        self._strategy = strategy
        strategy.silence()
        self._since = _now()

    def step(self, median: float | None, module: nn.Module) -> bool:
        """Note a step, and return whether it was the last one; what agreement costs is known then.

        Args:
            median: Seconds of a timed step; None without any.
            module: What trains.
        """
        now = _now()
        self._took.append(now - self._since)
        self._since = now
        if len(self._took) < STEPS:
            return False
        if median is not None:
            method = f"median of the timed steps - median of {STEPS} steps without all-reduce"
            self.seconds = Measured(max(0.0, median - statistics.median(self._took)), "s", method)
        self.bandwidth = _bandwidth([weight for weight in module.parameters() if weight.requires_grad])
        return True


def _bandwidth(gradients: list[torch.Tensor]) -> Measured:
    """Return the bus bandwidth: 2 (n - 1) / n of the gradients' bytes over the time of an all-reduce of all of them."""
    size = dist.get_world_size()
    length = sum(gradient.numel() for gradient in gradients)
    message = torch.zeros(length, device=gradients[0].device)
    took = []
    for _ in range(MESSAGES):
        dist.barrier()
        since = _now()
        dist.all_reduce(message)
        took.append(_now() - since)
    sent = 2 * (size - 1) / size * message.numel() * message.element_size()
    return Measured(sent / statistics.median(took), "B/s", f"2 (n - 1) / n of the bytes, median of {MESSAGES} messages")


def _now() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()
