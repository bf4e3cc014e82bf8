"""Trains and evaluates CycleGAN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, l1_loss, mse_loss
from torch.optim.lr_scheduler import LambdaLR
from torchmetrics.classification import MulticlassConfusionMatrix

from aibench.config import Source
from aibench.config.places import expanded
from aibench.contract import Facts, TaskModule
from aibench.metrics.joined import joined
from aibench.nn.schedules import plateau
from aibench.tasks.image_to_image.classes import VOID
from aibench.tasks.image_to_image.config import CRITERIA, WITHOUT_SEGMENTER, Config
from aibench.tasks.image_to_image.model import discriminator, generator
from aibench.tasks.image_to_image.pool import ImagePool
from aibench.tasks.image_to_image.scores import (
    SceneScores,
    Scores,
    confusions,
    least_of_criteria,
    nearest_colour,
    scores,
)
from aibench.tasks.image_to_image.segmenter import Segmenter, load_fcn, load_small
from aibench.vision.pixels import to_bytes, to_float

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Batch = tuple[Tensor, ...]
UNMEASURED = "data.segmenter=null: the scores are measured through a segmenter"


class Module(TaskModule):
    """Trains two generators, label maps to photos and back, and a discriminator of each kind of image.

    A training batch is label maps and photos, unpaired, each uint8 (batch, 3, load, load). A held-out batch is label
    maps and their photos, each uint8 (batch, 3, size, size), and the classes of the maps' pixels, uint8
    (batch, height, width).

    Attributes:
        unmeasured: Why the target's metric has no value; None where it has one.
    """

    own_buffers = ("photo_pool", "labels_pool")
    config: Config
    palette: Tensor

    def __init__(self, config: Config, facts: Facts) -> None:
        super().__init__(config, facts)
        self.automatic_optimization = False
        self.to_photo, self.to_labels = generator(config.model), generator(config.model)
        self.photo_critic, self.labels_critic = discriminator(config.model), discriminator(config.model)
        self.photo_pool, self.labels_pool = (ImagePool(config.optim.pool, config.data.size) for _ in range(2))
        self.register_buffer("palette", torch.tensor(facts["palette"], dtype=torch.uint8), persistent=False)
        self.real, self.labels = self._confusion(), self._confusion()
        self._generated: list[Tensor] = []
        self._scene_scores: SceneScores | None = None
        self.segmenter = self._segmenter()
        needed = not config.target.metric.startswith(WITHOUT_SEGMENTER)
        self.unmeasured = UNMEASURED if needed and self.segmenter is None else None
        self._real_scores: Scores | None = None
        self._real_scores_of: Tensor | None = None

    def _confusion(self) -> MulticlassConfusionMatrix:
        return MulticlassConfusionMatrix(len(self.facts["classes"]), ignore_index=VOID, validate_args=False)

    def _segmenter(self) -> Segmenter | None:
        data, name = self.config.data, self.facts["segmenter"]
        if name is None:
            return None
        if data.source is Source.embedded:
            return load_small(data.segmenter_size)
        return load_fcn(expanded(data.segmenter), data.segmenter_size)

    def forward(self, labels: Tensor) -> Tensor:
        """Return photos, float (batch, 3, height, width) in -1 to 1, of label maps, uint8 (batch, 3, height, width)."""
        photos: Tensor = self.to_photo(to_float(labels))
        return photos

    # Training

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        labels, photos = (to_float(_cut(images, self.config.data.size)) for images in batch)
        optimizers: Any = self.optimizers()
        generators, critics = optimizers
        self._critics_learn(False)
        loss, made_photos, made_labels = self._generators_loss(labels, photos)
        generators.zero_grad()
        self.manual_backward(loss)
        generators.step()
        self._critics_learn(True)
        seen = self.photo_pool.exchange(made_photos.detach()), self.labels_pool.exchange(made_labels.detach())
        critics_loss = _critic_loss(self.photo_critic, photos, seen[0])
        critics_loss = critics_loss + _critic_loss(self.labels_critic, labels, seen[1])
        critics.zero_grad()
        self.manual_backward(critics_loss)
        critics.step()
        schedules: Any = self.lr_schedulers()
        for schedule in schedules:
            schedule.step()
        return loss.detach() + critics_loss.detach()

    def _critics_learn(self, learn: bool) -> None:
        self.photo_critic.requires_grad_(learn)
        self.labels_critic.requires_grad_(learn)

    def _generators_loss(self, labels: Tensor, photos: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the generators' loss, and what was made.

        The loss is equation 3 of CycleGAN's paper with least squares (section 4) and the identity loss (5.2).

        A generator works on what it translates and on what it should leave as it is in one batch: instance
        normalisation keeps the images apart.
        """
        optim = self.config.optim
        same = optim.identity > 0
        made_photos, same_photos = _halves(self.to_photo, labels, photos if same else None)
        made_labels, same_labels = _halves(self.to_labels, photos, labels if same else None)
        verdicts = self.photo_critic(made_photos), self.labels_critic(made_labels)
        fooled = _verdict_loss(verdicts[0], 1.0) + _verdict_loss(verdicts[1], 1.0)
        back = l1_loss(self.to_labels(made_photos), labels) + l1_loss(self.to_photo(made_labels), photos)
        loss = fooled + optim.cycle * back
        if same_photos is not None and same_labels is not None:
            kept = l1_loss(same_photos, photos) + l1_loss(same_labels, labels)
            loss = loss + optim.cycle * optim.identity * kept
        return loss, made_photos, made_labels

    def configure_optimizers(self) -> Any:
        optim = self.config.optim
        budget = int(self.trainer.estimated_stepping_batches)
        optimizers, schedules = [], []
        for networks in ((self.to_photo, self.to_labels), (self.photo_critic, self.labels_critic)):
            weights = [weight for network in networks for weight in network.parameters()]
            optimizer = torch.optim.Adam(
                weights, lr=optim.lr, betas=(optim.beta1, 0.999), weight_decay=optim.weight_decay, fused=True
            )
            optimizers.append(optimizer)
            schedules.append(LambdaLR(optimizer, lambda step: plateau(step, budget, optim.constant)))
        return optimizers, schedules

    # Evaluation

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        labels, photos, classes = batch
        shape, classes = classes.shape[1:], classes.long()
        made = to_bytes(self.to_labels(to_float(photos)))
        guessed = nearest_colour(made, self.palette)[:, None].float()
        self.labels.update(interpolate(guessed, size=shape, mode="nearest-exact")[:, 0].long(), classes)
        if self.segmenter is None:
            return
        seen = self.segmenter(to_bytes(self(labels)), shape)
        self._generated.append(confusions(classes, seen, len(self.facts["classes"])))
        if batch_idx == 0:
            self._remove_other_scores(photos)
        if self._real_scores is None:
            self.real.update(self.segmenter(photos, shape), classes)

    def _remove_other_scores(self, photos: Tensor) -> None:
        """Remove the real photos' scores where an evaluation of another part begins, with other `photos`."""
        known = self._real_scores_of
        if known is None or known.shape != photos.shape or not torch.equal(known, photos):
            self._real_scores, self._real_scores_of = None, photos.clone()

    def on_validation_epoch_end(self) -> None:
        self._log("label_", _compute(self.labels))
        if self.unmeasured is not None:
            self.log(self.config.target.metric, torch.nan)
        if self.segmenter is None:
            return
        if self._real_scores is None:  # neither the photos nor the segmenter change
            self._real_scores = _compute(self.real)
        self._log("real_", self._real_scores)
        target, confusion = self.config.target, joined(self._generated)
        self._generated.clear()
        criteria = (target.pixel_accuracy, target.class_accuracy, target.class_iou)
        generated = scores(confusion.sum(0))
        self._log("", generated)
        self.log(CRITERIA, least_of_criteria(generated, criteria))
        self._scene_scores = SceneScores(confusion, criteria)

    def sample_scores(self) -> SceneScores | None:
        """Return the scenes' parts of `val/criteria`; None where it is not measured, or is not the target."""
        return self._scene_scores if self.config.target.metric == CRITERIA else None

    def _log(self, prefix: str, found: Scores) -> None:
        for name, value in found._asdict().items():
            self.log(f"val/{prefix}{name}", value)

    # For a user

    def example_input(self) -> tuple[Tensor, ...]:
        return (torch.zeros(1, 3, self.config.data.size, self.config.data.size, dtype=torch.uint8),)

    @torch.inference_mode()
    def infer(self, batch: Batch) -> Tensor:
        """Return photos of the label maps of `batch`, uint8 (batch, 3, height, width)."""
        return to_bytes(self(batch[0].to(self.device))).cpu()

    def render(self, batch: Batch) -> Figure:
        """Draw columns of scenes: label map, photo made of it, what the segmenter sees in that, real photo."""
        from aibench.tasks.image_to_image.figure import MOST, draw

        labels, photos = (images[:MOST] for images in batch[:2])
        made = self.infer((labels,))
        rows = {"label map": labels.cpu(), "generated photo": made}
        if self.segmenter is not None:
            seen = self.segmenter(made.to(self.device), made.shape[2:])
            rows["its segmentation"] = self.palette[seen].permute(0, 3, 1, 2).cpu()
        rows["real photo"] = photos.cpu()
        return draw(rows)


