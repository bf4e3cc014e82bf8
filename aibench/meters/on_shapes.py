"""Adds what PyTorch lacks on the meta device: the CTC loss, and recurrent layers at once, not step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}


class Recurrent(TorchFunctionMode):
    """Gives recurrent layers on the meta device their results by shape, and adds up what they would have multiplied.

    Packed sequences, projections and every other device are left to PyTorch.

    Attributes:
        flops: Operations of forward and backward passes so far: as many as the decomposed layer's products take.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in GATES and not kwargs and isinstance(args[0], Tensor) and args[0].is_meta:
            layer = _layer(name, args)
            if layer is not None:
                states = args[1] if name == "lstm" else (args[1],)
                return _Fused.apply(self, layer, args[0], *states, *args[2])  # type: ignore[no-untyped-call]
        return func(*args, **(kwargs or {}))


@dataclass(frozen=True, slots=True)
class _Layer:
    """Describes a stack of recurrent layers on a batch of sequences of one length."""

    name: str
    steps: int
    batch: int
    hidden: int
    layers: int
    directions: int
    out_shape: tuple[int, ...]
    in_sizes: Sequence[int]  # of each layer

    @property
    def gates(self) -> int:
        return GATES[self.name] * self.hidden

    def forward(self) -> int:
        rows = self.steps * self.batch
        return 2 * self.directions * sum(rows * self.gates * (size + self.hidden) for size in self.in_sizes)

    def backward(self, *, input_wanted: bool, state_wanted: bool) -> int:
        """Count the gradients of both matrices, of the hidden state before each step, and of each layer's input."""
        rows, total = self.steps * self.batch, 0
        for layer, size in enumerate(self.in_sizes):
            total += rows * self.gates * (size + self.hidden)  # the weights'
            total += (rows if state_wanted else rows - self.batch) * self.gates * self.hidden
            total += rows * self.gates * size if layer or input_wanted else 0
        return 2 * self.directions * total


def _layer(name: str, args: Sequence[Any]) -> _Layer | None:
    if len(args) != 9 or not isinstance(args[2], list | tuple):  # packed
        return None
    sequence, _states, weights, biased, layers, _, _, both_ways, batch_first = args
    each = len(weights) // (layers * (2 if both_ways else 1))
    if each != (4 if biased else 2) or sequence.dim() != 3:  # with a projection
        return None
    batch, steps = sequence.shape[:2] if batch_first else (sequence.shape[1], sequence.shape[0])
    directions, hidden = 2 if both_ways else 1, weights[1].shape[1]
    return _Layer(
        name,
        steps,
        batch,
        hidden,
        layers,
        directions,
        (*sequence.shape[:2], directions * hidden),
        [weights[layer * directions * each].shape[1] for layer in range(layers)],
    )


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, mode: Recurrent, layer: _Layer, sequence: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        count = 2 if layer.name == "lstm" else 1
        states = [torch.empty_like(state) for state in rest[:count]]
        mode.flops += layer.forward()
        kept = layer.steps * layer.batch * layer.layers * layer.directions * (layer.gates + count * layer.hidden)
        ctx.save_for_backward(sequence, *rest, sequence.new_empty(kept))  # gates and states, as fused layers keep them
        ctx.mode, ctx.layer = mode, layer
        return sequence.new_empty(layer.out_shape), *states

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        *tensors, _ = ctx.saved_tensors
        wanted = ctx.needs_input_grad[2:]
        ctx.mode.flops += ctx.layer.backward(input_wanted=wanted[0], state_wanted=wanted[1])
        found = (torch.empty_like(one) if needs else None for one, needs in zip(tensors, wanted, strict=True))
        return None, None, *found


@cache
def register_ctc() -> Any:
    """Let `F.ctc_loss` run on the meta device. Returns what keeps it registered."""
    library = torch.library.Library("aten", "IMPL")  # type: ignore[no-untyped-call]

    def loss(log_probs: Tensor, targets: Tensor, *lengths: Any, **_: Any) -> tuple[Tensor, Tensor]:
        steps, batch, _labels = log_probs.shape
        longest = targets.shape[-1] if targets.dim() == 2 else targets.numel()
        return log_probs.new_empty(batch), log_probs.new_empty(batch, steps, 2 * longest + 1)

    def backward(gradient: Tensor, log_probs: Tensor, *others: Any, **_: Any) -> Tensor:
        return torch.empty_like(log_probs)

    for name in ("_ctc_loss", "_ctc_loss.Tensor"):
        library.impl(name, loss, "Meta")  # type: ignore[no-untyped-call]
    for name in ("_ctc_loss_backward", "_ctc_loss_backward.Tensor"):
        library.impl(name, backward, "Meta")  # type: ignore[no-untyped-call]
    return library
