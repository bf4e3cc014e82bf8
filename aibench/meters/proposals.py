"""Fixes a detector's number of operations: with as many proposals as it may have, trained or not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor


@contextmanager
def every_proposal() -> Iterator[None]:
    """Let torchvision's detectors suppress no box for overlapping a better one, and find boxes that are numbers.

    A trained network has more proposals than it looks at, and looks at its maximum; from fresh weights, the proposals
    are its anchors, and how many of them are left depends on rounding. And in evaluation a deep network whose
    normalisation has seen no data adds up to infinities, of which no proposal is left: so batches normalise themselves.
    """
    box_ops: Any = sys.modules.get("torchvision.ops.boxes", SimpleNamespace(batched_nms=None))  # not here: no detector
    original, normalise = box_ops.batched_nms, torch.nn.functional.batch_norm

    def keep_all(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
        return scores.argsort(descending=True)

    def by_itself(
        input: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        if not training and input.numel() > input.shape[1]:  # more than one value a channel
            return normalise(input, None, None, weight, bias, True, momentum, eps)
        return normalise(input, running_mean, running_var, weight, bias, training, momentum, eps)

    box_ops.batched_nms = keep_all
    torch.nn.functional.batch_norm = by_itself
    try:
        yield
    finally:
        box_ops.batched_nms = original
        torch.nn.functional.batch_norm = normalise
