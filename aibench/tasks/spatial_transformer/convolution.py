"""Convolves images of one channel that came out of a network, whose gradient takes longest of a training step."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d


class OfOneChannel(nn.Conv2d):
    """Convolves images of one channel, without padding, stride or dilation.

    On a CPU the gradient of the images is one product of matrices and a sum of shifted results: oneDNN has no quick
    kernel for a single channel, and takes longer for it than for the rest of the layer.
    """

    def forward(self, images: Tensor) -> Tensor:
        """Return float (batch, channels, height - size + 1, width - size + 1) of `images`, float (batch, 1, ...)."""
        if images.device.type == "cpu" and images.requires_grad and torch.is_grad_enabled():
            convolved: Tensor = _Convolution.apply(images, self.weight, self.bias)  # type: ignore[no-untyped-call]
            return convolved
        return super().forward(images)


class _Convolution(torch.autograd.Function):
    """Computes a convolution as PyTorch does, and the gradient of its images by itself."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(images, weight)
        return conv2d(images, weight, bias)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        images, weight = ctx.saved_tensors
        channels, size = weight.shape[0], weight.shape[-1]
        _, of_weight, of_bias = torch.ops.aten.convolution_backward(
            *(gradient, images, weight, [channels], [1, 1], [0, 0], [1, 1], False, [0, 0], 1),
            output_mask=[False, True, True],
        )
        batch, _, height, width = gradient.shape
        flat = gradient.transpose(0, 1).reshape(channels, -1)
        shifted = (weight.reshape(channels, -1).T @ flat).view(size, size, batch, height, width)
        rows = images.new_zeros(size, batch, height, images.shape[-1])
        for column in range(size):
            rows[..., column : column + width] += shifted[:, column]
        of_images = torch.zeros_like(images)
        for row in range(size):
            of_images[:, 0, row : row + height] += rows[row]
        return of_images, of_weight, of_bias
