"""Computes what detectors without a network find in the generated scenes: a prior, and blobs by their neighbours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor
from torchvision.ops import batched_nms, box_iou, roi_align

from aibench.contract import Baseline
from aibench.metrics.voc import VOC07mAP
from aibench.tasks.object_detection.boxes import Target, in_pixels
from aibench.tasks.object_detection.scenes import CLASSES

GRID = 8  # pixels between the boxes of the prior
BLUR = 12.0  # standard deviation of what a pixel's surroundings are, in pixels
CONTRASTS = (0.12, 0.2, 0.3)  # a blob is that much lighter or darker than its surroundings, of 0 to 1
HEIGHTS, WIDTHS = (14, 44), (4, 46)  # of the boxes that can hold a digit, with some room, in pixels
PATCH = 12  # height and width to which a blob is resized
NEIGHBOURS = 5
SCENES = 500  # training scenes whose patches are compared: more cost minutes
TOGETHER = 20  # pictures whose boxes are compared at once: the prior has a thousand boxes on each
NOTHING = 0  # the class of blobs that are no digit


def baselines(parts: Mapping[str, Any]) -> Iterator[Baseline]:
    """Yield VOC2007's mean average precision of the detectors, made from `train` and judged on all other parts.

    Args:
        parts: The data set of each part, `data.Scenes`.
    """
    train, held_out = parts["train"], {part: scenes for part, scenes in parts.items() if part != "train"}
    always = _prior(train.targets, train.pictures.shape[2])
    yield Baseline(
        "classes by frequency, boxes of the mean size on a grid",
        {part: _judged([always] * len(scenes), scenes.targets) for part, scenes in held_out.items()},
    )
    classifier = _classifier(train.pictures[:SCENES], train.targets[:SCENES])
    yield Baseline(
        "connected components, class of the 5 nearest neighbours",
        {part: _judged(_recognised(classifier, scenes.pictures), scenes.targets) for part, scenes in held_out.items()},
    )


def _judged(found: Sequence[Target], targets: Sequence[Target]) -> float:
    metric = VOC07mAP(len(CLASSES))
    for first in range(0, len(found), TOGETHER):
        batch = slice(first, first + TOGETHER)
        metric.update([in_pixels(each) for each in found[batch]], [in_pixels(each) for each in targets[batch]])
    return float(metric.compute())


def _prior(targets: Sequence[Target], size: int) -> Target:
    """Return what is answered to every picture of `size` pixels."""
    boxes, labels = (torch.cat([target[key] for target in targets]) for key in ("boxes", "labels"))
    width, height = (boxes[:, 2:] - boxes[:, :2]).mean(0).tolist()
    left, top = torch.meshgrid(*[torch.arange(0, size - side, GRID) for side in (width, height)], indexing="ij")
    grid = torch.stack([left, top, left + width, top + height], -1).view(-1, 4)
    shares = torch.bincount(labels, minlength=len(CLASSES) + 1)[1:] / len(labels)
    return {
        "boxes": grid.repeat(len(CLASSES), 1).float(),
        "labels": torch.arange(1, len(CLASSES) + 1).repeat_interleave(len(grid)),
        "scores": shares.repeat_interleave(len(grid)),
    }


def _grey(pictures: Tensor) -> Tensor:
    """Return brightness, float (pictures, height, width) in 0 to 1."""
    return pictures.float().mean(1) / 255


def _blobs(pictures: Tensor) -> list[Tensor]:
    """Return each picture's boxes, float (blobs, 4), of what stands out and has a digit's size."""
    return [_blobs_of(grey - ndimage.gaussian_filter(grey, BLUR)) for grey in _grey(pictures).numpy()]


def _blobs_of(contrast: NDArray[np.float32]) -> Tensor:
    boxes = []
    for least in CONTRASTS:
        for sign in (1, -1):
            numbered, _ = ndimage.label(sign * contrast > least, np.ones((3, 3)))
            for rows, columns in ndimage.find_objects(numbered):
                height, width = rows.stop - rows.start, columns.stop - columns.start
                if HEIGHTS[0] <= height <= HEIGHTS[1] and WIDTHS[0] <= width <= WIDTHS[1]:
                    boxes.append((columns.start, rows.start, columns.stop, rows.stop))
    return torch.tensor(boxes, dtype=torch.float32).view(-1, 4)


def _patches(pictures: Tensor, boxes: Sequence[Tensor]) -> NDArray[np.float32]:
    """Return what the boxes of each picture hold, resized, light on dark, with mean 0 and length 1: (boxes, pixels)."""
    cut = roi_align(_grey(pictures)[:, None], list(boxes), PATCH, aligned=True).flatten(1)
    cut = cut - cut.mean(1, keepdim=True)
    border = cut.view(-1, PATCH, PATCH)[:, [0, -1]].mean((1, 2))
    cut = torch.where(border[:, None] > 0, -cut, cut)  # ink is rarer at a box's upper and lower edge than in it
    patches: NDArray[np.float32] = (cut / (cut.norm(dim=1, keepdim=True) + 1e-6)).numpy()
    return patches


def _classifier(pictures: Tensor, targets: Sequence[Target]) -> KNeighborsClassifier:
    """Return nearest neighbours among the true boxes of `pictures` and their blobs that are none."""
    there = [target["boxes"] for target in targets]
    blobs = zip(_blobs(pictures), there, strict=True)
    wrong = [boxes[box_iou(boxes, true).amax(1) < 0.5] if len(true) else boxes for boxes, true in blobs]
    patches = np.concatenate([_patches(pictures, boxes) for boxes in (there, wrong)])
    labels = torch.cat([target["labels"] for target in targets])
    nothing = torch.full((sum(map(len, wrong)),), NOTHING)
    return KNeighborsClassifier(NEIGHBOURS, weights="distance").fit(patches, torch.cat([labels, nothing]).numpy())


def _recognised(classifier: KNeighborsClassifier, pictures: Tensor) -> list[Target]:
    """Return the blobs of each picture with the classes that their neighbours have, of overlapping ones the surest."""
    blobs = _blobs(pictures)
    votes = torch.from_numpy(classifier.predict_proba(_patches(pictures, blobs))).float()
    found = []
    for own, shares in zip(blobs, torch.split(votes, [len(each) for each in blobs]), strict=True):
        which, label = (shares[:, 1:] > 0).nonzero().T
        boxes, scores, labels = own[which], shares[which, label + 1], label + 1
        kept = batched_nms(boxes, scores, labels, 0.3)
        found.append({"boxes": boxes[kept], "labels": labels[kept], "scores": scores[kept]})
    return found
