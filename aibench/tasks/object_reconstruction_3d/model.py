"""Builds the perspective transformer network: picture to volume, volume to silhouettes.

Yan et al. 2016, arXiv 1612.00814.
"""

from __future__ import annotations

import math
from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn.functional import grid_sample

from aibench.tasks.object_reconstruction_3d.camera import Camera, around, lines_of_sight
from aibench.tasks.object_reconstruction_3d.config import DOUBLINGS, HALVINGS, CameraConfig, ModelConfig

ENCODER_KERNEL = 5
FULL = 0.08  # share of full voxels, roughly


class Encoder(nn.Sequential):
    """Runs three convolutions, which halve height and width, and three linear layers, a ReLU behind each of them.

    float (batch, 3, size, size) to float (batch, latent).
    """

    def __init__(self, config: ModelConfig, size: int) -> None:
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        inputs = 3
        for place, outputs in enumerate(config.encoder_channels):
            layers[f"convolution{place}"] = nn.Conv2d(
                inputs, outputs, ENCODER_KERNEL, stride=2, padding=ENCODER_KERNEL // 2
            )
            layers[f"convolution{place}_relu"] = nn.ReLU(inplace=True)
            inputs = outputs
        layers["flatten"] = nn.Flatten()
        inputs *= (size // 2**HALVINGS) ** 2
        for place, outputs in enumerate((config.hidden, config.hidden, config.latent)):
            layers[f"linear{place}"] = nn.Linear(inputs, outputs)
            layers[f"linear{place}_relu"] = nn.ReLU(inplace=True)
            inputs = outputs
        super().__init__(layers)


class Decoder(nn.Sequential):
    """Runs a linear layer and three transposed convolutions, each of which doubles depth, height and width.

    float (batch, latent) to logits, float (batch, resolution, resolution, resolution). The authors' implementation in
    TensorFlow is meant; the first one, in Torch, begins at 3x3x3 and does not double at once.
    """

    def __init__(self, config: ModelConfig, resolution: int) -> None:
        edge, channels = resolution // 2**DOUBLINGS, config.decoder_channels
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        layers["linear"] = nn.Linear(config.latent, channels[0] * edge**3)
        layers["linear_relu"] = nn.ReLU(inplace=True)
        layers["unflatten"] = nn.Unflatten(1, (channels[0], edge, edge, edge))
        for place, (inputs, outputs, kernel) in enumerate(
            zip(channels, [*channels[1:], 1], config.decoder_kernels, strict=True)
        ):
            layers[f"transposed{place}"] = nn.ConvTranspose3d(
                inputs, outputs, kernel, stride=2, padding=(kernel - 1) // 2, output_padding=kernel % 2
            )
            if outputs > 1:
                layers[f"transposed{place}_relu"] = nn.ReLU(inplace=True)
        layers["squeeze"] = nn.Flatten(1, 2)
        super().__init__(layers)


class Projector(nn.Module):
    """Draws silhouettes of a volume: the fullest point on each line of sight.

    The points lie on a grid in the camera's frustum and the volume is interpolated between the middles of its eight
    nearest voxels; outside of it all is empty. No parameters. All volumes of a batch are seen from the same sides, so
    they are the channels of one volume: the weights of the interpolation are worked out once for all of them.

    Args:
        config: The camera's. Yan et al. turn around the vertical axis in steps of 15 degrees.
    """

    grid: Tensor

    def __init__(self, config: CameraConfig) -> None:
        super().__init__()
        camera = Camera(config.elevation, config.focal_length, config.focal_range, config.size, samples=config.size)
        points = torch.from_numpy(lines_of_sight(camera, around(config.views))).float()
        # grid_sample wants the last axis of the volume first.
        self.register_buffer("grid", points.flip(-1).contiguous(), persistent=False)

    def forward(self, volumes: Tensor, views: Tensor) -> Tensor:
        """Return silhouettes, float (batch, views, size, size), the top row first.

        Args:
            volumes: float (batch, x, y, z), in 0 to 1.
            views: int64 (views,); indices into the azimuths.
        """
        seen = volumes[None].expand(len(views), -1, -1, -1, -1)
        points = grid_sample(seen, self.grid[views], padding_mode="zeros", align_corners=False)
        return points.amax(2).transpose(0, 1)


class Network(nn.Sequential):
    """Joins encoder and decoder: float (batch, 3, size, size) to logits, float (batch, x, y, z).

    Biases start at 0. `initial_std` is the standard deviation of a normal distribution of the weights that is drawn
    again beyond two of them. Without it weights start as in He et al. 2015 (arXiv 1502.01852, 2.2), but for the last
    layer: it starts at nearly the same probability for every voxel, about the share of full ones.
    """

    def __init__(self, config: ModelConfig, size: int, resolution: int) -> None:
        super().__init__(OrderedDict(encoder=Encoder(config, size), decoder=Decoder(config, resolution)))
        layers = [layer for layer in self.modules() if isinstance(layer, (nn.Conv2d, nn.ConvTranspose3d, nn.Linear))]
        for layer in layers:
            std = he_std(layer) if config.initial_std is None else config.initial_std
            nn.init.trunc_normal_(layer.weight, std=std, a=-2 * std, b=2 * std)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
        if config.initial_std is None:
            last = layers[-1]
            assert last.bias is not None
            with torch.no_grad():
                last.weight.mul_(0.1)
            nn.init.constant_(last.bias, math.log(FULL / (1 - FULL)))


def he_std(layer: nn.Conv2d | nn.ConvTranspose3d | nn.Linear) -> float:
    """Return sqrt(2 / n), where n inputs are summed up for an output: a ReLU then keeps the signal's strength.

    A transposed convolution of stride 2 has an eighth of its kernel over the inputs at each output.
    """
    summed = layer.weight[0].numel()
    if isinstance(layer, nn.ConvTranspose3d):
        summed = layer.in_channels * math.prod(layer.kernel_size) // math.prod(layer.stride)
    return math.sqrt(2 / summed)