def _compute(confusion: MulticlassConfusionMatrix) -> Scores:
    found = scores(confusion.compute())
    confusion.reset()
    return found


def _halves(network: nn.Module, first: Tensor, second: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Return what `network` makes of the images `first` and `second`."""
    if second is None:
        return network(first), None
    made = network(torch.cat([first, second]))
    return made[: len(first)], made[len(first) :]


def _critic_loss(critic: nn.Module, real: Tensor, made: Tensor) -> Tensor:
    """Return half the sum, as the authors' code does: the discriminators learn at half the generators' speed."""
    real_verdicts, made_verdicts = _halves(critic, real, made)
    assert made_verdicts is not None
    return (_verdict_loss(real_verdicts, 1.0) + _verdict_loss(made_verdicts, 0.0)) / 2


def _verdict_loss(verdicts: Tensor, wanted: float) -> Tensor:
    """Return the least-squares loss (Mao et al. 2017, arXiv 1611.04076)."""
    return mse_loss(verdicts, torch.full_like(verdicts, wanted))


def _cut(images: Tensor, size: int) -> Tensor:
    """Cut a random part out of each image, `size` by `size` pixels, mirrored half of the time; each by its own draw.

    Args:
        images: (batch, 3, height, width).
        size: At most height and width.
    """
    count, _, height, width = images.shape
    device = images.device
    top, left = (torch.randint(side - size + 1, (count, 1), device=device) for side in (height, width))
    along = torch.arange(size, device=device)
    columns = torch.where(torch.rand(count, 1, device=device) < 0.5, along, along.flip(0))
    which = torch.arange(count, device=device)[:, None, None]
    return images.permute(0, 2, 3, 1)[which, (top + along)[:, :, None], (left + columns)[:, None]].permute(0, 3, 1, 2)
