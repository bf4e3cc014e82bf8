"""Trains and evaluates a video predictor."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import mse_loss

from aibench.contract import Facts, TaskModule
from aibench.metrics.joined import joined
from aibench.metrics.scores import Ratio
from aibench.nn import ranks
from aibench.tasks.video_prediction.config import Config
from aibench.tasks.video_prediction.metric import FrameErrors
from aibench.tasks.video_prediction.model import Predictor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Batch = tuple[Tensor, Tensor, Tensor]


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
        self._scores: Ratio | None = None

    def forward(
        self, video: Tensor, actions: Tensor, states: Tensor, truth: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Predict what follows the context of a batch.

        Args:
            video: A batch's frames. Those beyond the context are not looked at but for `truth`.
            actions: A batch's actions.
            states: A batch's states; the first is used.
            truth: How many sequences of the batch see true frames beyond the context, int64 (); None for none.

        Returns:
            Frames, float (batch, predicted, 3, height, width) in 0 to 1, and states, float (batch, predicted, states).
        """
        context = self.config.data.context
        frames, places = self.predictor(video / 255, actions, states, context, truth)
        return frames[:, context - 1 :], places[:, context - 1 :]

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        video, actions, states = batch
        optim = self.config.optim
        rank, size = ranks.place()
        shown = round(len(video) * size * true_share(self.global_step, optim.sampling))
        truth = shown * (rank + 1) // size - shown * rank // size  # this process's part of them
        return self.loss(video, actions, states, torch.full((), truth, device=video.device))

    def loss(self, video: Tensor, actions: Tensor, states: Tensor, truth: Tensor) -> Tensor:
        """Return the loss of a batch of whose sequences as many as `truth` says see true frames."""
        context, optim = self.config.data.context, self.config.optim
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
        self.log("val/mse", squared)
        self.log("val/psnr", decibels)
        sequences = joined(self.errors.squared).cpu()
        self._scores = Ratio(sequences, self.config.data.frames - self.config.data.context)
        self.errors.reset()

    def sample_scores(self) -> Ratio | None:
        """Return the sequences' squared errors over their frames; None where PSNR is the target."""
        return self._scores if self.config.target.metric == "val/mse" else None

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
        from aibench.tasks.video_prediction.figure import MOST, draw

        video, actions, states = (tensor[:MOST].cpu() for tensor in batch)
        true = video.permute(0, 1, 3, 4, 2).numpy()
        return draw(true, self.infer((video, actions, states)), self.config.data.context)


def true_share(step: int, k: float) -> float:
    """Return the part of a batch that sees true frames at `step`, from 0: inverse sigmoid decay.

    Bengio et al. 2015, 2.4.
    """
    return k / (k + math.exp(min(step / k, 700)))
