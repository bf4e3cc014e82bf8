"""Trains and evaluates a network that embeds faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

import torch
from torch import Tensor
from torch.nn.functional import normalize

from aibench.contract import Facts, Scores, TaskModule
from aibench.metrics.joined import joined
from aibench.nn.schedules import stairs, warmup_and_decay
from aibench.tasks.face_embedding.config import Config
from aibench.tasks.face_embedding.model import network
from aibench.tasks.face_embedding.triplets import squared_distances, triplet_loss
from aibench.tasks.face_embedding.verification import People, Verdict, verify
from aibench.vision.augment import mirrored, shifted
from aibench.vision.pixels import Normalise

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Batch = tuple[Tensor, Tensor]


class Answer(TypedDict):
    """Holds what a request learns of a face.

    Attributes:
        embedding: The face as a vector of length 1.
        same: The places of the request's other faces that are the same person's.
    """

    embedding: list[float]
    same: list[int]


class Module(TaskModule):
    """Trains an embedding. A batch is images, uint8 (batch, 3, size, size), and their people, int64 (batch,).

    Attributes:
        threshold: Squared distance below which two faces are one person's: the mean of the last evaluation's folds.
    """

    config: Config
    pairs: Tensor
    triplets: Tensor
    threshold: Tensor

    def __init__(self, config: Config, facts: Facts) -> None:
        super().__init__(config, facts)
        self.network = network(config.model)
        self.normalise = Normalise(config.data.mean, config.data.std)
        for name in ("pairs", "triplets"):
            self.register_buffer(name, torch.tensor(facts[name]).T.contiguous(), persistent=False)
        self.register_buffer("threshold", torch.ones((), dtype=torch.float64))
        self.gathered: list[Batch] = []  # embeddings and people of the evaluation that is under way
        self.scores: People | None = None

    def forward(self, images: Tensor) -> Tensor:
        """Return embeddings of length 1, float (batch, dimensions), of `images`, uint8 (batch, 3, size, size)."""
        return normalize(self.network(self.normalise(images)).float(), eps=1e-6)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        images, labels = batch
        if self.config.data.mirror:
            images = mirrored(images)
        if self.config.data.shift:
            images = shifted(images, self.config.data.shift)
        model = self.config.model
        return triplet_loss(model.norm * self(images), labels, model.margin, model.squared)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self.gathered.append((self(batch[0]), batch[1]))

    def on_validation_epoch_end(self) -> None:
        embeddings, people = (joined(parts) for parts in zip(*self.gathered, strict=True))
        self.gathered.clear()
        self.scores = _scored(embeddings, people, self.pairs)
        verdict = _verified(embeddings, self.pairs)
        self.threshold.copy_(verdict.thresholds.mean())
        self.log("val/accuracy", verdict.accuracy)
        self.log("val/accuracy_std", verdict.accuracies.std(correction=0))
        self.log("val/triplet_accuracy", _verified(embeddings, self.triplets).accuracy)

    def sample_scores(self) -> Scores | None:
        """Return what each held-out person adds to the accuracy."""
        return self.scores

    def configure_optimizers(self) -> Any:
        optim = self.config.optim
        optimizer = torch.optim.AdamW(self.parameters(), lr=optim.lr, weight_decay=optim.weight_decay, fused=True)

        def fallen(step: int, epoch: int) -> float:
            return stairs(step, max(1, round(optim.decay_epochs * epoch)), optim.gamma)

        return warmup_and_decay(optimizer, optim, self.trainer, fallen)

    def example_input(self) -> tuple[Tensor, ...]:
        return (torch.zeros(1, 3, self.config.model.size, self.config.model.size, dtype=torch.uint8),)

    @torch.inference_mode()
    def infer(self, batch: Batch) -> list[Answer]:
        """Return each face's embedding, and which of the others are the same person's."""
        embeddings = self(batch[0].to(self.device))
        same = squared_distances(embeddings) < self.threshold
        return [
            {"embedding": embedding, "same": [other for other, is_same in enumerate(row) if is_same and other != place]}
            for place, (embedding, row) in enumerate(zip(embeddings.tolist(), same.tolist(), strict=True))
        ]

    def render(self, batch: Batch) -> Figure:
        """Draw faces beside faces, and how far apart the model finds any two."""
        from aibench.tasks.face_embedding.figure import draw

        images, labels = (tensor[:16].to(self.device) for tensor in batch)
        with torch.inference_mode():
            distances = squared_distances(self(images)).cpu()
        return draw(images.cpu(), labels.cpu(), distances, float(self.threshold))


def _verified(embeddings: Tensor, pairs: Tensor) -> Verdict:
    """Judge `pairs`, int64 (4, pairs): first and second place in `embeddings`, whether same, fold."""
    return verify(_apart(embeddings, pairs), pairs[2].bool(), pairs[3])


def _apart(embeddings: Tensor, pairs: Tensor) -> Tensor:
    """Return the squared distances of `pairs`, float (pairs,)."""
    return (embeddings[pairs[0]] - embeddings[pairs[1]]).square().sum(1)


def _scored(embeddings: Tensor, people: Tensor, pairs: Tensor) -> People:
    """Return what each of `people`, int64 (images,), adds to the accuracy of `pairs`."""
    numbers: Tensor = torch.unique(people, return_inverse=True)[1]
    distances, both = _apart(embeddings, pairs).double().cpu().numpy(), numbers[pairs[:2]].cpu().numpy()
    return People(distances, both, pairs[3].cpu().numpy())
