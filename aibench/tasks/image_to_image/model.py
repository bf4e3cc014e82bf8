"""Builds the networks of CycleGAN (Zhu et al. 2017, arXiv 1703.10593, 7.1) with their first weights."""

from __future__ import annotations

from torch import Tensor, nn

from aibench.tasks.image_to_image.config import ModelConfig

INITIAL_STD = 0.02


class Block(nn.Module):
    """Adds two 3x3 convolutions, padded by reflection, to the identity; nothing follows their sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            nn.InstanceNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.residual(x)
        return out


def generator(config: ModelConfig) -> nn.Sequential:
    """Build a network from images to images, float (batch, 3, height, width) in -1 to 1.

    With `width=64`, `halvings=2`, `kernel=7` and `blocks=9` it is the paper's `c7s1-64, d128, d256, R256 x 9, u128,
    u64, c7s1-3` for 256x256 pixels. Convolutions have biases and instance normalisation no weights, as in the authors'
    code.
    """
    width, pad = config.width, config.kernel // 2
    layers: list[nn.Module] = [nn.ReflectionPad2d(pad), nn.Conv2d(3, width, config.kernel), *_normalised(width)]
    for _ in range(config.halvings):
        layers += [nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), *_normalised(2 * width)]
        width *= 2
    layers += [Block(width) for _ in range(config.blocks)]
    for _ in range(config.halvings):
        up = nn.ConvTranspose2d(width, width // 2, 3, stride=2, padding=1, output_padding=1)
        layers += [up, *_normalised(width // 2)]
        width //= 2
    layers += [nn.ReflectionPad2d(pad), nn.Conv2d(width, 3, config.kernel), nn.Tanh()]
    return _initialised(nn.Sequential(*layers))


def discriminator(config: ModelConfig) -> nn.Sequential:
    """Build PatchGAN, which judges each patch: float (batch, 1, rows, columns), near 1 for real and 0 for made.

    With `discriminator_layers=3` a patch has 70x70 pixels, and it is the paper's `C64-C128-C256-C512`.
    """
    width = config.discriminator_width
    layers: list[nn.Module] = [nn.Conv2d(3, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
    inputs = width
    for place in range(1, config.discriminator_layers + 1):
        outputs = width * min(2**place, 8)
        stride = 2 if place < config.discriminator_layers else 1
        layers += [
            nn.Conv2d(inputs, outputs, 4, stride=stride, padding=1),
            nn.InstanceNorm2d(outputs),
            nn.LeakyReLU(0.2, inplace=True),
        ]
        inputs = outputs
    return _initialised(nn.Sequential(*layers, nn.Conv2d(inputs, 1, 4, padding=1)))


def _normalised(channels: int) -> tuple[nn.Module, nn.Module]:
    return nn.InstanceNorm2d(channels), nn.ReLU(inplace=True)


def _initialised(network: nn.Sequential) -> nn.Sequential:
    """Return `network` with weights drawn from N(0, 0.02) and biases of 0 (the paper's 4; the authors' code)."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, 0.0, INITIAL_STD)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
    return network
