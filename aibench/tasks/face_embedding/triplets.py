"""Computes the triplet loss with semi-hard mining inside a batch (Schroff et al. 2015, arXiv 1503.03832, 3.1, 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor


def squared_distances(embeddings: Tensor) -> Tensor:
    """Return the squared distances between all of `embeddings`, float (batch, dimensions): float (batch, batch)."""
    products = embeddings @ embeddings.T
    lengths = products.diagonal()
    return (lengths[:, None] + lengths - 2 * products).clamp(min=0)


def triplet_loss(embeddings: Tensor, labels: Tensor, margin: float, squared: bool) -> Tensor:
    """Return the mean over anchors and positives of max(0, d(anchor, positive) - d(anchor, negative) + margin).

    The negative is semi-hard: of the pictures of others that are farther from the anchor than the positive is, the
    nearest; where none is farther, the farthest. Nothing is read back from the device, and no shape depends on values.

    Args:
        embeddings: float (batch, dimensions).
        labels: int64 (batch,).
        margin: In the unit of the distances.
        squared: Whether the distances are squared.

    Returns:
        float (); 0 for a batch without two pictures of one person, or without two people.
    """
    squares = squared_distances(embeddings.float())
    distances = squares if squared else (squares + 1e-12).sqrt()  # 1e-12: a root's slope at 0 has no end
    same = labels[:, None] == labels
    others = (~same).sum(1, keepdim=True)
    # Each row's distances to others, ascending; those to the same person come last.
    ascending = distances.masked_fill(same, torch.inf).sort(dim=1).values
    farther = torch.searchsorted(ascending.detach(), distances.detach(), right=True)
    negative = ascending.gather(1, farther.clamp(max=others - 1).clamp(min=0))
    used = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device) & (others > 0)
    losses = torch.where(used, distances - torch.where(used, negative, 0.0) + margin, 0.0).relu()
    return losses.sum() / used.sum().clamp(min=1)
