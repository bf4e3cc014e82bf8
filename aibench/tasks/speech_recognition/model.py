"""Builds Deep Speech 2 (Amodei et al. 2016, arXiv 1512.02595), in the form of the authors' PyTorch code."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import hardtanh

from aibench.nn.ranks import summed
from aibench.tasks.speech_recognition.alphabet import LABELS
from aibench.tasks.speech_recognition.config import ModelConfig

_CEILING = 20.0  # the clipped ReLU's


class DeepSpeech2(nn.Module):
    """Runs convolutions, bidirectional GRUs whose directions are summed, and a linear layer, with batch norm between.

    What an utterance is filled up with to the length of its batch has no part in its outputs, nor in any statistic.

    Args:
        config: Sizes.
        bins: Numbers in a spectrum.
    """

    def __init__(self, config: ModelConfig, bins: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList()
        channels = 1
        for (height, width), stride in zip(config.kernels, config.strides, strict=True):
            padding = (height // 2, width // 2)
            layer = nn.Conv2d(channels, config.channels, (height, width), (stride[0], stride[1]), padding)
            self.convolutions.append(layer)
            channels, bins = config.channels, (bins - 1) // stride[0] + 1
        self.convolution_norms = nn.ModuleList(MaskedBatchNorm(channels) for _ in config.kernels)
        self.strides = [stride for _, stride in config.strides]
        sizes = [channels * bins, *[config.hidden] * (config.layers - 1)]
        self.recurrent = nn.ModuleList(BidirectionalGRU(size, config.hidden) for size in sizes)
        self.recurrent_norms = nn.ModuleList(MaskedBatchNorm(config.hidden) for _ in range(config.layers))
        self.output = nn.Linear(config.hidden, LABELS, bias=False)

    def share_statistics(self) -> None:
        """Have batch normalisation take its statistics from the samples of all devices that train together."""
        for part in self.modules():
            if isinstance(part, MaskedBatchNorm):
                part.shared = True

    def forward(self, spectra: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return the log-probabilities of the labels.

        Args:
            spectra: float (batch, frames, bins); zeros behind an utterance's last frame.
            lengths: int64 (batch,): frames of each utterance.

        Returns:
            float (batch, steps, 29), and the steps of each utterance, int64 (batch,).
        """
        x = spectra.transpose(1, 2)[:, None]
        layers = zip(self.convolutions, self.convolution_norms, self.strides, strict=True)
        for convolution, norm, stride in layers:
            lengths = (lengths - 1) // stride + 1
            x = convolution(x)
            mask = within(lengths, x.shape[3])[:, None, None]
            x = hardtanh(norm(x, mask), 0.0, _CEILING) * mask
        x = x.flatten(1, 2).transpose(1, 2)
        mask = within(lengths, x.shape[1])
        back = reversal(lengths, x.shape[1])
        for layer, norm in zip(self.recurrent, self.recurrent_norms, strict=True):
            x = layer(x, back)
            x = norm(x.transpose(1, 2), mask[:, None]).transpose(1, 2)
        logits: Tensor = self.output(x)
        return logits.float().log_softmax(2), lengths


class BidirectionalGRU(nn.Module):
    """Runs two GRUs, one of which reads each utterance from its end; their outputs are summed.

    The reader in reverse begins at each utterance's own last step. Packed sequences would do that too, but ask the
    device for the lengths in every layer.
    """

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.forwards = nn.GRU(inputs, hidden, batch_first=True)
        self.backwards = nn.GRU(inputs, hidden, batch_first=True)

    def forward(self, x: Tensor, back: Tensor) -> Tensor:
        """Return outputs, float (batch, steps, hidden), for `x`, float (batch, steps, inputs), and a `reversal`."""
        ahead, _ = self.forwards(x)
        behind, _ = self.backwards(_picked(x, back))
        outputs: Tensor = ahead + _picked(behind, back)
        return outputs


class MaskedBatchNorm(nn.Module):
    """Normalises by the statistics of the places that a mask lets through.

    Args:
        channels: In dimension 1 of what is normalised.
        momentum: Part of the running statistics that a batch's replace.

    Attributes:
        shared: Whether the statistics are of the samples of all devices that train together.
    """

    mean: Tensor
    variance: Tensor

    def __init__(self, channels: int, momentum: float = 0.1, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.shared = False
        self.momentum = momentum
        self.epsilon = epsilon
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("variance", torch.ones(channels))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return `x`, float (batch, channels, ...), normalised; what is masked out becomes anything.

        Args:
            x: To be normalised.
            mask: bool, broadcasts to `x`; its dimension 1 has size 1. At least two places of a channel are let through.
        """
        shape = (1, -1, *[1] * (x.dim() - 2))
        mean, variance = self._statistics(x.float(), mask) if self.training else (self.mean, self.variance)
        scale = self.weight * (variance + self.epsilon).rsqrt()
        return torch.addcmul((self.bias - mean * scale).view(shape), x, scale.view(shape))

    def _statistics(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        others = [0, *range(2, x.dim())]
        shape = (1, -1, *[1] * (x.dim() - 2))
        of_all = summed if self.shared else _own
        places = of_all(mask.sum() * (x[0, 0].numel() // mask[0, 0].numel()))
        mean = of_all((x * mask).sum(others)) / places
        variance = of_all(((x - mean.view(shape)) * mask).square().sum(others)) / places
        with torch.no_grad():
            self.mean.lerp_(mean, self.momentum)
            self.variance.lerp_(variance * (places / (places - 1)), self.momentum)
        return mean, variance


def _own(values: Tensor) -> Tensor:
    return values


def within(lengths: Tensor, longest: int) -> Tensor:
    """Return which of the first `longest` places lie within each length: bool (batch, longest)."""
    return torch.arange(longest, device=lengths.device) < lengths[:, None]


def reversal(lengths: Tensor, longest: int) -> Tensor:
    """Return for each utterance the place that comes at each place in reverse: (batch, longest).

    Places behind an utterance's end stay.
    """
    places = torch.arange(longest, device=lengths.device)
    return torch.where(places < lengths[:, None], lengths[:, None] - 1 - places, places)


def _picked(x: Tensor, places: Tensor) -> Tensor:
    """Return `x`, float (batch, steps, features), with each utterance's steps at `places`, int64 (batch, steps)."""
    return x.gather(1, places[:, :, None].expand_as(x))
