"""One number of operations for a detector: with as many proposals as it may have, whatever an untrained one finds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor
from torchvision.ops import boxes as box_ops


@contextmanager
def every_proposal() -> Iterator[None]:
    """Let torchvision's detectors suppress no box for overlapping a better one.

    A trained network has more proposals than it looks at, and looks at its maximum; from fresh weights, the proposals
    are its anchors, and how many of them are left depends on rounding.
    """
    original = box_ops.batched_nms

    def keep_all(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
        return scores.argsort(descending=True)

    box_ops.batched_nms = keep_all
    try:
        yield
    finally:
        box_ops.batched_nms = original
