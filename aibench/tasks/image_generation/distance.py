"""Measures how far generated images are from real ones: as the critic sees it, and without a critic."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, interpolate, normalize
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

PATCH = 7  # pixels
STRIDE = 3  # pixels from one patch to the next
DIRECTIONS = 32


class EmDistance(Metric):
    """Estimates the Earth Mover's distance by a critic: |mean score of real images - mean score of generated ones|.

    By the Kantorovich-Rubinstein duality (equation 3 of Arjovsky et al. 2017, arXiv 1701.07875) it is at most the
    distance times the critic's Lipschitz constant, which its clipped weights bound and nobody knows: values of two
    architectures, or of two clips, cannot be compared.
    """

    full_state_update = False
    higher_is_better = False
    real: Tensor
    made: Tensor
    count: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("real", "made", "count"):
            # float64: after some thousand updates float32 would no longer see what a batch adds.
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, real: Tensor, made: Tensor) -> None:
        """Add the scores of as many real as generated images, each float (batch,)."""
        self.real += real.double().sum()
        self.made += made.double().sum()
        self.count += len(real)

    def compute(self) -> Tensor:
        """Return the distance, float ()."""
        return ((self.real - self.made).abs() / self.count).float()


class SlicedWasserstein(Metric):
    """Measures the sliced Wasserstein distance between small patches of real and of generated images.

    Of each band of an image's Laplacian pyramid, patches of 7x7 pixels are projected on fixed random directions. On a
    line the Earth Mover's distance between equally many points is the mean difference of the sorted ones; the value is
    its mean over directions, and over the bands. After Karras et al. 2018 (arXiv 1710.10196, 5), without the
    standardisation of the patches and without what the bands leave of the image: its mean brightness.

    Args:
        channels: The images' channels.
        size: Their height and width, at least 8.
        seed: Decides the directions.
    """

    full_state_update = False
    higher_is_better = False
    filters: Tensor

    def __init__(self, channels: int, size: int, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        directions = normalize(torch.randn(DIRECTIONS, channels * PATCH**2, generator=generator))
        self.register_buffer("filters", directions.view(-1, channels, PATCH, PATCH), persistent=False)
        self.bands = sum(size >> halvings > PATCH for halvings in range(size))
        for band in range(self.bands):
            for name in ("real", "made"):
                self.add_state(f"{name}_{band}", [], dist_reduce_fx="cat")

    def update(self, real: Tensor, made: Tensor) -> None:
        """Add as many real as generated images, each float (batch, channels, size, size)."""
        for name, images in (("real", real), ("made", made)):
            for band, pixels in enumerate(bands(images, self.bands)):
                # A convolution projects all patches at once: (batch, directions, rows, columns).
                projected = conv2d(pixels, self.filters.to(pixels.dtype), stride=STRIDE)
                getattr(self, f"{name}_{band}").append(projected.float().movedim(1, -1).reshape(-1, DIRECTIONS))

    def compute(self) -> Tensor:
        """Return the distance, float (), in the scale of the images."""
        distances = []
        for band in range(self.bands):
            real, made = (dim_zero_cat(getattr(self, f"{name}_{band}")) for name in ("real", "made"))
            distances.append((real.sort(0).values - made.sort(0).values).abs().mean())
        return torch.stack(distances).mean()


def bands(images: Tensor, count: int) -> Iterator[Tensor]:
    """Yield the first `count` bands of the Laplacian pyramid of `images`: what each halving loses.

    Args:
        images: float (batch, channels, height, width).
        count: The first band is of the height and width of the images, each further one of half of them.
    """
    for _ in range(count):
        halved = avg_pool2d(images, 2)
        yield images - interpolate(halved, size=images.shape[2:], mode="bilinear", align_corners=False)
        images = halved
