"""Changes a batch of images at random, each image by its own draw from the torch random state."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad


def mirrored(images: Tensor) -> Tensor:
    """Return `images`, (batch, channels, height, width), each mirrored left to right with probability one half."""
    turned = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
    return torch.where(turned, images.flip(3), images)


def shifted(images: Tensor, most: int) -> Tensor:
    """Return `images`, each moved by up to `most` pixels down, up, left or right; what comes in is 0.

    Args:
        images: (batch, channels, height, width).
        most: In pixels.
    """
    count, _, height, width = images.shape
    padded = pad(images, (most, most, most, most))
    top, left = torch.randint(2 * most + 1, (2, count, 1, 1), device=images.device)
    rows = top + torch.arange(height, device=images.device)[:, None]
    columns = left + torch.arange(width, device=images.device)
    which = torch.arange(count, device=images.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[which, rows, columns].permute(0, 3, 1, 2)
