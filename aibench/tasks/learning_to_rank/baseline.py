"""Computes the precision of rankings by counts: who took what, and what follows what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from aibench.contract import Baseline
from aibench.interactions.baseline import Scores, neighbours, popularity, recent, table, truncated_svd
from aibench.interactions.baseline import cosines as alike
from aibench.interactions.rows import PADDING
from aibench.metrics.ranking import FullRanking
from aibench.tasks.learning_to_rank.interactions import Interactions

RANKS = (16, 32, 64)
LAST = 5  # items, of which a network sees as many
WITHIN = (1, 3, 6, 10)  # places behind an item
Requests = Mapping[str, tuple[Tensor, ...]]


def baselines(made: Interactions, requests: Requests) -> Iterator[Baseline]:
    """Yield the precision at 3 of each method, with the setting that does best on `val`.

    Args:
        made: The visits, of which the training part is used.
        requests: Users, sequences, seen and held-out items of each part that is judged; see `HeldOut`.
    """
    taken, last = table(made.train, made.items), recent(made.train, LAST, made.items)
    often = popularity(taken)
    tiny = often / (1 + often.max()) / 1e6  # where counts are equal, the popular item comes first
    of_taste = neighbours(taken)
    followers = {within: followed(made, within) for within in WITHIN}
    latest = recent(made.train, 1, made.items)
    methods: dict[str, dict[str, Any]] = {
        "most popular items": {"": often},
        "item-based nearest neighbours": {"": of_taste},
        "item-based nearest neighbours of the last five items": {"": last @ alike(taken)},
        "truncated SVD": {f"rank {rank}": truncated_svd(taken, rank) for rank in RANKS if rank < min(taken.shape)},
        "first-order Markov chain": {"": latest @ followers[1] + tiny},
        "what follows the last item or the last five": {
            **{f"the last, within {within} places": latest @ shares + tiny for within, shares in followers.items()},
            **{f"the last five, within {within} places": last @ shares + tiny for within, shares in followers.items()},
        },
        "product of nearest neighbours and what follows the last five": {
            f"within {within} places": of_taste * (last @ shares + tiny) for within, shares in followers.items()
        },
    }
    for name, settings in methods.items():
        found = [(said, judged(scores, requests)) for said, scores in settings.items()]
        said, quality = max(found, key=lambda one: one[1]["val"])
        yield Baseline(name, quality, note=f"{said}, chosen on val" if said else "")


def followed(made: Interactions, within: int) -> Scores:
    """Return the shares of an item's visits after which another comes within some places, by training rows.

    Returns:
        float32 (items + 1, items + 1); a row is the item before.
    """
    size, counts = made.items + 1, None
    for distance in range(1, within + 1):
        _, runs = made.train.windows(distance + 1)
        runs = runs[runs[:, 0] != PADDING]
        ones = np.ones(len(runs), np.float32)
        pairs = sparse.csr_matrix((ones, (runs[:, 0], runs[:, -1])), shape=(size, size))
        counts = pairs if counts is None else counts + pairs
    assert counts is not None, "within is 1 or more"
    total = np.maximum(np.asarray(counts.sum(1)).ravel(), 1).astype(np.float32)
    shares: Scores = (counts.toarray() / total[:, None]).astype(np.float32)
    return shares


def judged(scores: Any, requests: Requests) -> dict[str, float]:
    """Return the precision at 3 on each part of scores, float (users, items + 1), of all items."""
    return {part: precision(scores[request[0].numpy()], request) for part, request in requests.items()}


def precision(scores: Any, request: tuple[Tensor, ...]) -> float:
    """Return the precision at 3 of scores, float (users, items + 1), of the users of `request`."""
    ranking = FullRanking((3,))
    _, _, seen, held_out = request
    ranking.update(torch.from_numpy(np.ascontiguousarray(scores)), seen, held_out)
    return float(ranking.compute()["precision@3"])
