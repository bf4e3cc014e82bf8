"""Trains and evaluates a video predictor."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import mse_loss
from torchmetrics import Metric

from aibench.contract import Facts, TaskModule
from aibench.tasks.video_prediction.config import Config
from aibench.tasks.video_prediction.model import Predictor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Batch = tuple[Tensor, Tensor, Tensor]
_EPISODES = 3


class FrameErrors(Metric):
    """Measures means over frames: squared error summed over a frame, and PSNR in dB; pixels lie in 0 to 1."""

    full_state_update = False
    squared: Tensor
    decibels: Tensor
    frames: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("squared", "decibels", "frames"):
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, predicted: Tensor, true: Tensor) -> None:
        """Count frames, both float (batch, frames, 3, height, width)."""
        errors = (predicted.float() - true).square().flatten(2)
        self.squared += errors.sum(dtype=torch.float64)
        self.decibels -= 10 * errors.mean(2).clamp(min=1e-10).log10().sum(dtype=torch.float64)
        self.frames += errors.shape[0] * errors.shape[1]

    def compute(self) -> tuple[Tensor, Tensor]:
        """Return the two means, in the order of the class's first line."""
        return self.squared / self.frames, self.decibels / self.frames


class Module(TaskModule):
    """Trains a video predictor.

    A batch is frames, uint8 (batch, frames, 3, height, width), actions, float (batch, frames, actions), and states,
    float (batch, frames, states).
    """

    config: Config

    def __init__(self, config: Config, facts: Facts) -> None:
        super().__init__(config, facts)
        data = config.data
        self.predictor = Predictor(config.model, data.size, data.action_size, data.state_size)
        self.errors = FrameErrors()

    def forward(self, video: Tensor, actions: Tensor, states: Tensor, truth: int = 0) -> tuple[Tensor, Tensor]:
        """Predict what follows the context of a batch.

        Args:
            video: A batch's frames. Those beyond the context are not looked at but for `truth`.
            actions: A batch's actions.
            states: A batch's states; the first is used.
            truth: Sequences of the batch that see true frames beyond the context.

        Returns:
            Frames, float (batch, predicted, 3, height, width) in 0 to 1, and states, float (batch, predicted, states).
        """
        context = self.config.data.context
        frames, places = self.predictor(video / 255, actions, states, context, truth)
        return frames[:, context - 1 :], places[:, context - 1 :]

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        video, actions, states = batch
        context, optim = self.config.data.context, self.config.optim
        truth = round(len(video) * true_share(self.global_step, optim.sampling))
        frames, places = self(video, actions, states, truth)
        loss = mse_loss(frames, video[:, context:] / 255)
        if self.config.model.actions:
            loss = loss + optim.state_weight * mse_loss(places, states[:, context:])
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        frames, _ = self(*batch)
        self.errors.update(frames, batch[0][:, self.config.data.context :] / 255)

    def on_validation_epoch_end(self) -> None:
        squared, decibels = self.errors.compute()
        self.log(self.config.target.metric, squared)
        self.log("val/psnr", decibels)
        self.errors.reset()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        optim = self.config.optim
        return torch.optim.Adam(self.parameters(), lr=optim.lr, weight_decay=optim.weight_decay, fused=True)

    def example_input(self) -> tuple[Tensor, ...]:
        data = self.config.data
        video = torch.zeros(1, data.frames, 3, data.size, data.size, dtype=torch.uint8)
        return video, torch.zeros(1, data.frames, data.action_size), torch.zeros(1, data.frames, data.state_size)

    @torch.inference_mode()
    def infer(self, batch: Batch) -> NDArray[np.uint8]:
        """Return the frames that follow the context: uint8 (batch, predicted, height, width, 3)."""
        video, actions, states = (tensor.to(self.device) for tensor in batch)
        frames, _ = self(video, actions, states)
        pixels: NDArray[np.uint8] = (frames.float() * 255).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
        return pixels.transpose(0, 1, 3, 4, 2)

    def render(self, batch: Batch) -> Figure:
        """Draw episodes: what happened above what was predicted, with the squared error of each frame."""
        from matplotlib.figure import Figure

        video, actions, states = (tensor[:_EPISODES].cpu() for tensor in batch)
        context, length = self.config.data.context, video.shape[1]
        predicted = self.infer((video, actions, states))
        true = video.permute(0, 1, 3, 4, 2).numpy()
        figure = Figure(figsize=(1.35 * length, 3.1 * len(true)), layout="constrained")
        axes = figure.subplots(2 * len(true), length, squeeze=False)
        for each in axes.flat:
            each.set_axis_off()
        for episode, frame in np.ndindex(len(true), length):
            upper, lower = axes[2 * episode][frame], axes[2 * episode + 1][frame]
            upper.imshow(true[episode, frame])
            upper.set_title("shown" if frame < context else f"true {frame + 1}", fontsize=9)
            if frame == context - 1:
                lower.text(0.95, 0.5, "predicted", ha="right", va="center", transform=lower.transAxes)
            if frame >= context:
                guess = predicted[episode, frame - context]
                error = np.square((guess.astype(float) - true[episode, frame]) / 255).sum()
                lower.imshow(guess)
                lower.set_title(f"error {error:.1f}", fontsize=9)
        return figure


def true_share(step: int, k: float) -> float:
    """Return the part of a batch that sees true frames at `step`, from 0: inverse sigmoid decay.

    Bengio et al. 2015, 2.4.
    """
    return k / (k + math.exp(min(step / k, 700)))
