"""Builds the codec: a recurrent encoder, a binariser and a recurrent decoder, which encode what is left over.

Toderici et al. 2017, "Full Resolution Image Compression with Recurrent Neural Networks" (arXiv 1608.05148), with its
convolutional LSTM and its additive reconstruction.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from aibench.tasks.image_compression.config import ModelConfig

State = tuple[Tensor, Tensor]


class ConvLSTM(nn.Module):
    """Runs one cell: an LSTM whose products are convolutions without biases.

    Args:
        inputs: Channels of the input.
        hidden: Channels of the state, and of the output.
        kernel: Side of the kernel over the state; that over the input is 3.
        stride: The stride of the convolution over the input.
    """

    def __init__(self, inputs: int, hidden: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.from_input = nn.Conv2d(inputs, 4 * hidden, 3, stride=stride, padding=1, bias=False)
        self.from_state = nn.Conv2d(hidden, 4 * hidden, kernel, padding=kernel // 2, bias=False)

    def forward(self, x: Tensor, state: State | None) -> State:
        """Return the state after `x`, float (batch, inputs, height, width); a state of None is all zeros."""
        gates = self.from_input(x)
        if state is None:
            zeros = gates.new_zeros(len(gates), self.hidden, *gates.shape[2:])
            state = zeros, zeros
        output, memory = state
        gates = gates + self.from_state(output)
        opened, candidate = gates[:, : 3 * self.hidden].sigmoid(), gates[:, 3 * self.hidden :].tanh()
        into, keep, out = opened.chunk(3, 1)
        memory = keep * memory + into * candidate
        return out * memory.tanh(), memory


class Encoder(nn.Module):
    """Turns a residual into features of a block's size, by a convolution and cells of stride 2."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, config.stem, 3, stride=2, padding=1, bias=False)
        inputs = [config.stem, *config.encoder[:-1]]
        sizes = zip(inputs, config.encoder, config.encoder_kernels, strict=True)
        self.cells = nn.ModuleList(ConvLSTM(*size, stride=2) for size in sizes)

    def forward(self, residual: Tensor, states: Sequence[State | None]) -> tuple[Tensor, list[State]]:
        """Return features, float (batch, encoder[-1], height / block, width / block), and the states after them."""
        x, after = self.stem(residual), []
        for cell, state in zip(self.cells, states, strict=True):
            after.append(cell(x, state))
            x = after[-1][0]
        return x, after


class Binariser(nn.Module):
    """Turns features into numbers in -1 to 1, and these into -1 or 1 (Toderici et al. 2016, arXiv 1511.06085, 3.2).

    In training a number is the expectation of what is drawn for it; otherwise its sign decides. The gradient passes as
    though nothing had been rounded.
    """

    def __init__(self, inputs: int, bits: int) -> None:
        super().__init__()
        self.features = nn.Conv2d(inputs, bits, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        numbers = self.features(x).tanh()
        threshold = 2 * torch.rand_like(numbers) - 1 if self.training else 0.0
        code = torch.where(numbers >= threshold, 1.0, -1.0)
        return numbers + (code - numbers).detach() if self.training else code


class Decoder(nn.Module):
    """Runs cells that double height and width: a code becomes a part of the image, in -1/2 to 1/2."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.stem = nn.Conv2d(config.bits, config.decoder[0], 1, bias=False)
        inputs = [config.decoder[0], *(channels // 4 for channels in config.decoder[:-1])]
        sizes = zip(inputs, config.decoder, config.decoder_kernels, strict=True)
        self.cells = nn.ModuleList(ConvLSTM(*size, stride=1) for size in sizes)
        self.doubling = nn.PixelShuffle(2)
        self.head = nn.Conv2d(config.decoder[-1] // 4, 3, 1, bias=False)

    def forward(self, code: Tensor, states: Sequence[State | None]) -> tuple[Tensor, list[State]]:
        """Return the part of the image, float (batch, 3, height, width), and the states after it."""
        x, after = self.stem(code.contiguous()), []  # one layout: another may round otherwise, and so decode otherwise
        for cell, state in zip(self.cells, states, strict=True):
            after.append(cell(x, state))
            x = self.doubling(after[-1][0])
        return self.head(x).tanh() / 2, after


class Codec(nn.Module):
    """Encodes images with so many bits an iteration, and decodes them after any number of iterations."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.iterations = config.iterations
        self.encoder = Encoder(config)
        self.binariser = Binariser(config.encoder[-1], config.bits)
        self.decoder = Decoder(config)
        with torch.no_grad():
            for weights in self.parameters():
                weights.mul_(config.gain)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the codes and reconstructions of each iteration.

        Args:
            images: float (batch, 3, height, width) in -1/2 to 1/2; height and width are multiples of a block's side.

        Returns:
            Codes, float (iterations, batch, bits, height / block, width / block), -1 or 1, and reconstructions, float
            (iterations, batch, 3, height, width).
        """
        encoder: Sequence[State | None] = [None] * len(self.encoder.cells)
        decoder: Sequence[State | None] = [None] * len(self.decoder.cells)
        reconstruction = torch.zeros_like(images)
        codes, reconstructions = [], []
        for _ in range(self.iterations):
            features, encoder = self.encoder(images - reconstruction, encoder)
            codes.append(self.binariser(features))
            part, decoder = self.decoder(codes[-1], decoder)
            reconstruction = reconstruction + part
            reconstructions.append(reconstruction)
        return torch.stack(codes), torch.stack(reconstructions)

    def decode(self, codes: Tensor) -> Tensor:
        """Return what `forward` reconstructed in its last iteration, from its codes alone."""
        states: Sequence[State | None] = [None] * len(self.decoder.cells)
        reconstruction = torch.zeros((), device=codes.device)
        for code in codes:
            part, states = self.decoder(code, states)
            reconstruction = reconstruction + part
        return reconstruction
