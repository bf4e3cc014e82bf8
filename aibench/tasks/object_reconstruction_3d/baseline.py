"""Answers with the volumes of the training pictures that look most alike, and with mean volumes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from aibench.contract import Baseline
from aibench.tasks.object_reconstruction_3d.metric import VoxelIoU

NEAREST = 8
_THRESHOLDS = (0.2, 0.3, 0.4, 0.5)


def baselines(parts: Mapping[str, Any]) -> Iterator[Baseline]:
    """Yield the mean intersection over union of volumes that are taken from the training objects.

    Args:
        parts: Objects by the name of their part, `train` among them.
    """
    held_out = [part for part in parts if part != "train"]
    pictures, volumes = (torch.cat(list(halves)) for halves in zip(*_batches(parts["train"]), strict=True))
    volumes = volumes.flatten(1).to(torch.uint8)
    for name, look in (("outlines", _edges), ("pixels", _pixels)):
        known = look(pictures)
        nearest = {part: _nearest(parts[part], known, look) for part in held_out}
        yield Baseline(
            f"volume of the training picture with the nearest {name}",
            {part: _iou(parts[part], volumes[index[:, 0]].float(), 0.5) for part, index in nearest.items()},
        )
        shares = {part: _shares(volumes, index) for part, index in nearest.items()}
        yield _best(f"mean of the {NEAREST} volumes with the nearest {name}", parts, shares)
    mean = volumes.float().mean(0)
    yield _best("mean of the training volumes", parts, {part: mean.expand(len(parts[part]), -1) for part in held_out})


def _best(name: str, parts: Mapping[str, Any], shares: Mapping[str, Tensor]) -> Baseline:
    """Return the scores of voxels that are full in more than a share of volumes; the share is the best one of `val`."""
    threshold = max(_THRESHOLDS, key=lambda share: _iou(parts["val"], shares["val"], share))
    quality = {part: _iou(parts[part], share, threshold) for part, share in shares.items()}
    return Baseline(name, quality, f"full where more than {threshold:g} of them are: the best share on val")


def _shares(volumes: Tensor, index: Tensor) -> Tensor:
    """Return in which share of the volumes at `index`, int64 (pictures, 8), each voxel is full."""
    total = torch.zeros(len(index), volumes.shape[1], dtype=torch.uint8)
    for place in index.T:
        total += volumes[place]
    return total / index.shape[1]


def _batches(objects: Any) -> Iterator[tuple[Tensor, Tensor]]:
    for start in range(0, len(objects), 256):
        yield objects.gather(torch.arange(start, min(start + 256, len(objects))))


def _nearest(objects: Any, known: Tensor, look: Callable[[Tensor], Tensor]) -> Tensor:
    """Return the indices of the `NEAREST` training pictures of each picture, int64 (pictures, 8), the nearest first."""
    count = min(NEAREST, len(known))
    found = [torch.cdist(look(pictures), known).topk(count, largest=False).indices for pictures, _ in _batches(objects)]
    return torch.cat(found)


def _pixels(pictures: Tensor) -> Tensor:
    return pictures.float().flatten(1)


def _edges(pictures: Tensor) -> Tensor:
    """Return how strongly neighbouring pixels differ, against the strongest of each picture, means of 2x2 pixels."""
    values = pictures.float()
    right, down = values.diff(dim=3), values.diff(dim=2)
    strength = (pad(right, (0, 1)) ** 2 + pad(down, (0, 0, 0, 1)) ** 2).sqrt().amax(1, keepdim=True)
    strong = strength.flatten(1).quantile(0.95, dim=1).clamp(min=1).view(-1, 1, 1, 1)
    return avg_pool2d((strength / strong).clamp(max=1), 2).flatten(1)


def _iou(objects: Any, shares: Tensor, threshold: float) -> float:
    metric, start = VoxelIoU(), 0
    for _, solids in _batches(objects):
        full = shares[start : start + len(solids)] > threshold
        metric.update(full.float().view(solids.shape), solids)
        start += len(solids)
    return float(metric.compute()["iou"])
