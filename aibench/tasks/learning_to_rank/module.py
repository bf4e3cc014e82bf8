"""Trains a Caser teacher, then a smaller Caser student that learns from the data and from the teacher's ranking."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from aibench.contract import Facts, TaskModule
from aibench.metrics.joined import joined
from aibench.metrics.ranking import FullRanking
from aibench.metrics.scores import Ratio
from aibench.nn import ranks
from aibench.tasks.learning_to_rank.config import COUNTS, Config
from aibench.tasks.learning_to_rank.data import SHOWN, Sample, Windows
from aibench.tasks.learning_to_rank.losses import (
    discrepancy_weights,
    distillation_loss,
    estimated_ranks,
    position_weights,
    ranking_loss,
)
from aibench.tasks.learning_to_rank.model import PADDING, Caser

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RANKED_AT_ONCE = 1024  # windows; bounds the memory of their scores of all items


class Module(TaskModule):
    """Trains in two phases under one optimizer: `optim.teacher_epochs` epochs the teacher, the others the student.

    The idle network has no gradients, so Adam and its weight decay leave it alone. The quality is the student's.
    """

    idles = True
    config: Config
    position_weights: Tensor

    def __init__(self, config: Config, facts: Facts) -> None:
        super().__init__(config, facts)
        users, self.items = facts["users"], facts["items"]
        self.teacher = Caser(users, self.items, config.model.teacher_dimensions, config.model)
        self.student = Caser(users, self.items, config.model.student_dimensions, config.model)
        self.ranking = FullRanking(COUNTS)
        self.teacher_ranking = FullRanking(COUNTS)
        distillation = config.optim.distillation
        weights = position_weights(distillation.top_items, distillation.position_decay)
        self.register_buffer("position_weights", weights, persistent=False)
        self._teacher_items: Tensor | None = None
        self._of_users: list[Tensor] = []
        self._scores: Ratio | None = None

    @property
    def phase(self) -> str:  # type: ignore[override]  # follows from the epoch, so that a resumed run is in the right one
        """Return `teacher` or `student`: which of them this epoch trains."""
        return "teacher" if self.current_epoch < self.config.optim.teacher_epochs else "student"

    def forward(self, users: Tensor, sequences: Tensor, items: Tensor) -> Tensor:
        """Return the student's scores, float (batch, any), for the arguments of `Caser.forward`."""
        scores: Tensor = self.student(users, sequences, items)
        return scores

    # Training

    def training_step(self, batch: Sample, batch_idx: int) -> Tensor:
        windows, *of_them = batch
        if self.phase == "teacher":
            return self.teacher_loss(*of_them)
        if self.config.optim.distillation.alpha == 0:
            return self.student_loss(*of_them)
        taught = self.teacher_items()[windows]
        distilled = self.current_epoch - self.config.optim.teacher_epochs
        late = distilled >= self.config.optim.distillation.discrepancy_from
        return (self.late_loss if late else self.early_loss)(*of_them, taught)

    def teacher_loss(self, users: Tensor, sequences: Tensor, following: Tensor, negatives: Tensor) -> Tensor:
        """Return the teacher's ranking loss of a batch."""
        return _plain_loss(self.teacher, users, sequences, following, negatives)

    def student_loss(self, users: Tensor, sequences: Tensor, following: Tensor, negatives: Tensor) -> Tensor:
        """Return the loss of a student that nobody teaches."""
        return _plain_loss(self.student, users, sequences, following, negatives)

    def early_loss(self, *batch: Tensor) -> Tensor:
        """Return the student's loss before it is asked where it ranks the teacher's items; they come last."""
        return self._taught_loss(*batch, discrepant=False)

    def late_loss(self, *batch: Tensor) -> Tensor:
        """Return the student's loss from then on."""
        return self._taught_loss(*batch, discrepant=True)

    def _taught_loss(
        self,
        users: Tensor,
        sequences: Tensor,
        following: Tensor,
        negatives: Tensor,
        taught: Tensor,
        *,
        discrepant: bool,
    ) -> Tensor:
        encoded = self.student.encode(users, sequences)
        sampled = torch.cat([following, negatives], dim=1)
        scores = self.student.score(encoded, torch.cat([sampled, taught], dim=1))
        scores, of_taught = scores[:, : sampled.shape[1]], scores[:, sampled.shape[1] :]
        weights = self._discrepancy(encoded, of_taught) if discrepant else self.position_weights
        distilled = distillation_loss(of_taught, weights)
        return _ranking_loss(scores, following.shape[1]) + self.config.optim.distillation.alpha * distilled

    @torch.no_grad()
    def _discrepancy(self, encoded: Tensor, scores: Tensor) -> Tensor:
        """Return the position weights times the discrepancy weights, float (windows, K)."""
        config = self.config.optim.distillation
        sampled = torch.randint(1, self.items + 1, (config.rank_samples,), device=self.device)
        ranks = estimated_ranks(scores, self.student.score_alike(encoded, sampled), self.items)
        return self.position_weights * discrepancy_weights(ranks, config.discrepancy_scale)

    def teacher_items(self) -> Tensor:
        """Return the teacher's first K unseen items for every training window, int64 (windows, K).

        Made when the student first asks, of fixed groups of windows: a resumed run makes the same again. Targets
        are no candidates, being seen; the teacher is frozen by then.
        """
        if self._teacher_items is None:
            windows = self.trainer.train_dataloader.dataset  # type: ignore[union-attr]
            assert isinstance(windows, Windows)
            self._teacher_items = self._rank(windows)
        return self._teacher_items

    @torch.no_grad()
    def _rank(self, windows: Windows) -> Tensor:
        was_training = self.teacher.training
        self.teacher.eval()
        groups = [torch.zeros(0, self.config.optim.distillation.top_items, dtype=torch.int64, device=self.device)]
        rank, size = ranks.place()  # each process ranks for some of the windows, and all have all rankings then
        for first in np.array_split(np.arange(0, len(windows), RANKED_AT_ONCE), size)[rank].tolist():
            indices = torch.arange(first, min(first + RANKED_AT_ONCE, len(windows)))
            _, users, sequences, *_ = windows.gather(indices)
            seen = torch.from_numpy(windows.seen.padded(users.numpy()))
            request = users.to(self.device), sequences.to(self.device), seen.to(self.device)
            groups.append(best_unseen(self.teacher, *request, self.config.optim.distillation.top_items)[0])
        self.teacher.train(was_training)
        return joined(groups)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        optim = self.config.optim
        return torch.optim.Adam(self.parameters(), lr=optim.lr, weight_decay=optim.weight_decay, fused=True)

    # Evaluation

    def validation_step(self, batch: Sample, batch_idx: int) -> None:
        users, sequences, seen, held_out = batch
        self.ranking.update(self.student.score_all(self.student.encode(users, sequences)), seen, held_out)
        self._of_users.append(self.ranking.latest)
        if self.phase == "teacher":
            scores = self.teacher.score_all(self.teacher.encode(users, sequences))
            self.teacher_ranking.update(scores, seen, held_out)

    def on_validation_epoch_end(self) -> None:
        self.log_dict({f"val/{name}": value for name, value in self.ranking.compute().items()})
        self.ranking.reset()
        judged = self.ranking.names.index(self.config.target.metric.removeprefix("val/"))
        self._scores = Ratio(joined(self._of_users)[:, judged].cpu().numpy())
        self._of_users.clear()
        if self.phase == "teacher":
            self.log("val/teacher_precision@3", self.teacher_ranking.compute()["precision@3"])
            self.teacher_ranking.reset()

    def sample_scores(self) -> Ratio | None:
        return self._scores

    # Serving

    def example_input(self) -> tuple[Tensor, ...]:
        length = self.config.model.sequence_length
        return (
            torch.zeros(1, dtype=torch.int64),
            torch.ones(1, length, dtype=torch.int64),
            torch.ones(1, 1, dtype=torch.int64),
        )

    @torch.no_grad()
    def infer(self, batch: Sample) -> tuple[Tensor, Tensor]:
        """Return ten unseen items for each user, best first, int64 (users, 10), and their scores, float (users, 10)."""
        users, sequences, seen, *_ = batch
        return best_unseen(self.student, users, sequences, seen, SHOWN)

    def render(self, batch: Sample) -> Figure:
        from aibench.interactions.figure import recommendations

        users, sequences, _, held_out = (tensor.cpu() for tensor in batch)
        items, _ = self.infer(batch)
        return recommendations(users, sequences, held_out, items.cpu(), None, ranked="ranking of the unseen items")


def _plain_loss(network: Caser, users: Tensor, sequences: Tensor, following: Tensor, negatives: Tensor) -> Tensor:
    scores = network.score(network.encode(users, sequences), torch.cat([following, negatives], dim=1))
    return _ranking_loss(scores, following.shape[1])


def _ranking_loss(scores: Tensor, following: int) -> Tensor:
    """Return the ranking loss of the next items' and then the negatives' scores, float (windows, both)."""
    return ranking_loss(scores[:, :following], scores[:, following:])


def best_unseen(network: Caser, users: Tensor, sequences: Tensor, seen: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the items that `network` scores highest for each user, best first.

    Args:
        network: Teacher or student.
        users: int64 (batch,).
        sequences: int64 (batch, length).
        seen: int64 (batch, any); no candidates, filled up with 0.
        count: How many.

    Returns:
        Items, int64 (batch, count), and their scores, float (batch, count).
    """
    scores = network.score_all(network.encode(users, sequences)).scatter(1, seen, -torch.inf)
    scores[:, PADDING] = -torch.inf
    best = scores.topk(count, dim=1)
    return best.indices, best.values
