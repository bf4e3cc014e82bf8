"""Predicts each word from those before it by counting, which is what a neural language model has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from aibench.text.vocabulary import BOS

Whole = NDArray[np.int64]
Real = NDArray[np.float64]
Sequences = Sequence[Sequence[int] | NDArray[Any]]


class _Level(NamedTuple):
    """Holds what was counted of the runs of one length.

    Attributes:
        runs: The code of each run, ascending, int64 (runs,).
        kept: Its count without the discount, float (runs,).
        contexts: The code of each run without its last word, ascending, int64 (contexts,).
        totals: The sum of the counts after each context, float (contexts,).
        freed: The sum of the discounts there, which is shared out by the shorter runs, float (contexts,).
    """

    runs: Whole
    kept: Real
    contexts: Whole
    totals: Real
    freed: Real


class KneserNey:
    """Estimates the next word's probability by interpolated modified Kneser-Ney (Chen & Goodman 1999, 3).

    The longest runs count as often as they occur, shorter ones as often as another word stands before them. One, two
    and more occurrences each have a discount, estimated from the counts. A word that follows no shorter run either has
    the same probability as any other word.

    Args:
        sequences: What is counted: words as indices, without a start.
        order: The length of the longest runs, 1 or more: 3 for a trigram.
        vocabulary: How many words there are; indices are below it.
    """

    def __init__(self, sequences: Sequences, order: int, vocabulary: int) -> None:
        assert vocabulary**order < 2**63, "the code of a run is an int64"
        self.order, self.vocabulary = order, vocabulary
        codes = self._codes(_padded_runs(sequences, order))
        runs, counts = np.unique(codes, return_counts=True)
        levels = [self._level(runs, counts)]
        for length in range(order - 1, 0, -1):
            runs, counts = np.unique(runs % vocabulary**length, return_counts=True)
            levels.insert(0, self._level(runs, counts))
        self.levels = levels  # from the shortest runs on

    def probabilities(self, sequences: Sequences) -> Real:
        """Return the probability of each word of `sequences` after those before it, float (words,), in order."""
        codes = self._codes(_padded_runs(sequences, self.order))
        found: Real = np.full(len(codes), 1 / self.vocabulary)
        for length, level in enumerate(self.levels, start=1):
            run = codes % self.vocabulary**length
            kept, _ = _looked_up(level.runs, run, level.kept)
            totals, is_known = _looked_up(level.contexts, run // self.vocabulary, level.totals)
            freed, _ = _looked_up(level.contexts, run // self.vocabulary, level.freed)
            found = np.where(is_known, (kept + freed * found) / np.where(is_known, totals, 1), found)
        return found

    def _codes(self, runs: Whole) -> Whole:
        """Return one number for each run, int64 (runs, order); its last word is the last digit."""
        codes: Whole = runs @ (self.vocabulary ** np.arange(self.order - 1, -1, -1, dtype=np.int64))
        return codes

    def _level(self, runs: Whole, counts: Whole) -> _Level:
        taken = _discounts(counts)[np.minimum(counts, 3)]
        contexts, of_run = np.unique(runs // self.vocabulary, return_inverse=True)
        totals, freed = (np.bincount(of_run, weights=weights).astype(np.float64) for weights in (counts, taken))
        return _Level(runs, counts - taken, contexts, totals, freed)


def _padded_runs(sequences: Sequences, order: int) -> Whole:
    """Return each word with the `order` - 1 before it, int64 (words, order); before the first words stands `BOS`."""
    start = [BOS] * (order - 1)
    joined = np.concatenate([np.asarray([*start, *words], dtype=np.int64) for words in sequences])
    lengths = np.array([len(words) + order - 1 for words in sequences])
    within = np.arange(len(joined)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    (ends,) = np.nonzero(within >= order - 1)
    runs: Whole = joined[ends[:, None] + np.arange(1 - order, 1)]
    return runs


def _discounts(counts: Whole) -> Real:
    """Return what is taken from a count of 0, 1, 2, and 3 or more (Chen & Goodman 1999, equation 26)."""
    one, two, three, four = (max(1, int((counts == times).sum())) for times in (1, 2, 3, 4))
    share = one / (one + 2 * two)
    each = [1 - 2 * share * two / one, 2 - 3 * share * three / two, 3 - 4 * share * four / three]
    return np.array([0.0, *(min(max(taken, 0.05), times - 0.05) for times, taken in enumerate(each, start=1))])


def _looked_up(keys: Whole, wanted: Whole, values: Real) -> tuple[Real, NDArray[np.bool_]]:
    """Return the values of `wanted` keys, 0 where there is none, and whether there is one."""
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    is_there = keys[places] == wanted
    return np.where(is_there, values[places], 0.0), is_there


def perplexity(probabilities: Real) -> float:
    """Return the perplexity of words that had these probabilities, float (words,)."""
    return float(np.exp(-np.log(probabilities).mean()))


__all__ = ["KneserNey", "perplexity"]
