"""Builds a spatial transformer before a convolutional classifier, shaped as in PyTorch's tutorial on it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample

from aibench.tasks.spatial_transformer.config import DIGITS, SIZE, ModelConfig
from aibench.tasks.spatial_transformer.convolution import OfOneChannel


class SpatialTransformer(nn.Module):
    """Finds an affine map for each image and samples the image under it (Jaderberg et al. 2015, arXiv 1506.02025, 3).

    It begins with the identity: the last layer's weights are 0, and its bias is the identity's.
    """

    places: Tensor

    def __init__(self, channels: list[int], hidden: int, align_corners: bool) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.register_buffer("places", _places(SIZE, align_corners), persistent=False)
        last = nn.Linear(hidden, 6)
        nn.init.zeros_(last.weight)
        with torch.no_grad():
            last.bias.copy_(torch.tensor([1.0, 0.0, 0.0, 0.0, 1.0, 0.0]))
        self.localisation = nn.Sequential(
            nn.Conv2d(1, channels[0], 7),  # 28 to 22 pixels
            nn.MaxPool2d(2),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels[0], channels[1], 5),  # 11 to 7
            nn.MaxPool2d(2),
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Linear(channels[1] * 3 * 3, hidden),
            nn.ReLU(inplace=True),
            last,
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return `images`, float (batch, 1, 28, 28), transformed."""
        maps = self.localisation(images).view(-1, 3)
        # As `affine_grid`, which takes five times as long: it multiplies small matrices, one for each image.
        grid = (maps @ self.places).view(-1, 2, SIZE, SIZE).permute(0, 2, 3, 1)
        return grid_sample(images, grid, align_corners=self.align_corners)


def _places(size: int, align_corners: bool) -> Tensor:
    """Return (x, y, 1) of each pixel as `affine_grid` has them, float (3, size * size).

    To the last bit: sampled under the identity, at which training begins, every point lies on a pixel, where the
    gradient jumps, and rounding decides from which side it is taken.
    """
    identity = affine_grid(torch.eye(2, 3)[None], [1, 1, size, size], align_corners=align_corners)
    return torch.cat([identity.view(-1, 2).T, torch.ones(1, size * size)])


def classifier(channels: list[int], hidden: int, dropout: float) -> nn.Module:
    """Build the tutorial's classifier: float (batch, 1, 28, 28) to logits, float (batch, 10)."""
    return nn.Sequential(
        OfOneChannel(1, channels[0], 5),  # 28 to 24 pixels
        nn.MaxPool2d(2),
        nn.ReLU(inplace=True),
        nn.Conv2d(channels[0], channels[1], 5),  # 12 to 8
        nn.Dropout2d(dropout),
        nn.MaxPool2d(2),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Linear(channels[1] * 4 * 4, hidden),
        nn.ReLU(inplace=True),
        nn.Dropout(dropout),
        nn.Linear(hidden, DIGITS),
    )


class Network(nn.Module):
    """Joins the spatial transformer, or nothing where the configuration has none, and the classifier."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.transformer: nn.Module = nn.Identity()
        if config.transformer:
            self.transformer = SpatialTransformer(
                config.localisation_channels, config.localisation_hidden, config.align_corners
            )
        self.classifier = classifier(config.classifier_channels, config.classifier_hidden, config.dropout)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits, float (batch, 10), of `images`, float (batch, 1, 28, 28)."""
        logits: Tensor = self.classifier(self.transformer(images))
        return logits
