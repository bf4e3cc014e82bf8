"""Trains and evaluates a Wasserstein GAN."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from aibench.contract import Facts, Scores, TaskModule
from aibench.metrics.joined import joined
from aibench.tasks.image_generation import classifier
from aibench.tasks.image_generation.config import KERNEL, Config, OptimConfig
from aibench.tasks.image_generation.distance import EmDistance, SlicedWasserstein
from aibench.tasks.image_generation.kernel import KernelDistance
from aibench.tasks.image_generation.model import networks
from aibench.vision.pixels import to_bytes, to_float

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Batch = tuple[Tensor, ...] | list[Tensor]


class Module(TaskModule):
    """Trains a generator and a critic. A batch is images, uint8 (batch, channels, size, size).

    Each batch is one step of the critic (algorithm 1 of Arjovsky et al. 2017, arXiv 1701.07875); a step of the
    generator follows after the batches of its group.
    """

    config: Config
    noise: Tensor
    last_distances: Tensor

    def __init__(self, config: Config, facts: Facts) -> None:
        super().__init__(config, facts)
        self.automatic_optimization = False
        self.generator, self.critic = networks(config.model, config.data)
        self.generator_steps = 0
        self.critic_steps = 0  # since the last generator step
        seed = config.data.seed
        noise = torch.randn(facts["held_out"], config.model.latent, generator=torch.Generator().manual_seed(seed))
        self.register_buffer("noise", noise, persistent=False)  # the evaluation generates its images from it
        self.register_buffer("last_distances", torch.full((config.target.window,), math.nan))
        self.em_distance = EmDistance()
        self.sliced_wasserstein = SlicedWasserstein(config.data.channels, config.data.size, seed)
        # In a tuple, so that it is no part of what is trained, counted and saved.
        self.judge = (classifier.trained(),) if config.of_digits else ()
        self.features: tuple[list[Tensor], list[Tensor]] = ([], [])  # of this evaluation's real and generated images
        self.kernel_distance: KernelDistance | None = None

    def forward(self, noise: Tensor) -> Tensor:
        """Return images, float (batch, channels, size, size), of `noise`, float (batch, latent)."""
        images: Tensor = self.generator(noise)
        return images

    # Training

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        real = to_float(batch[0])
        for_generator, for_critic = self.optimizers()  # type: ignore[attr-defined]
        # The generator moves at the start of the batch that follows a group, not at the end of the group's last one: an
        # evaluation in between sees the critic where its estimate is best.
        if self.critic_steps == group(self.config.optim, self.generator_steps):
            self._step_generator(len(real), for_generator)
            self.generator_steps += 1
            self.critic_steps = 0
        self.critic_steps += 1
        return self._step_critic(real, for_critic)

    def _step_critic(self, real: Tensor, optimizer: Any) -> Tensor:
        """Move the critic towards greater scores of real and smaller ones of generated images.

        The loss is minus the EM distance.
        """
        loss = self.critic_loss(real, self._noise(len(real)))
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()
        weights: list[Tensor] = list(self.critic.parameters())
        clip = self.config.optim.clip
        with torch.no_grad():  # a kernel for all of them on a GPU
            torch._foreach_clamp_min_(weights, -clip)
            torch._foreach_clamp_max_(weights, clip)
        return loss.detach()

    def critic_loss(self, real: Tensor, noise: Tensor) -> Tensor:
        """Return minus the EM distance of real images and those of `noise`, both as the networks take them."""
        with torch.no_grad():
            made = self(noise)
        loss: Tensor = self.critic(made).mean() - self.critic(real).mean()
        return loss

    def generator_loss(self, noise: Tensor) -> Tensor:
        """Return minus the mean score of the images of `noise`."""
        loss: Tensor = -self.critic(self(noise)).mean()
        return loss

    def _step_generator(self, count: int, optimizer: Any) -> None:
        """Move the generator towards greater scores of its images."""
        self.critic.requires_grad_(False)
        loss = self.generator_loss(self._noise(count))
        optimizer.zero_grad()
        self.manual_backward(loss)
        optimizer.step()
        self.critic.requires_grad_(True)

    def _noise(self, count: int) -> Tensor:
        return torch.randn(count, self.config.model.latent, device=self.device)

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        optim = self.config.optim
        return [
            torch.optim.RMSprop(network.parameters(), lr=optim.lr, weight_decay=optim.weight_decay)
            for network in (self.generator, self.critic)
        ]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["wgan"] = {"generator_steps": self.generator_steps, "critic_steps": self.critic_steps}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.generator_steps = checkpoint["wgan"]["generator_steps"]
        self.critic_steps = checkpoint["wgan"]["critic_steps"]

    # Evaluation

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        real = to_float(batch[0])
        start = self.place(batch_idx)
        made = self(self.noise[start : start + len(real)])
        self.em_distance.update(self.critic(real), self.critic(made))
        shown = made.clamp(-1, 1)
        self.sliced_wasserstein.update(real, shown)
        for judge in self.judge:
            for features, images in zip(self.features, (real, shown), strict=True):
                features.append(judge.to(images.device)(images.float()))

    def on_validation_epoch_end(self) -> None:
        now = self.em_distance.compute()
        self.last_distances.copy_(torch.cat([self.last_distances[1:], now.view(1)]))
        # The mean passes over the places that no evaluation has filled yet, and must not pass over this one.
        self.log("val/em_distance", self.last_distances.nanmean().where(now.isfinite(), now))
        self.log("val/em_distance_unsmoothed", now)
        self.log("val/sliced_wasserstein", self.sliced_wasserstein.compute())
        if self.judge:
            real, made = (joined(features).cpu() for features in self.features)
            self.features = ([], [])
            self.kernel_distance = KernelDistance(real, made)
            self.log(KERNEL, self.kernel_distance.value(np.arange(len(real))))
        self.em_distance.reset()
        self.sliced_wasserstein.reset()

    def sample_scores(self) -> Scores | None:
        """Return what tells the kernel distance of some of the images, each with the generated one in its place."""
        return self.kernel_distance if self.config.target.metric == KERNEL else None

    # For a user

    def example_input(self) -> tuple[Tensor, ...]:
        return (torch.zeros(1, self.config.model.latent),)

    @torch.inference_mode()
    def infer(self, batch: Batch) -> Tensor:
        """Return as many new images as `batch` has, uint8 (batch, channels, size, size)."""
        return to_bytes(self(self._noise(len(batch[0])))).cpu()

    @torch.inference_mode()
    def scores(self, images: Tensor) -> Tensor:
        """Return the critic's score of each of `images`, uint8 (batch, channels, size, size): float (batch,)."""
        scores: Tensor = self.critic(to_float(images.to(self.device)))
        return scores.float().cpu()

    def render(self, batch: Batch) -> Figure:
        """Draw generated images beside real ones, each under the critic's score."""
        from aibench.tasks.image_generation.figure import MOST, draw

        real = batch[0][:MOST]
        made = self.infer((real,))
        return draw(made, real.cpu(), (self.scores(made).tolist(), self.scores(real).tolist()))


def group(optim: OptimConfig, generator_steps: int) -> int:
    """Return how many critic steps come before the generator step that follows `generator_steps` others."""
    thorough = generator_steps < optim.thorough_first or generator_steps % optim.thorough_every == 0
    return optim.thorough_steps if thorough else optim.critic_steps
