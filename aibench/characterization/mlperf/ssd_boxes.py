"""Computes SSD's default boxes, and which object each of them is to find."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torchvision.ops import box_convert, box_iou

IMAGE = 300
SIDES = (38, 19, 10, 5, 3, 1)  # of the feature maps
STRIDES = (8, 16, 32, 64, 100, 300)  # pixels
SCALES = (21, 45, 99, 153, 207, 261, 315)  # pixels
RATIOS = ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,))
PER_PLACE = tuple(2 + 2 * len(ratios) for ratios in RATIOS)  # 4, 6, 6, 6, 4, 4
OVERLAP = 0.5  # with which a box is an object's


def default_boxes() -> Tensor:
    """Return all 8,732, float (boxes, 4): centre, width and height in parts of the image; by map, then by shape."""
    boxes = []
    for side, stride, scale, larger, ratios in zip(SIDES, STRIDES, SCALES, SCALES[1:], RATIOS, strict=False):
        small, middle = scale / IMAGE, math.sqrt(scale * larger) / IMAGE
        shapes = [(small, small), (middle, middle)]
        for ratio in ratios:
            long, short = small * math.sqrt(ratio), small / math.sqrt(ratio)
            shapes += [(long, short), (short, long)]
        centres = (torch.arange(side) + 0.5) * stride / IMAGE
        down, right = torch.meshgrid(centres, centres, indexing="ij")
        for width, height in shapes:
            sizes = torch.tensor([width, height]).expand(side * side, 2)
            boxes.append(torch.cat([right.reshape(-1, 1), down.reshape(-1, 1), sizes], 1))
    return torch.cat(boxes).clamp(0, 1)


def wanted(objects: Tensor, labels: Tensor, defaults: Tensor) -> tuple[Tensor, Tensor]:
    """Return what the default boxes are to find; if two objects want the same, the one that overlaps more gets it.

    Args:
        objects: The objects' boxes, float (objects, 4): left, top, right, bottom, in parts of the image.
        labels: The objects' classes, int64 (objects,), from 1.
        defaults: float (boxes, 4), as `default_boxes` makes them.

    Returns:
        Boxes, float (boxes, 4), as the defaults, and classes, int64 (boxes,), 0 where there is no object.
    """
    overlaps = box_iou(objects, box_convert(defaults, "cxcywh", "xyxy"))
    best, which = overlaps.max(dim=0)
    favourites = overlaps.max(dim=1).indices  # each object has the box that overlaps it most, however little
    best[favourites] = 2.0
    which[favourites] = torch.arange(len(objects))
    found = best > OVERLAP
    boxes = torch.where(found[:, None], box_convert(objects, "xyxy", "cxcywh")[which], defaults)
    return boxes, torch.where(found, labels[which], 0)
