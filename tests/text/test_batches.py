"""Batches of sequences of unlike lengths."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aibench.text.batches import Ragged, by_length, by_tokens, padded


@pytest.fixture
def lengths():
    return np.random.default_rng(0).geometric(0.1, size=1003)


def generator(seed=1):
    return np.random.default_rng(seed)


def test_short_sequences_are_filled_up():
    assert padded([[5, 6, 7], [], [8]]).tolist() == [[5, 6, 7], [0, 0, 0], [8, 0, 0]]
    assert padded([[5], np.array([6, 7], dtype=np.int16)], value=-1).tolist() == [[5, -1], [6, 7]]
    assert padded([]).shape == (0, 0)
    assert padded([[1]]).dtype == torch.int64


def test_sequences_are_gathered_as_a_loop_would():
    numbers = generator()
    sequences = [numbers.integers(1, 100, size=numbers.integers(0, 9)) for _ in range(50)]
    flat = np.concatenate(sequences).astype(np.uint16)
    ragged = Ragged(flat, np.cumsum([len(sequence) for sequence in sequences]))
    indices = torch.tensor([3, 3, 49, 0, 17])
    chosen = [torch.from_numpy(sequences[at]) for at in indices]
    expected = torch.nn.utils.rnn.pad_sequence(chosen, batch_first=True)
    assert torch.equal(ragged.gather(indices), expected)
    assert [ragged[at].tolist() for at in indices] == [sequence.tolist() for sequence in chosen]
    assert ragged.lengths.tolist() == [len(sequence) for sequence in sequences]


def test_batches_of_equal_size_hold_like_lengths(lengths):
    batches = by_length(lengths, 8, generator())
    assert len(batches) == 1003 // 8
    assert {len(batch) for batch in batches} == {8}
    assert len(set(np.concatenate(batches))) == 1000
    spread = np.mean([lengths[batch].max() - lengths[batch].mean() for batch in batches])
    mixed = np.split(generator().permutation(1003)[:1000], 125)
    assert spread < 0.2 * np.mean([lengths[batch].max() - lengths[batch].mean() for batch in mixed])


def test_no_batch_exceeds_its_tokens_and_none_could_take_one_more(lengths):
    batches = by_tokens(lengths, 200, generator())
    assert sorted(np.concatenate(batches)) == list(range(1003))
    expected, batch = [], []
    for length in sorted(lengths.tolist()):
        if (len(batch) + 1) * length > 200:
            expected.append(batch)
            batch = []
        batch = [*batch, length]
    assert sorted(sorted(lengths[batch].tolist()) for batch in batches) == sorted([*expected, batch])


def test_a_sequence_longer_than_the_budget_is_a_batch_of_its_own():
    batches = by_tokens(np.array([3, 50, 60, 3]), 10, generator())
    assert sorted(sorted(batch) for batch in batches) == [[0, 3], [1], [2]]


def test_a_batch_takes_no_more_sequences_than_asked_for(lengths):
    assert max(len(batch) for batch in by_tokens(lengths, 200, generator(), most=5)) == 5


@pytest.mark.parametrize("plan", [lambda *a: by_length(*a, pool=3), by_tokens])
def test_the_generator_decides_the_order_and_not_the_number(lengths, plan):
    one, same, other = (plan(lengths, 64, generator(seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert len(one) == len(other)
    assert not all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert sorted(map(len, one)) == sorted(map(len, other))


def test_no_sequences_make_no_batches():
    none = np.zeros(0, dtype=np.int64)
    assert by_length(none, 4, generator()) == by_tokens(none, 4, generator()) == []
