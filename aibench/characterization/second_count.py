"""Counts multiply-adds of a forward pass with fvcore, which reads a traced graph, to check FlopCounterMode.

As it ships, fvcore counts LSTM, GRU and fused attention as nothing, and gives norms, pooling and sampling weights of
its choosing. The handles here count every product and convolution, and those only: twice their sum is what
FlopCounterMode finds by another path, at the operators that run.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from fvcore.nn import FlopCountAnalysis
from fvcore.nn.flop_count import _DEFAULT_SUPPORTED_OPS as SHIPPED
from fvcore.nn.jit_handles import conv_flop_count, einsum_flop_jit, get_shape
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_leaves, tree_unflatten

Handle = Callable[[list[Any], list[Any]], float]


@dataclass(frozen=True, slots=True)
class SecondCount:
    """Holds what fvcore counted in one forward pass.

    Attributes:
        macs: Multiply-adds with our handles: products and convolutions.
        by_operator: These multiply-adds by operator.
        as_shipped: Multiply-adds as fvcore ships; None where one of its own handles fails.
        without_handle: Operators that neither counts, with their calls.
    """

    macs: float
    by_operator: dict[str, float]
    as_shipped: float | None
    without_handle: dict[str, int]


def second_count(module: nn.Module, arguments: tuple[Any, ...]) -> SecondCount:
    """Count `module(*arguments)` in evaluation mode, computed for real on the CPU."""
    traced = _OnTensors(module.eval(), arguments)
    analysis = FlopCountAnalysis(traced, traced.tensors())
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
    analysis.set_op_handle(**{name: _both(name) for name in SHIPPED.keys() | HANDLES.keys()})
    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that Python's values become constants of the graph, which is wanted
            counts = analysis.by_operator()
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
    ours = {name.removeprefix("ours "): float(macs) for name, macs in counts.items() if name.startswith("ours ")}
    shipped = sum(float(macs) for name, macs in counts.items() if name.startswith("shipped "))
    return SecondCount(
        macs=sum(ours.values()),
        by_operator={name: macs for name, macs in ours.items() if macs},
        as_shipped=None if math.isnan(shipped) else shipped,
        without_handle=dict(analysis.unsupported_ops().most_common()),
    )


class _OnTensors(nn.Module):
    """Wraps `module` so that arguments and results are tensors alone, as tracing wants them."""

    def __init__(self, module: nn.Module, arguments: tuple[Any, ...]) -> None:
        super().__init__()
        self.module = module
        self.leaves, self.structure = tree_flatten(arguments)

    def tensors(self) -> tuple[Tensor, ...]:
        return tuple(leaf for leaf in self.leaves if isinstance(leaf, Tensor))

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """Return the state without what a module keeps beside its tensors, which tracing refuses."""
        state: dict[str, Any] = super().state_dict(*args, **kwargs)
        for name in [name for name, value in state.items() if not isinstance(value, Tensor)]:
            del state[name]  # in place: a parent's collects in it
        return state

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        given = iter(tensors)
        leaves = [next(given) if isinstance(leaf, Tensor) else leaf for leaf in self.leaves]
        out = self.module(*tree_unflatten(leaves, self.structure))
        return tuple(leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor))


def _both(name: str) -> Callable[[list[Any], list[Any]], Counter[str]]:
    ours, shipped = HANDLES.get(name), SHIPPED.get(name)
    short = name.removeprefix("aten::")

    def handle(inputs: list[Any], outputs: list[Any]) -> Counter[str]:
        found: Counter[str] = Counter()
        if ours is not None:
            found[f"ours {short}"] = float(ours(inputs, outputs))  # type: ignore[assignment]
        if shipped is not None:
            try:
                counted = shipped(inputs, outputs)
                found[f"shipped {short}"] = float(sum(counted.values()) if isinstance(counted, Counter) else counted)  # type: ignore[assignment]
            except (AssertionError, TypeError, IndexError, ValueError):  # shapes that its authors did not expect
                found[f"shipped {short}"] = math.nan  # type: ignore[assignment]
        return found

    return handle


def _product(left: Any, right: Any, out: Any) -> float:
    """Count a product of matrices, stacks of them, or vectors: each element takes as many as the inner dimension."""
    del right
    return math.prod(_shape(out)) * _shape(left)[-1]


def _shape(value: Any) -> list[int]:
    shape: list[int] | None = get_shape(value)
    assert shape is not None, f"no shape is known of {value}"
    return shape


def _listed(value: Any) -> Iterator[list[int]]:
    """Yield the shapes of the tensors in a list of the graph."""
    if value.node().kind() == "prim::ListConstruct":
        for element in value.node().inputs():
            shape = get_shape(element)
            if shape is not None:
                yield shape


def _recurrent(inputs: list[Any], outputs: list[Any]) -> float:
    """Count recurrent layers: every matrix meets every position of every sequence once (packed ones too)."""
    del outputs
    positions = math.prod(_shape(inputs[0])[:-1])
    matrices = (shape for value in inputs[1:] for shape in _listed(value) if len(shape) == 2)
    return positions * sum(math.prod(shape) for shape in matrices)


def _cell(inputs: list[Any], outputs: list[Any]) -> float:
    """Count one step of a recurrent cell: `inputs` are the input, the state, the two matrices and the biases."""
    del outputs
    first = next(index for index in (2, 3) if len(_shape(inputs[index])) == 2)
    return _shape(inputs[0])[0] * sum(math.prod(_shape(inputs[first + index])) for index in (0, 1))


def _attention(inputs: list[Any], outputs: list[Any]) -> float:
    """Count queries (..., L, E) with keys (..., S, E), and the weights with values (..., S, V)."""
    del outputs
    query, key, value = (_shape(one) for one in inputs[:3])
    return math.prod(query[:-1]) * key[-2] * (query[-1] + value[-1])


def _convolution(inputs: list[Any], outputs: list[Any]) -> float:
    transposed = len(inputs) > 7 and bool(inputs[6].toIValue())
    return float(conv_flop_count(_shape(inputs[0]), _shape(inputs[1]), _shape(outputs[0]), transposed))


def _einsum(inputs: list[Any], outputs: list[Any]) -> float:
    """Count an einsum of two tensors: as many as all letters' extents multiply to."""
    shapes = list(_listed(inputs[1]))
    if len(shapes) != 2:
        return float(einsum_flop_jit(inputs, outputs))
    sides = inputs[0].toIValue().replace(" ", "").split("->")[0].split(",")
    extents = {
        letter: size
        for side, shape in zip(sides, shapes, strict=True)
        for letter, size in zip(side, shape, strict=True)
    }
    return float(math.prod(extents.values()))


HANDLES: dict[str, Handle] = {
    **{f"aten::{name}": lambda i, o: _product(i[0], i[1], o[0]) for name in ("mm", "bmm", "matmul", "mv", "dot")},
    **{f"aten::{name}": lambda i, o: _product(i[1], i[2], o[0]) for name in ("addmm", "baddbmm", "addmv")},
    **{f"aten::{name}": _recurrent for name in ("lstm", "gru", "rnn_tanh", "rnn_relu")},
    **{f"aten::{name}": _cell for name in ("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell")},
    **{f"aten::{name}": _convolution for name in ("_convolution", "_convolution_mode")},
    "aten::linear": lambda i, o: _product(i[0], i[1], o[0]),
    "aten::scaled_dot_product_attention": _attention,
    "aten::einsum": _einsum,
}
