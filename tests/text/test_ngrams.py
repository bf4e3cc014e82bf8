"""N-grams against Kneser-Ney's formulas, counted by hand."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest

from aibench.text.ngrams import KneserNey, perplexity
from aibench.text.vocabulary import BOS

VOCABULARY = 12


@pytest.fixture
def sequences():
    """Sequences in which some words follow others more often."""
    generator = np.random.default_rng(4)
    chosen = generator.zipf(1.6, (60, 12)) % (VOCABULARY - 4) + 4
    return [row[: generator.integers(1, 13)].tolist() for row in np.sort(chosen, axis=1)]


def by_hand(sequences, order, word, before):
    """The probability by the recursion, with dictionaries."""
    longest = Counter()
    for words in sequences:
        filled = [BOS] * (order - 1) + words
        for at in range(order - 1, len(filled)):
            longest[tuple(filled[at - order + 1 : at + 1])] += 1
    counts = {order: longest}
    for length in range(order - 1, 0, -1):
        counts[length] = Counter(run[1:] for run in counts[length + 1])
    before = ([BOS] * order + before)[-(order - 1) :] if order > 1 else []
    return _recursive(counts, order, word, tuple(before))


def _recursive(counts, length, word, before):
    if length == 0:
        return 1 / VOCABULARY
    lower = _recursive(counts, length - 1, word, before[1:])
    each = Counter(counts[length].values())
    one, two, three, four = (max(1, each[times]) for times in (1, 2, 3, 4))
    share = one / (one + 2 * two)
    discounts = [0, 1 - 2 * share * two / one, 2 - 3 * share * three / two, 3 - 4 * share * four / three]
    discounts = [0, *(min(max(value, 0.05), times - 0.05) for times, value in enumerate(discounts[1:], start=1))]
    after = {run[-1]: count for run, count in counts[length].items() if run[:-1] == before}
    if not after:
        return lower
    taken = defaultdict(float, {other: discounts[min(count, 3)] for other, count in after.items()})
    return (after.get(word, 0) - taken[word] + sum(taken.values()) * lower) / sum(after.values())


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_probability_is_that_of_the_recursion(sequences, order):
    model = KneserNey(sequences, order, VOCABULARY)
    asked = [[5, 5, 6, 11], [7], [4, 9, 9]]
    expected = [by_hand(sequences, order, row[at], row[:at]) for row in asked for at in range(len(row))]
    assert model.probabilities(asked).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("order", [1, 2, 4])
def test_the_probabilities_of_all_words_sum_to_one_after_words_that_were_seen_and_others(sequences, order):
    model = KneserNey(sequences, order, VOCABULARY)
    for before in ([], [4], [4, 4, 5], [11, 3, 10]):
        every = [model.probabilities([[*before, word]])[-1] for word in range(VOCABULARY)]
        assert sum(every) == pytest.approx(1)
        assert min(every) > 0


def test_longer_runs_predict_a_text_with_a_pattern_better():
    text = np.tile([4, 5, 4, 6, 4, 7], 50)
    found = [perplexity(KneserNey([text], order, VOCABULARY).probabilities([text])) for order in (1, 2, 3)]
    assert found[0] > found[1] > found[2]
    assert found[2] < 1.1
