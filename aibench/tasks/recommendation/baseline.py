"""Computes the hit rates of rankings by counts and by factorisations of who took what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aibench.contract import Baseline
from aibench.interactions.baseline import Scores, best, neighbours, popularity, regressed, table, truncated_svd
from aibench.tasks.recommendation.config import SHOWN
from aibench.tasks.recommendation.held_out import Interactions
from aibench.tasks.recommendation.metric import LeaveOneOut

NEIGHBOURS = (50, 200, None)
RANKS = (8, 16, 32, 64)
PENALTIES = (100.0, 500.0, 2000.0)


def baselines(made: Interactions, requests: Mapping[str, tuple[Tensor, ...]]) -> Iterator[Baseline]:
    """Yield the hit rates of each method, with the setting that does best on `val`.

    Args:
        made: The interactions, of which the training part is used.
        requests: Users and candidates of each part that is judged; see `Data`.
    """
    taken = table(made.train, made.items)
    ranks = [rank for rank in RANKS if rank < min(taken.shape)]
    methods: dict[str, dict[str, Callable[[], Scores]]] = {
        "most popular items": {"": partial(popularity, taken)},
        "item-based nearest neighbours": {
            f"{count or 'all'} neighbours": partial(neighbours, taken, count) for count in NEIGHBOURS
        },
        "truncated SVD": {f"rank {rank}": partial(truncated_svd, taken, rank) for rank in ranks},
        "truncated SVD of the plain table": {
            f"rank {rank}": partial(truncated_svd, taken, rank, weighted=False) for rank in ranks
        },
        "ridge regression of each item on the others (EASE)": {
            f"penalty {penalty:g}": partial(regressed, taken, penalty) for penalty in PENALTIES
        },
    }
    yield from best(methods, partial(_judged, requests=requests))


def hit_rate(scores: NDArray[Any]) -> float:
    """Return HR@10 of scores, float (users, candidates), the item to be found in column 0."""
    metric = LeaveOneOut(SHOWN)
    metric.update(torch.from_numpy(np.ascontiguousarray(scores)))
    return float(metric.compute()[f"hr@{SHOWN}"])


def _judged(scores: NDArray[Any], requests: Mapping[str, tuple[Tensor, ...]]) -> dict[str, float]:
    """Return the hit rate on each part of scores, float (users, items + 1), of all items."""
    return {
        part: hit_rate(scores[users.numpy()[:, None], candidates.numpy()])
        for part, (users, candidates) in requests.items()
    }
