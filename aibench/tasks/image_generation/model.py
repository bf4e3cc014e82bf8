"""Builds generators and critics of Wasserstein GANs (Arjovsky, Chintala & Bottou 2017, arXiv 1701.07875).

A generator maps noise, float (batch, latent), to images, float (batch, channels, size, size), the real ones in -1 to 1.
A critic maps images to a score each, float (batch,).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from torch import nn

from aibench.tasks.image_generation.config import DataConfig, ModelConfig, Network

_LEAK = 0.2  # slope of a critic's activation below 0 (Radford et al. 2016, arXiv 1511.06434, 3)


def networks(model: ModelConfig, data: DataConfig) -> tuple[nn.Module, nn.Module]:
    """Build the generator and the critic."""
    if model.network is Network.mlp:
        assert model.hidden is not None
        return mlp_generator(model.latent, model.hidden, data), mlp_critic(model.hidden, data)
    assert model.width is not None
    assert model.critic_norm is not None
    critic = dcgan_critic(model.width, data, normalised=model.critic_norm)
    pair = dcgan_generator(model.latent, model.width, data), critic
    for network in pair:
        network.apply(_initialise)
    return pair


# Perceptrons (4.3 of the paper of Arjovsky et al.)


def mlp_generator(latent: int, hidden: int, data: DataConfig) -> nn.Module:
    """Build four linear layers with ReLU between them; nothing bounds the output."""
    shape = (data.channels, data.size, data.size)
    return nn.Sequential(*_perceptron(latent, hidden, math.prod(shape)), nn.Unflatten(1, shape))


def mlp_critic(hidden: int, data: DataConfig) -> nn.Module:
    """Build four linear layers with ReLU between them."""
    return nn.Sequential(nn.Flatten(), *_perceptron(data.channels * data.size**2, hidden, 1), nn.Flatten(0))


def _perceptron(inputs: int, hidden: int, outputs: int) -> Iterator[nn.Module]:
    for size in (inputs, hidden, hidden):
        yield nn.Linear(size, hidden)
        yield nn.ReLU(inplace=True)
    yield nn.Linear(hidden, outputs)


# Convolutions (Radford et al. 2016; channels and normalisation as in the authors' code)


def dcgan_generator(latent: int, width: int, data: DataConfig) -> nn.Module:
    """Build transposed convolutions from 4x4 pixels on; each doubles the image and halves the channels.

    A tanh bounds the output.
    """
    channels = width * data.size // 8
    layers: list[nn.Module] = [
        nn.Unflatten(1, (latent, 1, 1)),
        nn.ConvTranspose2d(latent, channels, 4, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    ]
    while channels > width:
        layers += [
            nn.ConvTranspose2d(channels, channels // 2, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(channels // 2),
            nn.ReLU(inplace=True),
        ]
        channels //= 2
    last = nn.ConvTranspose2d(width, data.channels, 4, stride=2, padding=1, bias=False)
    return nn.Sequential(*layers, last, nn.Tanh())


def dcgan_critic(width: int, data: DataConfig, *, normalised: bool) -> nn.Module:
    """Build convolutions that halve the image and double the channels, down to the 4x4 pixels of the last one."""
    first = nn.Conv2d(data.channels, width, 4, stride=2, padding=1, bias=False)
    layers: list[nn.Module] = [first, nn.LeakyReLU(_LEAK, inplace=True)]
    channels, pixels = width, data.size // 2
    while pixels > 4:
        layers.append(nn.Conv2d(channels, 2 * channels, 4, stride=2, padding=1, bias=False))
        if normalised:
            layers.append(nn.BatchNorm2d(2 * channels))
        layers.append(nn.LeakyReLU(_LEAK, inplace=True))
        channels, pixels = 2 * channels, pixels // 2
    return nn.Sequential(*layers, nn.Conv2d(channels, 1, 4, bias=False), nn.Flatten(0))


def _initialise(layer: nn.Module) -> None:
    """Draw first weights as the authors' code does, and Radford et al. 2016, 3."""
    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, 1.0, 0.02)
