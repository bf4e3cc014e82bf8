"""Chooses which pictures make a batch and which pairs are verified. NumPy only, and no loop over pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def balanced_batches(labels: Indices, people: int, each: int, generator: np.random.Generator) -> Indices:
    """Draw batches of `each` pictures of each of `people` people, (batches, people * each).

    A picture is in one batch at most.

    A person's pictures are shuffled and dealt out `each` at a time. No person is in a batch twice: batches are made of
    everybody's first hand, then of everybody's second. What does not fill a hand or a batch is left out, a different
    part each time. How many batches there are depends on `labels` alone.

    Args:
        labels: Who each picture shows, int64 (pictures,), 0 or more.
        people: In a batch.
        each: Pictures of a person in a batch.
        generator: Decides everything random.
    """
    order = generator.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]  # by person, shuffled within
    counts = np.bincount(labels)
    place = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)  # among its person's pictures
    dealt = place < np.repeat(counts // each * each, counts)
    hands = order[dealt].reshape(-1, each)
    deal = place[dealt].reshape(-1, each)[:, 0] // each
    shuffled = generator.permutation(len(hands))
    shuffled = shuffled[np.argsort(deal[shuffled], kind="stable")]  # by deal, shuffled within
    sizes = np.bincount(deal)
    rank = np.arange(len(hands)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    kept = shuffled[rank < np.repeat(sizes // people * people, sizes)]
    batches: Indices = hands[kept].reshape(-1, people * each)
    return generator.permutation(batches)


def balanced_pairs(labels: Indices, count: int, folds: int, generator: np.random.Generator) -> Indices:
    """Draw pairs of pictures to verify, (pairs, 4): first, second, whether one person's, fold. Half are one person's.

    No pair comes twice. There are `count`, or as many as the pictures give; each fold has as many of either kind.

    Args:
        labels: Who each picture shows, int64 (pictures,); there are few enough that all pairs fit in memory.
        count: At most so many.
        folds: Parts of equal size.
        generator: Decides which.
    """
    first, second = np.triu_indices(len(labels), 1)
    same = labels[first] == labels[second]
    either = min(count // 2, int(same.sum()), int((~same).sum())) // folds * folds
    chosen = [generator.choice(np.flatnonzero(kind), either, replace=False) for kind in (same, ~same)]
    parts = [np.column_stack([first[kind], second[kind], same[kind], np.arange(either) % folds]) for kind in chosen]
    return np.concatenate(parts)


def random_triplets(labels: Indices, count: int, folds: int, generator: np.random.Generator) -> Indices:
    """Return the pairs in `count` random triplets, anchor with positive and with negative, as `balanced_pairs` does.

    Args:
        labels: Who each picture shows, int64 (pictures,); somebody has two pictures, and there are two people.
        count: Triplets.
        folds: Parts of equal size, or nearly.
        generator: Decides which.
    """
    order = np.argsort(labels, kind="stable")
    _, start, size = np.unique(labels[order], return_index=True, return_counts=True)
    start, size = np.repeat(start, size), np.repeat(size, size)  # those of each picture's person, in order
    anchor = generator.choice(np.flatnonzero(size > 1), count)
    start, size = start[anchor], size[anchor]
    positive = start + (anchor - start + 1 + generator.integers(0, size - 1)) % size
    negative = generator.integers(0, len(order) - size)
    negative += np.where(negative >= start, size, 0)  # past the anchor's own person
    fold = np.arange(count) % folds
    return np.concatenate(
        [
            np.column_stack([order[anchor], order[positive], np.ones(count, np.int64), fold]),
            np.column_stack([order[anchor], order[negative], np.zeros(count, np.int64), fold]),
        ]
    )
