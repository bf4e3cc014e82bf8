"""Counts floating-point operations alike on every device: twice the multiply-adds of products and convolutions.

PyTorch's FlopCounterMode knows no fused recurrent layer and, on a CPU, no fused attention: it gives them nothing,
silently. Inside `canonical()` such operators are decomposed into those that it knows; on the meta device recurrent
layers are counted by formula, which gives the same number at once (`on_shapes`). What carries no formula
(normalisation, activations, embeddings, pooling, losses, optimisers) is listed with its calls.
"""

from __future__ import annotations

import contextlib
import math
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from aibench.meters.on_shapes import Recurrent, register_ctc

# Operators that move no number: views and allocations.
FREE = frozenset(
    "view _unsafe_view t transpose permute expand slice select unsqueeze squeeze detach alias as_strided split "  # noqa: SIM905
    "split_with_sizes unbind empty empty_like empty_strided new_empty new_empty_strided lift_fresh _reshape_alias "
    "view_as_real unsafe_split unsafe_chunk".split()
)


@dataclass(frozen=True, slots=True)
class Count:
    """Holds what was counted in a region.

    Attributes:
        flops: Floating-point operations.
        uncounted: By name of each operator without a formula, its calls and output elements, most calls first.
    """

    flops: int
    uncounted: dict[str, tuple[int, int]] = field(default_factory=dict)


@contextlib.contextmanager
def canonical(*, without_mkldnn: bool = True) -> Iterator[None]:
    """Have every composite operator take the path that is made of operators with a formula.

    Args:
        without_mkldnn: False keeps oneDNN's convolutions, which are counted and quick; its recurrent layers are not.
    """
    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    mkldnn = torch.backends.mkldnn.flags(enabled=not without_mkldnn)
    cudnn = torch.backends.cudnn.flags(enabled=False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the first speaks of TF32 on GPUs that this build does not know
            with mkldnn, cudnn, sdpa_kernel(SDPBackend.MATH):
                yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)


class TooLong(Exception):  # noqa: N818 - it tells how a count ended
    """Reports that counting took longer than it may: thousands of recurrent steps, each decomposed."""


class Uncounted(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts calls and output elements of the operators that carry no formula.

    Args:
        seconds: Seconds after which it raises `TooLong`.
    """

    def __init__(self, seconds: float = math.inf) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seconds = seconds
        self.deadline = time.monotonic() + seconds
        self.calls: Counter[str] = Counter()
        self.elements: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if time.monotonic() > self.deadline:
            raise TooLong(f"counting it took more than {self.seconds:g} s")
        out = func(*args, **(kwargs or {}))
        packet = func._overloadpacket
        if packet not in flop_registry and packet.__name__ not in FREE and func.namespace != "profiler":
            self.calls[str(packet)] += 1
            self.elements[str(packet)] += sum(leaf.numel() for leaf in tree_leaves(out) if isinstance(leaf, Tensor))
        return out


def count(region: Callable[[], object], *, without_mkldnn: bool = True, seconds: float = math.inf) -> Count:
    """Run `region` and count it. Raises `TooLong` after `seconds`."""
    register_ctc()
    uncounted, counter, recurrent = Uncounted(seconds), FlopCounterMode(display=False), Recurrent()
    with canonical(without_mkldnn=without_mkldnn), uncounted, counter, recurrent:
        region()
    table = {name: (calls, uncounted.elements[name]) for name, calls in uncounted.calls.most_common()}
    return Count(counter.get_total_flops() + recurrent.flops, table)


def is_recurrent(module: nn.Module) -> bool:
    """Return whether `module` has a fused recurrent layer, which oneDNN would compute uncounted."""
    return any(isinstance(part, nn.RNNBase) for part in module.modules())


def on_meta(value: Any) -> Any:
    """Return `value` with every tensor in it of the same shape and type, and without content."""
    return tree_map_only(Tensor, lambda tensor: tensor.detach().to("meta"), value)
