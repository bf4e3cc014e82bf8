"""Computes the precision of rankings by counts: who took what, and what follows what."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from aibench.contract import Baseline
from aibench.interactions.baseline import (
    Scores,
    best,
    neighbours,
    popularity,
    recent,
    regressed,
    table,
    truncated_svd,
)
from aibench.interactions.baseline import cosines as alike
from aibench.interactions.rows import PADDING, Ints
from aibench.metrics.ranking import FullRanking
from aibench.tasks.learning_to_rank.interactions import Interactions

RANKS = (32, 64, 128, 256)
PENALTIES = (300.0, 1000.0)
LAST = 5  # items, of which a network sees as many
WITHIN = (5, 15)  # places behind an item
BEHIND = 10  # places behind a run of LAST items
POWERS = (0.125, 0.25, 0.5)
Requests = Mapping[str, tuple[Tensor, ...]]
Settings = dict[str, Callable[[], Scores]]


def baselines(made: Interactions, requests: Requests) -> Iterator[Baseline]:
    """Yield the precision at 3 of each method, with the setting that does best on `val`.

    Args:
        made: The visits, of which the training part is used.
        requests: Users, sequences, seen and held-out items of each part that is judged; see `HeldOut`.
    """
    yield from best(_methods(made), partial(judged, requests=requests))


def _methods(made: Interactions) -> dict[str, Settings]:
    """Return what makes each method's scores, float32 (users, items + 1), by its settings."""
    taken, last = table(made.train, made.items), recent(made.train, LAST, made.items)
    often = popularity(taken)
    tiny = often / (1 + often.max()) / 1e6  # where counts are equal, the popular item comes first
    ranks = [rank for rank in RANKS if rank < min(taken.shape)]

    @cache
    def taste(rank: int) -> Scores:
        return truncated_svd(taken, rank)

    @cache
    def pairs() -> Scores:
        return followed_pairs(made)

    def follows(count: int, within: int) -> Scores:
        scores: Scores = recent(made.train, count, made.items) @ followed(made, within) + tiny
        return scores

    return {
        "most popular items": {"": lambda: often},
        "item-based nearest neighbours": {"": partial(neighbours, taken)},
        "item-based nearest neighbours of the last five items": {"": lambda: last @ alike(taken)},
        "truncated SVD": {f"rank {rank}": partial(taste, rank) for rank in ranks},
        "ridge regression of each item on the others (EASE)": {
            f"penalty {penalty:g}": partial(regressed, taken, penalty) for penalty in PENALTIES
        },
        "first-order Markov chain": {"": partial(follows, 1, 1)},
        "what follows the last five items": {
            f"within {within} places": partial(follows, LAST, within) for within in WITHIN
        },
        "what follows pairs of the last five items, in their order": {"": lambda: pairs() + tiny},
        "product of truncated SVD and what follows the last five items, or their pairs": _products(
            [rank for rank in ranks if rank in RANKS[1:3]], taste, follows(LAST, WITHIN[-1]), pairs()
        ),
    }


def _products(ranks: list[int], taste: Callable[[int], Scores], after: Scores, pairs: Scores) -> Settings:
    """Return what makes rankings by taste times rankings by place, each way of the second to different powers.

    Args:
        ranks: Ranks of the taste.
        taste: Returns the scores of a truncated singular value decomposition of a rank.
        after: What follows each user's last items within `WITHIN[-1]` places.
        pairs: What follows runs that share pairs with these; all of them float32 (users, items + 1).
    """
    widest = f"within {WITHIN[-1]} places"
    ways = {widest: after, f"pairs, and {widest}": _shares(pairs) + _shares(after)}

    def product(rank: int, place: Scores, power: float) -> Scores:
        scores: Scores = np.maximum(taste(rank), 0) * place**power
        return scores

    return {
        f"rank {rank}, {said}, to the power {power:g}": partial(product, rank, place, power)
        for rank in ranks
        for said, place in ways.items()
        for power in POWERS
    }


def _shares(scores: Scores) -> Scores:
    shares: Scores = scores / np.maximum(scores.sum(1, keepdims=True), 1e-9)
    return shares


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


def followed_pairs(made: Interactions) -> Scores:
    """Return how often items came behind runs that share ordered pairs with a user's last items, rare pairs before all.

    Returns:
        float32 (users, items + 1); a run counts once for each pair of items that it shares, by the logarithm of how
        rare the pair is.
    """
    _, runs = made.train.windows(LAST + BEHIND)
    known, wanted = _pairs(runs[:, :LAST], made.items), _pairs(made.train.last(LAST), made.items)
    rarity = np.log1p(known.shape[0] / np.maximum(np.asarray(known.sum(0)).ravel(), 1)).astype(np.float32)
    behind = np.repeat(np.arange(len(runs)), BEHIND), runs[:, LAST:].ravel()
    came = sparse.csr_matrix((np.ones(len(behind[0]), np.float32), behind), shape=(len(runs), made.items + 1))
    counts: Scores = (wanted.multiply(rarity).tocsr() @ known.T @ came).toarray()
    return counts


def _pairs(runs: Ints, items: int) -> Any:
    """Return which pairs of an item and a later one are in each run, sparse float32 (runs, (items + 1) ** 2)."""
    first, second = np.triu_indices(runs.shape[1], 1)
    inside = (runs[:, first] != PADDING) & (runs[:, second] != PADDING)
    pairs = (runs[:, first] * (items + 1) + runs[:, second])[inside]
    ones = np.ones(len(pairs), np.float32)
    return sparse.csr_matrix((ones, (np.nonzero(inside)[0], pairs)), shape=(len(runs), (items + 1) ** 2))


def judged(scores: Any, requests: Requests) -> dict[str, float]:
    """Return the precision at 3 on each part of scores, float (users, items + 1), of all items."""
    return {part: precision(scores[request[0].numpy()], request) for part, request in requests.items()}


def precision(scores: Any, request: tuple[Tensor, ...]) -> float:
    """Return the precision at 3 of scores, float (users, items + 1), of the users of `request`."""
    ranking = FullRanking((3,))
    _, _, seen, held_out = request
    ranking.update(torch.from_numpy(np.ascontiguousarray(scores)), seen, held_out)
    return float(ranking.compute()["precision@3"])
