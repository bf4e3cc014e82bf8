"""Steps in bf16 as a GPU computes them, on any CPU."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

aten = torch.ops.aten
PRODUCTS = {
    *(aten.convolution, aten.convolution_backward, aten.mm, aten.addmm, aten.bmm, aten.baddbmm),
    *(aten._scaled_dot_product_flash_attention_for_cpu, aten._scaled_dot_product_flash_attention_for_cpu_backward),
}


class InTensorCores(TorchDispatchMode):
    """Adds products of bf16 up in fp32 and rounds the sum, as tensor cores do.

    A CPU without instructions for bf16 takes ten times as long when it is left alone with them.
    """

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = (args, kwargs or {})
        if func.overloadpacket not in PRODUCTS or not any(_is_bf16(leaf) for leaf in tree_leaves(given)):
            return func(*args, **(kwargs or {}))
        args, kwargs = tree_map(lambda leaf: leaf.float() if _is_bf16(leaf) else leaf, given)
        return tree_map(_rounded, func(*args, **kwargs))


def _is_bf16(leaf: Any) -> bool:
    return isinstance(leaf, torch.Tensor) and leaf.dtype == torch.bfloat16


def _rounded(leaf: Any) -> Any:
    return leaf.bfloat16() if isinstance(leaf, torch.Tensor) and leaf.dtype == torch.float32 else leaf


class AnotherStep(pl.Callback):
    """Takes the last step of a session once more, in bf16.

    Attributes:
        loss: Of that step.
        gradients_are_finite: Whether it left gradients, and none that is infinite or NaN.
    """

    loss = torch.nan
    gradients_are_finite = False

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        self.batch = batch

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        with torch.autocast("cpu", torch.bfloat16, cache_enabled=False), InTensorCores():
            loss = pl_module.training_step(self.batch, 0)
            if pl_module.automatic_optimization:
                loss.backward()
        gradients = [weight.grad for weight in pl_module.parameters() if weight.grad is not None]
        self.loss = float(loss.detach())
        self.gradients_are_finite = bool(gradients) and all(bool(one.isfinite().all()) for one in gradients)
