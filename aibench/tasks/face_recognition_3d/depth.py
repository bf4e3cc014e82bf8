"""Adds depth to a picture as its fourth channel."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

LEVELS = 255


def levels(depth: NDArray[np.floating], known: NDArray[np.bool_], near: float, far: float) -> NDArray[np.uint8]:
    """Turn depths into 1 (at `far` and beyond) to 255 (at `near` and before), and 0 where they are not known.

    Args:
        depth: (height, width), in any unit.
        known: Where it was measured, (height, width).
        near: Depth that becomes 255. It may be the greater one, where depth grows towards the camera.
        far: Depth that becomes 1.
    """
    part = np.clip((far - np.where(known, depth, far)) / (far - near), 0, 1)
    return np.where(known, np.rint(1 + (LEVELS - 1) * part), 0).astype(np.uint8)


def stacked(colour: Image.Image, depth: Image.Image, size: int) -> Tensor:
    """Stack the two at `size` by `size` pixels, uint8 (4, size, size).

    Depth takes the nearest pixel: between a head and what is behind it lies no surface.
    """
    planes = (
        np.asarray(colour.resize((size, size), Image.Resampling.BILINEAR)),
        np.asarray(depth.resize((size, size), Image.Resampling.NEAREST))[:, :, None],
    )
    return torch.from_numpy(np.ascontiguousarray(np.concatenate(planes, axis=2).transpose(2, 0, 1)))
