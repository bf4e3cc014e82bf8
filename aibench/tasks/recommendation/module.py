"""Trains and evaluates NeuMF."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from aibench.contract import Facts, TaskModule
from aibench.metrics.joined import joined
from aibench.metrics.scores import Ratio
from aibench.nn.neumf import NeuMF
from aibench.tasks.recommendation.config import SHOWN, Config
from aibench.tasks.recommendation.data import Sample
from aibench.tasks.recommendation.metric import LeaveOneOut

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Module(TaskModule):
    """Tells a user's items from others.

    A training batch is users, int64 (batch,), items, int64 (batch,), and labels, float (batch,), 1 for an interaction.
    A request is users, int64 (batch,), their candidates, int32 (batch, candidates), and what they were with last.
    """

    config: Config

    def __init__(self, config: Config, facts: Facts) -> None:
        super().__init__(config, facts)
        self.network = NeuMF(facts["users"], facts["items"], config.model)
        self.ranking = LeaveOneOut(SHOWN)
        self._of_users: list[Tensor] = []
        self._scores: Ratio | None = None

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """Return logits, for the arguments of `NeuMF.forward`."""
        logits: Tensor = self.network(users, items)
        return logits

    def training_step(self, batch: Sample, batch_idx: int) -> Tensor:
        users, items, labels = batch
        return binary_cross_entropy_with_logits(self(users, items), labels)

    def validation_step(self, batch: Sample, batch_idx: int) -> None:
        users, candidates, _ = batch
        self.ranking.update(self(users[:, None], candidates))
        self._of_users.append(self.ranking.latest)

    def on_validation_epoch_end(self) -> None:
        values = self.ranking.compute()
        self.log_dict({f"val/{name}": value for name, value in values.items()})
        self.ranking.reset()
        judged = list(values).index(self.config.target.metric.removeprefix("val/"))
        self._scores = Ratio(joined(self._of_users)[:, judged].cpu().numpy())
        self._of_users.clear()

    def sample_scores(self) -> Ratio | None:
        return self._scores

    def configure_optimizers(self) -> torch.optim.Optimizer:
        optim = self.config.optim
        return torch.optim.Adam(self.parameters(), lr=optim.lr, weight_decay=optim.weight_decay, fused=True)

    def example_input(self) -> tuple[Tensor, ...]:
        return torch.zeros(1, dtype=torch.int64), torch.ones(1, dtype=torch.int64)

    @torch.inference_mode()
    def infer(self, batch: Sample) -> tuple[Tensor, Tensor]:
        """Return each user's ten best candidates, best first, int32 (users, 10), and how likely they are, float."""
        users, candidates, _ = (tensor.to(self.device) for tensor in batch)
        best = self(users[:, None], candidates).float().sigmoid().topk(SHOWN, dim=1)
        return candidates.gather(1, best.indices), best.values

    def render(self, batch: Sample) -> Figure:
        """Draw what users were with last, and the ranking of their candidates, the held-out item in green."""
        from aibench.interactions.figure import recommendations

        users, candidates, recent = (tensor.cpu() for tensor in batch)
        items = self.infer(batch)[0].cpu()
        ranked = f"ranking of {candidates.shape[1]} candidates"
        return recommendations(users, recent, candidates[:, :1], items, None, ranked=ranked)
