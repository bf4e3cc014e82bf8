"""Builds NN2, the Inception network of FaceNet (Schroff et al. 2015, arXiv 1503.03832, table 2)."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d


class Convolution(nn.Sequential):
    """Convolves, normalises over the batch and rectifies. The table leaves normalisation open but for two places."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class RootMeanSquare(nn.Module):
    """Pools 3x3 neighbours by their root mean square: the table's "L2", up to a factor that the weights absorb."""

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` pooled, float (batch, channels, height, width), not changed in shape."""
        pooled: Tensor = (
            avg_pool2d(x * x, 3, stride=1, padding=1) + 1e-6
        ).sqrt()  # 1e-6: a root's slope at 0 has no end
        return pooled


@dataclass(frozen=True)
class Row:
    """Describes a row of the table. Numbers are channels; 0 leaves a branch out.

    Attributes:
        name: Its name in the table.
        one: Channels of the 1x1 convolution.
        three: Channels of the 1x1 convolution before the 3x3 one, and of the 3x3 one.
        five: Channels of the 1x1 convolution before the 5x5 one, and of the 5x5 one.
        pool: Channels of the 1x1 convolution after the pooling; 0 leaves that convolution out, and the pooling stays.
        squares: Whether the pooling is of squares, or takes the greatest.
        stride: The stride of each branch's last step.
    """

    name: str
    one: int
    three: tuple[int, int]
    five: tuple[int, int]
    pool: int
    squares: bool
    stride: int = 1

    def outputs(self, inputs: int) -> int:
        """Return the channels of all branches together."""
        return self.one + self.three[1] + self.five[1] + (self.pool or inputs)


ROWS = (
    Row("3a", 64, (96, 128), (16, 32), 32, False),
    Row("3b", 64, (96, 128), (32, 64), 64, True),
    Row("3c", 0, (128, 256), (32, 64), 0, False, stride=2),
    Row("4a", 256, (96, 192), (32, 64), 128, True),
    Row("4b", 224, (112, 224), (32, 64), 128, True),
    Row("4c", 192, (128, 256), (32, 64), 128, True),
    Row("4d", 160, (144, 288), (32, 64), 128, True),
    Row("4e", 0, (160, 256), (64, 128), 0, False, stride=2),
    Row("5a", 384, (192, 384), (48, 128), 128, True),
    Row("5b", 384, (192, 384), (48, 128), 128, False),
)


class Inception(nn.Module):
    """Runs the branches of a row of the table side by side."""

    def __init__(self, inputs: int, row: Row) -> None:
        super().__init__()
        pooling: nn.Module = RootMeanSquare() if row.squares else nn.MaxPool2d(3, row.stride, padding=1)
        branches = [
            nn.Sequential(Convolution(inputs, row.three[0], 1), Convolution(*row.three, 3, row.stride)),
            nn.Sequential(Convolution(inputs, row.five[0], 1), Convolution(*row.five, 5, row.stride)),
            nn.Sequential(pooling, Convolution(inputs, row.pool, 1)) if row.pool else pooling,
        ]
        if row.one:
            branches.insert(0, Convolution(inputs, row.one, 1))
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        """Turn float (batch, inputs, height, width) into float (batch, outputs, height/stride, width/stride)."""
        return torch.cat([branch(x) for branch in self.branches], dim=1)


def nn2(dimensions: int) -> nn.Module:
    """Build NN2: float (batch, 3, height, width) to float (batch, dimensions).

    The paper's images have 224x224 pixels.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=Convolution(3, 64, 7, 2),
        pool1=nn.MaxPool2d(3, 2, padding=1),
        inception2=nn.Sequential(Convolution(64, 64, 1), Convolution(64, 192, 3)),
        pool2=nn.MaxPool2d(3, 2, padding=1),
    )
    channels = 192
    for row in ROWS:
        layers[f"inception{row.name}"] = Inception(channels, row)
        channels = row.outputs(channels)
    layers["average"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    layers["embedding"] = nn.Linear(channels, dimensions)
    return nn.Sequential(layers)
