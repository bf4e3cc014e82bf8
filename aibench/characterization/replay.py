"""Calls an operator again as a profiler saw it: tensors of those shapes, types and strides, and the other arguments."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from aibench.results.micro_suite import Case

TYPES = {
    "float": torch.float32,
    "double": torch.float64,
    "c10::Half": torch.float16,
    "c10::BFloat16": torch.bfloat16,
    "long int": torch.int64,
    "long": torch.int64,
    "int": torch.int32,
    "short int": torch.int16,
    "short": torch.int16,
    "signed char": torch.int8,
    "unsigned char": torch.uint8,
    "bool": torch.bool,
    "c10::complex<float>": torch.complex64,
}
NUMBERED = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.float32, torch.float64)
# Operators with an input that points into another: which input, and of what dimension of which tensor or value it is
# an index. Where none is named, whole numbers are 0, which points into anything.
POINTS: dict[str, tuple[int, Callable[[Case], int]]] = {
    "aten::embedding": (1, lambda case: case.shapes[0][0]),
    "aten::embedding_dense_backward": (1, lambda case: int(case.values[2])),
    "aten::index_select": (2, lambda case: case.shapes[0][int(case.values[1])]),
    "aten::gather": (2, lambda case: case.shapes[0][int(case.values[1])]),
    "aten::nll_loss_forward": (1, lambda case: case.shapes[0][-1]),
}


class UnsupportedError(ValueError):
    """Reports a case that cannot be called here. The message says why."""


def call(case: Case, device: str) -> Callable[[], Any]:
    """Return the operator of `case` with its inputs, ready to be called as often as wanted.

    Raises:
        UnsupportedError: There is no such operator here, or the profile does not tell enough of its inputs.
    """
    space, _, name = case.operator.partition("::")
    packet = getattr(getattr(torch.ops, space, None), name, None) if name else None
    if packet is None:
        raise UnsupportedError("torch has no such operator")
    reasons = []
    for overload in packet.overloads():
        operator = getattr(packet, overload)
        wanted = operator._schema.arguments
        if len(wanted) != len(case.types):
            continue
        try:
            inputs = [_input(case, place, str(one.type), device) for place, one in enumerate(wanted)]
            plain = [value for value, one in zip(inputs, wanted, strict=True) if not one.kwarg_only]
            named = {one.name: value for value, one in zip(inputs, wanted, strict=True) if one.kwarg_only}
            run = partial(operator, *plain, **named)
            with torch.no_grad():
                run()
        except Exception as error:  # each overload refuses what it does not take in its own way
            reasons.append(" ".join(str(error).split())[:120])
        else:
            return run
    raise UnsupportedError(reasons[0] if reasons else f"no overload takes {len(case.types)} inputs")


def _input(case: Case, place: int, wanted: str, device: str) -> Any:
    kind, shape, text = case.types[place], case.shapes[place], case.values[place]
    if kind in TYPES and "Tensor" in wanted:
        strides = case.strides[place] if place < len(case.strides) else []
        return _tensor(case, place, shape, strides, TYPES[kind], device)
    if kind == "TensorList":
        if not shape:
            raise UnsupportedError(f"input {place} is a list of tensors whose shapes were not recorded")
        return [_tensor(case, place, one, [], torch.float32, device) for one in shape]
    if kind in ("", "None") and not text:
        return None if "Optional" in wanted or "?" in wanted else _refused(place, "was not recorded")
    if kind in ("Scalar", "ScalarList", ""):
        return _value(text, wanted, device)
    return _refused(place, f"is a {kind}")


def _refused(place: int, why: str) -> Any:
    raise UnsupportedError(f"input {place} {why}")


def _tensor(
    case: Case, place: int, shape: Sequence[int], strides: Sequence[int], dtype: torch.dtype, device: str
) -> Tensor:
    if len(strides) == len(shape) and strides:
        made = torch.empty_strided(tuple(shape), tuple(strides), dtype=dtype, device=device)
    else:
        made = torch.empty(tuple(shape), dtype=dtype, device=device)
    if 0 in made.stride() and made.numel() > 1:  # expanded: its elements share memory, and are filled before that
        made = torch.empty(
            [size if step else 1 for size, step in zip(made.shape, made.stride(), strict=True)],
            dtype=dtype,
            device=device,
        )
        return _filled(case, place, made).expand(tuple(shape))
    return _filled(case, place, made)


def _filled(case: Case, place: int, tensor: Tensor) -> Tensor:
    if tensor.dtype.is_floating_point or tensor.dtype.is_complex:
        return tensor.uniform_(0.1, 1.0) if not tensor.dtype.is_complex else tensor.normal_()
    if tensor.dtype is torch.bool:
        return tensor.fill_(True)
    which, bound = POINTS.get(case.operator, (-1, lambda _: 1))
    return tensor.random_(0, max(1, bound(case))) if place == which else tensor.zero_()


def _value(text: str, wanted: str, device: str) -> Any:
    if not text:
        return None
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError) as error:
        if "Device" in wanted or "device" in wanted:
            return torch.device(device)
        raise UnsupportedError(f"the argument {text!r} is no literal") from error
    return value
