"""Counts one training step by its shapes alone: operations, what backward passes need kept, optimiser state."""

from __future__ import annotations

import copy
import math
import warnings
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.utils._pytree import tree_leaves

from aibench.characterization.workload import Workload
from aibench.meters.flops import Count, TooLong, on_meta
from aibench.meters.operations import step_count
from aibench.meters.stand_in import stand_in_for_trainer

SECONDS = 120.0  # that one count may take
REAL = 3e11  # operations of a step that is counted by computing it
KEPT_PER_WEIGHT = {"Adam": 2, "AdamW": 2, "RMSprop": 1, "Adagrad": 1}  # numbers beside the weight itself


@dataclass(frozen=True, slots=True)
class Step:
    """Holds what was counted in one training step.

    Attributes:
        samples: Samples in the batch.
        count: The step's operations.
        saved: Bytes that forward passes keep for backward passes: each storage once, weights and inputs left out.
        most_saved: The most of these that are alive at one time.
        state: Bytes that the optimisers keep beside the weights; None for one whose state is not known here.
        optimizers: The optimisers' classes.
        inputs: Bytes of the batch.
        where: `on the meta device`, or `on the CPU`.
    """

    samples: int
    count: Count
    saved: int
    most_saved: int
    state: int | None
    optimizers: list[str]
    inputs: int
    where: str

    @property
    def flops(self) -> float:
        """Return the operations a sample."""
        return self.count.flops / self.samples


def measured_step(workload: Workload, forward: float | None, reasons: list[str]) -> Step | None:
    """Count a training step, on the meta device where shapes are enough, else computed with a small batch.

    Args:
        workload: What is trained.
        forward: Operations of one sample's forward pass; None where unknown.
        reasons: List that gains the reason where None is returned.
    """
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # weights from a file that find no numbers on the meta device, for one
        for device in ("meta", "cpu"):
            torch.manual_seed(0)
            try:
                return _step(workload if device == "meta" else _quick(workload, forward), device)
            except TooLong:
                reasons.append(f"counting a training step took more than {SECONDS:g} s")
                return None
            except Exception as error:  # data-dependent code fails on the meta device in many ways
                reasons.append(f"{type(error).__name__} on {device}: {' '.join(str(error).split())[:200]}")
    return None


def sampled_steps(workload: Workload, count: int) -> list[float]:
    """Return operations a sample of `count` steps that vary, each computed with other random numbers."""
    found = []
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        small = _quick(workload, None)
        for seed in range(count):
            torch.manual_seed(seed)
            found.append(_step(small, "cpu").flops)
    return found


def _quick(workload: Workload, forward: float | None) -> Workload:
    """Return the workload with a batch, a power of two, whose step takes at most `REAL` operations if possible."""
    if forward is None or workload.batch_size * 3 * forward <= REAL:
        return workload
    return workload.at_batch(2 ** max(0, int(math.log2(max(1.0, REAL / (3 * forward))))))


def _step(workload: Workload, device: str) -> Step:
    batch = workload.batch()
    with torch.device(device):
        module: Any = workload.build().to(device)
    optimizers = stand_in_for_trainer(module).optimizers
    batch = on_meta(batch) if device == "meta" else copy.deepcopy(batch)
    kept = _Kept([*module.parameters(), *module.buffers(), *_tensors(batch)])
    with torch.autograd.graph.saved_tensors_hooks(kept.pack, _unpacked):
        count = step_count(module, batch, seconds=SECONDS)
    return Step(
        samples=workload.batch_size,
        count=count,
        saved=kept.total,
        most_saved=kept.most,
        state=_state(optimizers),
        optimizers=[type(one).__name__ for one in optimizers],
        inputs=sum(leaf.numel() * leaf.element_size() for leaf in _tensors(batch)),
        where="on the meta device" if device == "meta" else "on the CPU",
    )


def _tensors(value: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor)]


def _state(optimizers: list[Optimizer]) -> int | None:
    total = 0
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            size = sum(weight.numel() * weight.element_size() for weight in group["params"] if weight.requires_grad)
            if isinstance(optimizer, torch.optim.SGD):
                each = 1 if group["momentum"] else 0
            elif type(optimizer).__name__ in KEPT_PER_WEIGHT:
                each = KEPT_PER_WEIGHT[type(optimizer).__name__] + bool(group.get("amsgrad"))
                each += bool(group.get("momentum")) + bool(group.get("centered"))
            else:
                return None
            total += each * size
    return total


class _Kept:
    """Adds up what autograd saves. A storage counts once while any saved tensor holds it."""

    def __init__(self, free: list[Tensor]) -> None:
        self._free = free  # held, so that no later storage gets one of their addresses
        self._not_counted = {one.untyped_storage()._cdata for one in free}
        self._holders: Counter[int] = Counter()
        self.now = self.most = self.total = 0

    def pack(self, tensor: Tensor) -> _Saved:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self._not_counted:
            return _Saved(tensor, None, key, 0)
        if self._holders[key] == 0:
            self.now, self.total = self.now + size, self.total + size
            self.most = max(self.most, self.now)
        self._holders[key] += 1
        return _Saved(tensor, self, key, size)

    def release(self, key: int, size: int) -> None:
        self._holders[key] -= 1
        if self._holders[key] == 0:
            self.now -= size


class _Saved:
    """Holds a saved tensor, and tells when it goes."""

    def __init__(self, tensor: Tensor, kept: _Kept | None, key: int, size: int) -> None:
        self.tensor, self._kept, self._key, self._size = tensor, kept, key, size

    def __del__(self) -> None:
        with suppress(AttributeError):
            if self._kept is not None:
                self._kept.release(self._key, self._size)


def _unpacked(saved: _Saved) -> Tensor:
    return saved.tensor
