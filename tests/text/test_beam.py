"""The beam search against a search of every sequence."""

from __future__ import annotations

import itertools

import pytest
import torch

from aibench.text.beam import beam_search

WORDS, START, END = 5, 0, 1
BATCH = 3


@pytest.fixture
def table():
    """Log-probabilities of a word after the two before it, for each sample: (batch, words, words, words)."""
    logits = 2 * torch.randn(BATCH, WORDS, WORDS, WORDS, generator=torch.Generator().manual_seed(3))
    logits[..., START] = -torch.inf
    return logits.log_softmax(-1)


def searched(table, **arguments):
    """Search `table`. The state is the sample's number and the word before the last, in a nest of containers."""

    def step(words, state):
        (sample, (before,)) = state["sample"], state["rest"]
        return table[sample, before, words], {"sample": sample, "rest": (words,)}

    batch = len(table)
    state = {"sample": torch.arange(batch), "rest": (torch.full((batch,), START),)}
    return beam_search(step, state, batch=batch, start=START, end=END, **arguments)


def score(table, words, length_penalty):
    """Of a sequence without start and end, by the definition."""
    total, before, last = 0.0, START, START
    for word in (*words, END):
        total += float(table[before, last, word])
        before, last = last, word
    return total / ((5 + len(words) + 1) / 6) ** length_penalty


def every_sequence(longest):
    for length in range(longest + 1):
        yield from itertools.product([word for word in range(WORDS) if word not in (START, END)], repeat=length)


@pytest.mark.parametrize("length_penalty", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("longest", [1, 3, 4])
def test_a_wide_enough_beam_finds_the_best_of_all_sequences(table, longest, length_penalty):
    found = searched(table, beams=3**longest, longest=longest, length_penalty=length_penalty)
    for sample, words in enumerate(found):
        best = max(every_sequence(longest), key=lambda words: score(table[sample], words, length_penalty))
        assert tuple(words) == best


def greedy(table, longest):
    words, before, last = [], START, START
    while len(words) < longest:
        word = int(table[before, last].argmax())
        if word == END:
            break
        words.append(word)
        before, last = last, word
    return words


@pytest.mark.parametrize("length_penalty", [0.0, 5.0])
def test_one_beam_takes_the_likeliest_word_each_time(table, length_penalty):
    found = searched(table, beams=1, longest=6, length_penalty=length_penalty)
    assert found == [greedy(sample, 6) for sample in table]


@pytest.mark.parametrize("beams", [2, 3])
def test_more_beams_never_find_worse_than_greed_here_and_a_sample_does_not_depend_on_its_batch(table, beams):
    together = searched(table, beams=beams, longest=6, length_penalty=0.5)
    for sample in range(BATCH):
        (alone,) = searched(table[sample : sample + 1], beams=beams, longest=6, length_penalty=0.5)
        assert alone == together[sample]
        assert score(table[sample], alone, 0.5) >= score(table[sample], greedy(table[sample], 6), 0.5)


def test_a_sequence_may_be_empty_and_a_beam_wider_than_the_vocabulary():
    certain = torch.tensor([-torch.inf, 0.0, -torch.inf]).expand(2, 3)
    found = beam_search(lambda words, state: (certain, state), None, batch=2, beams=1, longest=4, start=0, end=1)
    assert found == [[], []]
    wide = torch.tensor([-2.0, -1.0, -0.5]).log_softmax(0).expand(8, 3)
    found = beam_search(lambda words, state: (wide, state), None, batch=1, beams=8, longest=2, start=0, end=1)
    assert found == [[]]


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("length_penalty", [0.0, 1.0])
def test_each_sample_may_have_a_limit_of_its_own(table, beams, length_penalty):
    limits = torch.tensor([2, 0, 5])
    together = searched(table, beams=beams, longest=limits, length_penalty=length_penalty)
    for sample, limit in enumerate(limits.tolist()):
        one = table[sample : sample + 1]
        assert [together[sample]] == searched(one, beams=beams, longest=limit, length_penalty=length_penalty)
        assert len(together[sample]) <= limit
