"""Trains and evaluates a perspective transformer network."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from aibench.contract import Facts, Scores, TaskModule
from aibench.metrics.joined import joined
from aibench.metrics.scores import Ratio
from aibench.nn import ranks
from aibench.nn.decay import Annealing
from aibench.nn.schedules import each_step, half_cosine
from aibench.nn.weights import decay_groups
from aibench.tasks.object_reconstruction_3d.config import Config, Supervision
from aibench.tasks.object_reconstruction_3d.metric import THRESHOLD, VoxelIoU
from aibench.tasks.object_reconstruction_3d.model import Network, Projector

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Batch = tuple[Tensor, Tensor]


class Module(TaskModule):
    """Trains volumes from pictures. A batch is uint8 (batch, 3, size, size) and volumes, bool (batch, x, y, z)."""

    config: Config

    def __init__(self, config: Config, facts: Facts) -> None:
        super().__init__(config, facts)
        self.network = Network(config.model, config.data.size, config.data.resolution)
        self.projector = Projector(config.model.camera)
        self.iou = VoxelIoU()
        self.ious: list[Tensor] = []  # of the pictures of this evaluation
        self.scores: Ratio | None = None

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move the module; PyTorch refuses to lay out weights of 5 dimensions with the format for 4."""
        if kwargs.get("memory_format") is torch.channels_last:
            for weight in self.parameters():
                if weight.ndim == 4:
                    weight.data = weight.data.contiguous(memory_format=torch.channels_last)
            return self
        return super().to(*args, **kwargs)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return logits of full voxels, float (batch, x, y, z), of `pictures`, uint8 (batch, 3, size, size)."""
        logits: Tensor = self.network(pictures * (2 / 255) - 1)
        return logits

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        return self.loss(*batch, self._views())

    def loss(self, pictures: Tensor, solids: Tensor, views: Tensor) -> Tensor:
        """Return the loss of a batch, its silhouettes seen from `views`, int64 (views,)."""
        logits, true = self(pictures).float(), solids.float()
        model = self.config.model
        loss = torch.zeros((), device=pictures.device)
        if model.supervision is not Supervision.voxels:
            with torch.no_grad():
                silhouettes = self.projector(true, views)
            difference = half_square(self.projector(logits.sigmoid(), views) - silhouettes)
            loss = loss + model.silhouette_weight * difference / (len(true) * len(views))
        if model.supervision is not Supervision.silhouettes:
            weight = torch.full((), model.full_weight, device=pictures.device)
            surprise = binary_cross_entropy_with_logits(logits, true, pos_weight=weight, reduction="sum")
            loss = loss + model.voxel_weight * surprise / len(true)
        return loss

    def _views(self) -> Tensor:
        """Return the views of this step, int64 (views,): the same on all devices that train together."""
        camera, voxels = self.config.model.camera, self.config.model.supervision is Supervision.voxels
        if camera.views_per_step is None or voxels:
            return torch.arange(camera.views, device=self.device)
        return ranks.of_first(torch.randperm(camera.views, device=self.device))[: camera.views_per_step]

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        pictures, solids = batch
        logits = self(pictures)
        self.iou.update(logits.float().sigmoid(), solids)
        self.ious.append(self.iou.latest)

    def on_validation_epoch_end(self) -> None:
        for name, value in self.iou.compute().items():
            self.log(f"val/{name}", value)
        self.iou.reset()
        objects = joined(self.ious).cpu().view(-1, self.config.data.views)  # an object's pictures stand together
        self.scores = Ratio(objects.sum(1), self.config.data.views)
        self.ious = []

    def sample_scores(self) -> Scores | None:
        """Return what the pictures of each object score."""
        return self.scores

    def configure_optimizers(self) -> Any:
        optim = self.config.optim
        groups = decay_groups(self.parameters(), optim.weight_decay)
        optimizer = torch.optim.Adam(groups, lr=optim.lr, fused=True)
        if optim.decay is Annealing.none:
            return optimizer
        budget = int(self.trainer.estimated_stepping_batches)
        return each_step(optimizer, partial(half_cosine, start=0, end=budget))

    def example_input(self) -> tuple[Tensor, ...]:
        return (torch.zeros(1, 3, self.config.data.size, self.config.data.size, dtype=torch.uint8),)

    @torch.inference_mode()
    def infer(self, batch: Batch) -> list[NDArray[np.bool_]]:
        """Return for each picture the solid that it shows, bool (x, y, z): y is up."""
        full = self(batch[0].to(self.device)).float().sigmoid() > THRESHOLD
        return list(full.cpu().numpy())

    def render(self, batch: Batch) -> Figure:
        """Draw pictures, and what the model makes of them beside the truth, from two sides."""
        from aibench.tasks.object_reconstruction_3d.figure import draw

        return draw(batch[0].cpu().numpy(), self.infer(batch), list(batch[1].cpu().numpy()))


def half_square(difference: Tensor) -> Tensor:
    """Return half the sum of the squares: TensorFlow's `l2_loss`, in which Yan et al. measure."""
    return difference.square().sum() / 2
