"""Measures HR@k and nDCG@k of one held-out item among its candidates."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric


class LeaveOneOut(Metric):
    """Measures hit rate and nDCG at `k` where each user has one item to be found.

    The item is a hit if it is among the `k` candidates of the highest score; nDCG is then 1 / log2(1 + its place), and
    0 where it is no hit. Both are means over users.

    Of candidates with equal scores every order is equally likely, and both are the means over these orders: a constant
    score earns what chance earns, k / candidates, however the candidates are laid out. A score that is NaN stands
    behind all others if it is the held-out item's, and before it if it is another's.

    Args:
        k: Candidates that a user is shown.

    Attributes:
        latest: What each user of the last update adds to both, float64 (users, 2).
    """

    full_state_update = False
    higher_is_better = True
    gained: Tensor
    sums: Tensor
    users: Tensor
    latest: Tensor

    def __init__(self, k: int = 10) -> None:
        super().__init__()
        self.k = k
        gains = torch.stack([torch.ones(k), 1 / torch.arange(2.0, k + 2).log2()], dim=1).double()
        self.register_buffer("gained", torch.cat([torch.zeros(1, 2), gains.cumsum(0)]), persistent=False)
        self.add_state("sums", torch.zeros(2, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("users", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, scores: Tensor) -> None:
        """Add some users.

        Args:
            scores: float (users, candidates); the first is the held-out item's.
        """
        own, others = scores[:, :1], scores[:, 1:]
        tied = (others == own).sum(1)
        before = others.shape[1] - tied - (others < own).sum(1)
        first, beyond = before.clamp(max=self.k), (before + tied + 1).clamp(max=self.k)
        self.latest = (self.gained[beyond] - self.gained[first]) / (tied + 1)[:, None]
        self.sums += self.latest.sum(0)
        self.users += len(scores)

    def compute(self) -> dict[str, Tensor]:
        """Return the means, `hr@k` and `ndcg@k`; NaN where no user was added."""
        hit_rate, ndcg = (self.sums / self.users).float()
        return {f"hr@{self.k}": hit_rate, f"ndcg@{self.k}": ndcg}
