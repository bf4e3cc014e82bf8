"""Makes training steps quicker without changing what they compute: compiled, or recorded and played again."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_unflatten

from aibench.config import Precision, RunConfig
from aibench.contract import TaskModule

PRECISIONS = {  # as Lightning calls them
    Precision.fp32: "32-true",
    Precision.tf32: "32-true",
    Precision.bf16: "bf16-mixed",
    Precision.fp16: "16-mixed",
}
MOST = 16  # recordings of a method: each keeps the memory of a step
Loss = Callable[..., Tensor]


def quickened(module: TaskModule, config: RunConfig) -> Any:
    """Return the module with its training step compiled or recorded, as `config.hardware` says."""
    hardware = config.hardware
    if hardware.compile and not config.traced:
        return torch.compile(module)
    for name in config.traced if hardware.compile else ():
        setattr(module, name, torch.compile(getattr(module, name)))
    for name in config.recorded if hardware.cuda_graph else ():
        setattr(module, name, recorded(module, getattr(module, name)))
    return module


def recorded(module: nn.Module, method: Loss) -> Loss:
    """Return `method` of `module` so that its operators are recorded once for each shape of its tensors, then played.

    Their gradients are recorded with them. The optimiser is not: a fused one is a kernel or two, and its learning rate
    may stay a number of the host.

    Args:
        module: Has the weights; also the buffers that a step may change.
        method: A loss of a batch. Of its arguments tensors alone count: others keep the value of the first call.
    """
    plays: dict[Any, Loss] = {}

    @functools.wraps(method)
    def play(*arguments: Any) -> Tensor:
        leaves, structure = tree_flatten(arguments)
        tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        key = (str(structure), tuple((tensor.shape, tensor.dtype) for tensor in tensors))
        if key not in plays:
            if len(plays) == MOST:
                return method(*arguments)

            def of_tensors(*others: Tensor) -> Tensor:
                left = iter(others)
                filled = [next(left) if isinstance(leaf, Tensor) else leaf for leaf in leaves]
                return method(*tree_unflatten(filled, structure))

            plays[key] = _record(module, of_tensors, tensors)
        return plays[key](*tensors)

    return play


def _record(module: nn.Module, step: Loss, tensors: Sequence[Tensor]) -> Loss:
    """Return what plays `step` again, and leave buffers and random states as they were: a recording takes steps."""
    device = tensors[0].device
    buffers = [(buffer, buffer.clone()) for buffer in module.buffers()]
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        static = [tensor.detach().clone() for tensor in tensors]  # where a step's batch is copied to
        play = (_cuda_graph if device.type == "cuda" else _traced)(module, step, static)
        for buffer, before in buffers:
            buffer.copy_(before)
    return play


class _Step(nn.Module):
    """Makes a step a module: whatever records one looks for the weights there."""

    def __init__(self, module: nn.Module, step: Loss) -> None:
        super().__init__()
        self.module = module
        self.step = step

    def forward(self, *tensors: Tensor) -> Tensor:
        return self.step(*tensors)


def _cuda_graph(module: nn.Module, step: Loss, static: Sequence[Tensor]) -> Loss:
    play: Any = torch.cuda.make_graphed_callables(_Step(module, step), tuple(static), allow_unused_input=True)

    def own(*tensors: Tensor) -> Tensor:
        loss: Tensor = play(*tensors)
        return loss.clone()  # the next step writes to the same place, and losses are read four times a second

    return own


def _traced(module: nn.Module, step: Loss, static: Sequence[Tensor]) -> Loss:
    """Return a list of operators as a CUDA graph holds them, for a CPU: whatever the host decided once is decided.

    It is no quicker there. It is what shows without a GPU that a step can be recorded.
    """
    from torch.fx.experimental.proxy_tensor import make_fx

    weights = [weight for weight in module.parameters() if weight.requires_grad]

    def with_gradients(*tensors: Tensor) -> tuple[Tensor, ...]:
        loss = step(*tensors)
        return loss, *torch.autograd.grad(loss, weights, allow_unused=True)

    with _as_plain_operators(module):
        graph = make_fx(with_gradients)(*static)

    class Played(torch.autograd.Function):
        """Runs the operators of a loss again, and hands out the gradients that they computed with it."""

        @staticmethod
        def forward(ctx: Any, count: int, *inputs: Tensor) -> Tensor:
            for place, tensor in zip(static, inputs[:count], strict=True):
                place.copy_(tensor)
            loss, *ctx.gradients = graph(*static)
            return torch.clone(loss)

        @staticmethod
        def backward(ctx: Any, *outer: Tensor) -> Any:
            gradients = (None if one is None else one * outer[0] for one in ctx.gradients)
            return None, *(None for _ in static), *gradients

    def play(*tensors: Tensor) -> Tensor:
        loss: Tensor = Played.apply(len(static), *tensors, *weights)  # type: ignore[no-untyped-call]
        return loss

    return play


@contextmanager
def _as_plain_operators(module: nn.Module) -> Iterator[None]:
    """Have LSTMs made of operators that can be recorded: oneDNN's keep for the backward pass what no recording sees."""
    before = torch._C._get_mkldnn_enabled()
    hidden = before and any(isinstance(part, nn.RNNBase) for part in module.modules())
    try:
        if hidden:
            torch._C._set_mkldnn_enabled(False)
        yield
    finally:
        if hidden:
            torch._C._set_mkldnn_enabled(True)
