"""Computes the ranking loss and ranking distillation (Tang & Wang, Ranking Distillation, KDD 2018).

Equation numbers are the paper's, as the authors' code cites them (its eq. 8 and 9); where the two leave something
open, the code decides: ranks from 0 in the discrepancy, and a product of the two weights that is not renormalised.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def ranking_loss(next_items: Tensor, negatives: Tensor) -> Tensor:
    """Return -log sigmoid(next items) - log(1 - sigmoid(negatives)), summed in a window; the windows' mean.

    Args:
        next_items: Scores, float (windows, targets).
        negatives: Scores of items that the user has not seen, float (windows, negatives).
    """
    return -(logsigmoid(next_items).sum(1) + logsigmoid(-negatives).sum(1)).mean()


def distillation_loss(scores: Tensor, weights: Tensor) -> Tensor:
    """Return - sum over r of w_r log sigmoid(score of the teacher's item at r); the mean over windows.

    Args:
        scores: The student's, of the teacher's first K items, float (windows, K).
        weights: float (windows, K) or (K,).
    """
    return -(weights * logsigmoid(scores)).sum(1).mean()


def position_weights(count: int, decay: float) -> Tensor:
    """Return how much each place of the teacher's ranking matters: w_r ~ exp(-r / lambda), r = 1..K (eq. 8).

    They sum to 1.

    Returns:
        float (count,).
    """
    return torch.softmax(-torch.arange(1.0, count + 1) / decay, dim=0)


def estimated_ranks(scores: Tensor, sampled: Tensor, items: int) -> Tensor:
    """Return where the student ranks the teacher's items, from 0: floor(items * share of samples that score higher).

    Args:
        scores: The student's, of the teacher's items, float (windows, K).
        sampled: The student's, of items drawn at random, float (windows, samples).
        items: Number of items.

    Returns:
        float (windows, K).
    """
    higher = sampled.unsqueeze(1) > scores.unsqueeze(2)
    return (higher.float().mean(2) * items).floor()


def discrepancy_weights(student_ranks: Tensor, scale: float) -> Tensor:
    """Return how far the student ranks the teacher's items too low (eq. 9).

    They are max(tanh(mu (student's - teacher's rank)), 0).

    Args:
        student_ranks: From 0, float (windows, K); column r is the teacher's item of rank r.
        scale: mu.

    Returns:
        float (windows, K), in [0, 1).
    """
    teacher_ranks = torch.arange(student_ranks.shape[1], device=student_ranks.device)
    return torch.tanh(scale * (student_ranks - teacher_ranks)).clamp(min=0)
