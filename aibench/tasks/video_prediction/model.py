"""Builds CDNA: the next frame is a mixture of the last one's pixels, moved by convolutions that the network predicts.

Finn, Goodfellow & Levine, "Unsupervised Learning for Physical Interaction through Video Prediction", 2016
(arXiv 1605.07157), section 3 and figure 1.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, unfold

from aibench.tasks.video_prediction.config import ModelConfig

State = tuple[Tensor, Tensor]
_SHIFT = 1e-12  # keeps a kernel whose outputs are all negative from dividing by 0


class ConvLSTM(nn.Module):
    """Runs an LSTM whose products are convolutions (Shi et al. 2015, arXiv 1506.04214), no peepholes, forget bias 1."""

    def __init__(self, inputs: int, channels: int, kernel: int) -> None:
        super().__init__()
        self.channels = channels
        self.gates = nn.Conv2d(inputs + channels, 4 * channels, kernel, padding=kernel // 2)
        self.norm = layer_norm(channels)

    def forward(self, x: Tensor, state: State | None) -> tuple[Tensor, State]:
        """Take one step with `x`, (batch, inputs, height, width).

        Returns:
            The normalised output, (batch, channels, height, width), and the state.
        """
        if state is None:
            zeros = x.new_zeros(len(x), self.channels, *x.shape[2:])
            state = zeros, zeros
        hidden, cell = state
        enter, new, forget, leave = self.gates(torch.cat([x, hidden], dim=1)).chunk(4, dim=1)
        cell = cell * torch.sigmoid(forget + 1) + torch.sigmoid(enter) * torch.tanh(new)
        hidden = torch.tanh(cell) * torch.sigmoid(leave)
        return self.norm(hidden), (hidden, cell)


class Predictor(nn.Module):
    """Predicts the frame after a step from the frames before it.

    Args:
        config: Its shape.
        size: Height and width of a frame.
        action_size: Numbers in an action.
        state_size: Numbers in a state.
    """

    def __init__(self, config: ModelConfig, size: int, action_size: int, state_size: int) -> None:
        super().__init__()
        self.config = config
        told = action_size + state_size if config.actions else 0
        channels = config.stem
        self.first = nn.Sequential(
            nn.Conv2d(3, channels, 5, stride=2, padding=2, bias=False), layer_norm(channels), nn.ReLU(inplace=True)
        )
        self.down, self.encoder, skips = nn.ModuleList(), nn.ModuleList(), []
        for level in config.encoder:
            skips.append(channels)
            self.encoder.append(_lstms(channels, level, config.lstm_kernel))
            channels = level[-1] if level else channels
            self.down.append(_activated(nn.Conv2d(channels, channels, 3, stride=2, padding=1)))
        self.told = _activated(nn.Conv2d(channels + told, channels, 1))
        self.bottleneck = ConvLSTM(channels, config.bottleneck, config.lstm_kernel)
        lowest = size // 2 ** (len(config.encoder) + 1)
        self.kernels = nn.Linear(config.bottleneck * lowest * lowest, config.masks * config.kernel**2)
        self.up, self.decoder, channels = nn.ModuleList(), nn.ModuleList(), config.bottleneck
        for wanted, skip in zip(config.decoder, reversed(skips), strict=True):
            self.up.append(_activated(_doubling(channels)))
            self.decoder.append(ConvLSTM(channels, wanted, config.lstm_kernel))
            channels = wanted + skip
        self.last = nn.Sequential(_doubling(channels, bias=False), layer_norm(channels), nn.ReLU(inplace=True))
        self.drawn = nn.Conv2d(channels, 3, 1)
        self.masks = nn.Conv2d(channels, config.masks + 2, 1)
        self.next_state = nn.Linear(told, state_size) if config.actions else None

    def forward(
        self, video: Tensor, actions: Tensor, states: Tensor, context: int, truth: Tensor | None = None
    ) -> State:
        """Predict every frame but the first, each from those before it.

        Beyond the context the network sees its own predictions, but for `truth` sequences of the batch, drawn anew for
        each frame: they see the true one (scheduled sampling; Bengio et al. 2015, arXiv 1506.03099).

        Args:
            video: Float (batch, frames, 3, height, width) in 0 to 1.
            actions: Float (batch, frames, actions).
            states: Float (batch, frames, states); of each sequence the first is used, the others are predicted.
            context: Frames that are shown.
            truth: How many sequences see true frames beyond the context, int64 (), which no host needs to know; None
                for no sequence.

        Returns:
            Predicted frames, float (batch, frames - 1, 3, height, width), and states, float (batch, frames - 1,
            states); without actions the states are the first one.
        """
        memory: list[State | None] = [None] * self._count
        frames, places, frame, place = [], [], video[:, 0], states[:, 0]
        for step in range(video.shape[1] - 1):
            if step < context:
                frame = video[:, step]
            elif truth is not None:
                shown = torch.randperm(len(video), device=video.device) < truth
                frame = torch.where(shown[:, None, None, None], video[:, step], frame)
            told = torch.cat([actions[:, step], place], dim=1) if self.next_state is not None else None
            frame = self._step(frame, told, memory)
            if self.next_state is not None:
                place = self.next_state(told)
            frames.append(frame)
            places.append(place)
        return torch.stack(frames, dim=1), torch.stack(places, dim=1)

    @property
    def _count(self) -> int:
        """Return how many ConvLSTMs there are."""
        return sum(map(len, self.config.encoder)) + 1 + len(self.config.decoder)

    def _step(self, frame: Tensor, told: Tensor | None, memory: list[State | None]) -> Tensor:
        """Return the frame after `frame`, (batch, 3, height, width); `memory` is read and replaced."""
        place = iter(range(len(memory)))

        def remembered(lstm: nn.Module, x: Tensor) -> Tensor:
            slot = next(place)
            out: Tensor
            out, memory[slot] = lstm(x, memory[slot])
            return out

        x, skips = self.first(frame), []
        for lstms, down in zip(self.encoder, self.down, strict=True):
            skips.append(x)
            for lstm in lstms:  # type: ignore[attr-defined]  # a ModuleList
                x = remembered(lstm, x)
            x = down(x)
        if told is not None:
            x = torch.cat([x, told[:, :, None, None].expand(-1, -1, *x.shape[2:])], dim=1)
        x = remembered(self.bottleneck, self.told(x))
        kernels = self.kernels(x.flatten(1)).view(len(x), self.config.masks, -1)
        for up, decode, skip in zip(self.up, self.decoder, reversed(skips), strict=True):
            x = torch.cat([remembered(decode, up(x)), skip], dim=1)
        x = self.last(x)
        masks = self.masks(x).softmax(dim=1)
        kept: Tensor = masks[:, :1] * frame
        drawn: Tensor = masks[:, 1:2] * torch.sigmoid(self.drawn(x))
        return kept + drawn + moved(frame, kernels, masks[:, 2:])


def moved(frame: Tensor, kernels: Tensor, masks: Tensor) -> Tensor:
    """Return the sum over `k` of mask `k` times the frame convolved with kernel `k` (equations 2 and 3).

    The sum over the masks is taken first, which gives each pixel a kernel of its own: a third of the products.

    Args:
        frame: (batch, 3, height, width); beyond its edges it is 0.
        kernels: (batch, masks, area), unnormalised: made positive and to sum up to 1 here.
        masks: (batch, masks, height, width).

    Returns:
        (batch, 3, height, width).
    """
    count, colours, height, width = frame.shape
    kernels = torch.relu(kernels - _SHIFT) + _SHIFT
    kernels = kernels / kernels.sum(dim=2, keepdim=True)
    side = round(int(kernels.shape[2]) ** 0.5)  # an int in a traced graph too
    own = torch.bmm(kernels.transpose(1, 2), masks.flatten(2))
    patches = unfold(pad(frame, (side // 2,) * 4), side).view(count, colours, side * side, height * width)
    return (patches * own[:, None]).sum(dim=2).view(frame.shape)


def layer_norm(channels: int) -> nn.GroupNorm:
    """Normalise over channels, height and width of a sample, with a scale and an offset for each channel."""
    return nn.GroupNorm(1, channels)


def _lstms(inputs: int, channels: list[int], kernel: int) -> nn.ModuleList:
    pairs = zip([inputs, *channels], channels, strict=False)
    return nn.ModuleList(ConvLSTM(before, after, kernel) for before, after in pairs)


def _doubling(channels: int, *, bias: bool = True) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(channels, channels, 3, stride=2, padding=1, output_padding=1, bias=bias)


def _activated(layer: nn.Module) -> nn.Sequential:
    return nn.Sequential(layer, nn.ReLU(inplace=True))
