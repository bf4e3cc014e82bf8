"""Measures the multi-scale structural similarity of images of whole numbers."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics.functional.image import multiscale_structural_similarity_index_measure

SMALLEST = 176  # pixels: the coarsest of the five scales must hold a window of 11x11


def ms_ssim(images: Tensor, originals: Tensor) -> Tensor:
    """Return the MS-SSIM of each image with its original (Wang, Simoncelli and Bovik 2003), float (batch,).

    Five scales with the paper's weights, windows of 11x11 pixels with sigma 1.5, on red, green and blue of 0 to 255.
    torchmetrics lets the windows of the coarsest scale reach over the border, where the image is mirrored; the paper
    does not. That changes some units of the fourth decimal at 192x192 pixels, and less in larger images.

    Args:
        images: uint8 (batch, 3, height, width), both sides at least `SMALLEST`.
        originals: uint8 (batch, 3, height, width).
    """
    with torch.autocast(images.device.type, enabled=False):  # variances are small differences of large numbers
        return multiscale_structural_similarity_index_measure(
            images.float(), originals.float(), data_range=255.0, reduction="none"
        )
