"""Corpus perplexity against a sum of logarithms in Python, torchmetrics where that is right, and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torchmetrics.text import Perplexity

from aibench.metrics.perplexity import CorpusPerplexity, SamplePerplexity

PAD = 0


@pytest.fixture
def corpus():
    """Logits, float (12, 9, 30), and words, int64 (12, 9), of sentences that end in padding."""
    generator = np.random.default_rng(3)
    words = generator.integers(1, 30, (12, 9))
    words[np.arange(9) >= generator.integers(1, 10, 12)[:, None]] = PAD
    return torch.from_numpy(generator.normal(0, 3, (12, 9, 30))).float(), torch.from_numpy(words)


def measured(logits, words, *, ignore=PAD, at_once=12):
    metric = CorpusPerplexity(ignore)
    for start in range(0, len(words), at_once):
        metric.update(logits[start : start + at_once], words[start : start + at_once])
    return float(metric.compute())


def by_hand(logits, words, ignore):
    """One token after another, with Python's floats."""
    costs = []
    for row, word in zip(logits.reshape(-1, 30).tolist(), words.flatten().tolist(), strict=True):
        if word != ignore:
            costs.append(math.log(math.fsum(math.exp(value) for value in row)) - row[word])
    return math.exp(math.fsum(costs) / len(costs))


@pytest.mark.parametrize("at_once", [1, 5, 12])
@pytest.mark.parametrize("ignore", [PAD, None])
def test_equals_a_sum_over_single_tokens_however_they_are_batched(corpus, ignore, at_once):
    assert measured(*corpus, ignore=ignore, at_once=at_once) == pytest.approx(by_hand(*corpus, ignore), rel=1e-6)


def test_agrees_with_torchmetrics_where_no_probability_underflows(corpus):
    theirs = Perplexity(ignore_index=PAD)
    theirs.update(*corpus)
    assert measured(*corpus) == pytest.approx(float(theirs.compute()), rel=1e-5)


def test_a_guess_among_all_words_has_their_number_as_perplexity():
    assert measured(torch.zeros(2, 3, 30), torch.ones(2, 3, dtype=torch.int64)) == pytest.approx(30)


def test_a_token_of_vanishing_probability_costs_what_its_logits_say():
    logits = torch.zeros(1000, 2)
    logits[:, 0] = 1000.0
    words = torch.zeros(1000, dtype=torch.int64)
    words[7] = 1
    assert measured(logits, words, ignore=None, at_once=1000) == pytest.approx(math.e)


def test_counts_go_on_where_float32_stops():
    metric = CorpusPerplexity()
    metric.loss += 2.0**24 * math.log(2)
    metric.tokens += 2**24
    metric.update(torch.zeros(1, 2), torch.zeros(1, dtype=torch.int64))
    assert int(metric.tokens) == 2**24 + 1
    assert float(metric.compute()) == pytest.approx(2, rel=1e-12)


def test_logits_of_half_precision_are_summed_in_full(corpus):
    logits, words = corpus
    assert measured(logits.bfloat16(), words) == measured(logits.bfloat16().float(), words)


def test_no_token_gives_no_number():
    assert math.isnan(measured(torch.zeros(1, 2, 5), torch.full((1, 2), PAD)))


# By sample


@pytest.mark.parametrize("at_once", [1, 5, 12])
def test_the_perplexity_of_all_samples_is_that_of_the_corpus_and_each_has_its_own(corpus, at_once):
    logits, words = corpus
    metric, samples = SamplePerplexity(ignore=PAD), torch.arange(12) // 2  # two sentences each
    for start in range(0, 12, at_once):
        rows = slice(start, start + at_once)
        metric.update(logits[rows], words[rows], samples[rows, None])
    scores = metric.scores()
    assert len(scores) == 6
    assert scores.value(np.arange(6)) == pytest.approx(by_hand(*corpus, PAD), rel=1e-6)
    for sample in range(6):
        rows = slice(2 * sample, 2 * sample + 2)
        assert scores.value(np.array([sample])) == pytest.approx(by_hand(logits[rows], words[rows], PAD), rel=1e-6)


def test_samples_are_forgotten_once_they_are_told(corpus):
    metric = SamplePerplexity(ignore=PAD)
    metric.update(*corpus, torch.zeros(12, 1, dtype=torch.int64))
    assert len(metric.scores()) == 1
    assert len(metric.scores()) == 0
    assert math.isnan(metric.scores().value(np.arange(0)))
