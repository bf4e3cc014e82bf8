"""Ranks items by counts of who took what: what one tries before a network is trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.decomposition import TruncatedSVD

from aibench.contract import Baseline
from aibench.interactions.rows import Ints, Rows

Scores = NDArray[np.float32]


def best(
    methods: Mapping[str, Mapping[str, Callable[[], Scores]]], judged: Callable[[Scores], dict[str, float]]
) -> Iterator[Baseline]:
    """Yield the quality of each method, with the setting that does best on `val`.

    Args:
        methods: What makes the scores of a method, by the words for its settings; no words where it has but one.
        judged: Returns the quality of scores on each part.
    """
    for name, settings in methods.items():
        found = [(said, judged(scores())) for said, scores in settings.items()]
        said, quality = max(found, key=lambda one: one[1]["val"])
        yield Baseline(name, quality, note=f"{said}, chosen on val" if said else "")


def table(rows: Rows, items: int) -> Any:
    """Return who took what, a sparse float32 matrix (users, items + 1) of zeros and ones; column 0 is no item."""
    users = np.repeat(np.arange(len(rows)), rows.lengths)
    ones = np.ones(len(users), np.float32)
    return sparse.csr_matrix((ones, (users, rows.values)), shape=(len(rows), items + 1))


def popularity(taken: Any) -> Scores:
    """Return how many users took each item, the same for each user, float32 (users, items + 1)."""
    counts = np.asarray(taken.sum(0), np.float32)
    return np.broadcast_to(counts, taken.shape)


def cosines(taken: Any, neighbours: int | None = None) -> Scores:
    """Return how alike items are, by the users that they share, float32 (items + 1, items + 1); 0 with themselves.

    Args:
        taken: The table of who took what that `table` makes.
        neighbours: How many neighbours of an item count; None for all.
    """
    counts = np.sqrt(np.maximum(np.asarray(taken.sum(0), np.float32).ravel(), 1))
    alike: Scores = (taken.T @ taken).toarray() / np.outer(counts, counts)
    np.fill_diagonal(alike, 0)
    if neighbours is not None and neighbours < len(alike):
        alike = np.where(alike >= np.partition(alike, -neighbours, axis=0)[-neighbours], alike, 0)
    return alike


def neighbours(taken: Any, count: int | None = None) -> Scores:
    """Return the sum of the cosines of each item with those that a user took, float32 (users, items + 1)."""
    scores: Scores = taken @ cosines(taken, count)
    return scores


def truncated_svd(taken: Any, rank: int, *, weighted: bool = True) -> Scores:
    """Return the scores of a truncated singular value decomposition, float32 (users, items + 1).

    Args:
        taken: The table of who took what that `table` makes.
        rank: How many singular vectors the approximation keeps.
        weighted: Whether the table's columns are divided by the roots of the items' counts, and its approximation
            multiplied by the fourth roots: where popularity says little, plain counts put popular items before
            everything else.
    """
    counts = np.asarray(taken.sum(0), np.float32).ravel() if weighted else np.ones(taken.shape[1], np.float32)
    roots = np.sqrt(np.maximum(counts, 1))
    model = TruncatedSVD(rank, random_state=0)
    users = model.fit_transform(taken @ sparse.diags(1 / roots).astype(np.float32))
    scores: Scores = (users @ model.components_ * np.sqrt(roots)).astype(np.float32)
    return scores


def regressed(taken: Any, penalty: float) -> Scores:
    """Return the scores of a ridge regression of each item on all others, float32 (users, items + 1).

    This is EASE (Steck, Embarrassingly Shallow Autoencoders for Sparse Data, WWW 2019), in closed form.
    """
    gram = (taken.T @ taken).toarray()
    gram[np.diag_indices_from(gram)] += penalty
    inverse = np.linalg.inv(gram)
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0)
    scores: Scores = taken @ weights
    return scores


def recent(rows: Rows, count: int, items: int) -> Any:
    """Return who took what within a user's last `count` items, as `table` has it."""
    last = rows.last(count)
    users = np.repeat(np.arange(len(rows)), (last > 0).sum(1))
    values: Ints = last[last > 0]
    return sparse.csr_matrix((np.ones(len(users), np.float32), (users, values)), shape=(len(rows), items + 1))
