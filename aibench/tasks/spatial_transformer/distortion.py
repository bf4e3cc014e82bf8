"""Turns, scales and shifts digits at random."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from aibench.contract import Tensors
from aibench.tasks.spatial_transformer.config import SIZE, DataConfig

_AT_ONCE = 4096  # images: the sampling grid of all of MNIST would take 376 MB


class Distorted(Tensors):
    """Holds digits, each under its own affine map.

    Args:
        upright: uint8 (samples, 1, 28, 28).
        labels: int64 (samples,).
        config: `rotation`, `scale` and `shift` are used.
        generator: Decides the first draw.
    """

    def __init__(self, upright: Tensor, labels: Tensor, config: DataConfig, generator: np.random.Generator) -> None:
        super().__init__(upright, labels)
        self.upright = upright
        self.config = config
        self.redraw(generator)

    def redraw(self, generator: np.random.Generator) -> None:
        """Turn, scale and shift every digit anew."""
        maps = affine_maps(len(self), self.config, generator)
        self.tensors = (resampled(self.upright, maps), *self.tensors[1:])


def affine_maps(count: int, config: DataConfig, generator: np.random.Generator) -> Tensor:
    """Draw maps from places in a distorted image to places in the upright one, float64 (count, 2, 3).

    Places are (x, y) in half images from the middle, y downwards: what `affine_grid` takes.
    """
    angle = np.deg2rad(generator.uniform(-config.rotation, config.rotation, count))
    shrink = 1 / generator.uniform(config.scale[0], config.scale[1], count)
    shift = generator.uniform(-config.shift, config.shift, (count, 2, 1)) * 2 / SIZE
    cosine, sine = shrink * np.cos(angle), shrink * np.sin(angle)
    turn = np.stack([cosine, sine, -sine, cosine], axis=1).reshape(-1, 2, 2)
    return torch.from_numpy(np.concatenate([turn, -turn @ shift], axis=2))


def resampled(images: Tensor, maps: Tensor) -> Tensor:
    """Return `images`, uint8 (count, 1, 28, 28), under `maps`, float64 (count, 2, 3); black beyond their edges.

    In double precision no pixel lies so close to the middle between two grey values that processors disagree on it.
    """
    parts = []
    for start in range(0, len(images), _AT_ONCE):
        some = images[start : start + _AT_ONCE]
        grid = affine_grid(maps[start : start + _AT_ONCE], list(some.shape), align_corners=False)
        parts.append(grid_sample(some.double(), grid, align_corners=False).round_().to(torch.uint8))
    return torch.cat(parts)
