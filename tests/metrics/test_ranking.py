"""The full ranking's metrics against a loop over users, scikit-learn and closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score, ndcg_score

from aibench.metrics.ranking import FullRanking

ITEMS = 60


@pytest.fixture
def requests():
    """Scores, seen and held-out items of 40 users, some without held-out items."""
    generator = np.random.default_rng(7)
    seen, held_out = [], []
    for user in range(40):
        items = generator.permutation(np.arange(1, ITEMS + 1))
        cut = generator.integers(1, 20)
        seen.append(items[:cut])
        held_out.append(items[cut : cut + (0 if user % 7 == 3 else generator.integers(1, 15))])
    return generator.normal(size=(40, ITEMS + 1)).astype(np.float32), seen, held_out


def padded(rows):
    return torch.nn.utils.rnn.pad_sequence([torch.as_tensor(row) for row in rows], batch_first=True)


def measured(scores, seen, held_out, **arguments):
    metric = FullRanking(**arguments)
    metric.update(torch.as_tensor(scores), padded(seen), padded(held_out))
    return {name: float(value) for name, value in metric.compute().items()}


def by_hand(scores, seen, held_out, k):
    """Sort each user's candidates, walk down the list."""
    rows = []
    for user, relevant in enumerate(held_out):
        if len(relevant) == 0:
            continue
        candidates = [item for item in range(1, ITEMS + 1) if item not in seen[user]]
        ranking = sorted(candidates, key=lambda item: -scores[user, item])
        gains = [1 if item in relevant else 0 for item in ranking]
        ideal = sum(1 / math.log2(place + 2) for place in range(min(k, len(relevant))))
        gained = sum(gain / math.log2(place + 2) for place, gain in enumerate(gains[:k]))
        precisions = [sum(gains[: place + 1]) / (place + 1) for place, gain in enumerate(gains) if gain]
        hits = sum(gains[:k])
        rows.append((hits / k, hits / len(relevant), gained / ideal, sum(precisions) / len(relevant)))
    return dict(zip((f"precision@{k}", f"recall@{k}", f"ndcg@{k}", "map"), np.mean(rows, axis=0), strict=True))


@pytest.mark.parametrize("k", [1, 3, 10, 30])
def test_every_metric_equals_a_walk_down_each_users_list(requests, k):
    assert measured(*requests, cutoffs=[k]) == pytest.approx(by_hand(*requests, k), abs=1e-6)


def test_batches_of_users_add_up(requests):
    metric = FullRanking()
    for rows in (slice(0, 1), slice(1, 9), slice(9, 40)):
        scores, seen, held_out = (part[rows] for part in requests)
        metric.update(torch.as_tensor(scores), padded(seen), padded(held_out))
    assert {name: float(value) for name, value in metric.compute().items()} == pytest.approx(measured(*requests))


def test_map_and_ndcg_agree_with_scikit_learn(requests):
    scores, seen, held_out = requests
    expected = []
    for user, relevant in enumerate(held_out):
        if len(relevant):
            candidates = np.setdiff1d(np.arange(1, ITEMS + 1), seen[user])
            truth, score = np.isin(candidates, relevant), scores[user, candidates]
            expected.append((average_precision_score(truth, score), ndcg_score([truth], [score], k=5)))
    ours = measured(*requests, cutoffs=[5])
    assert (ours["map"], ours["ndcg@5"]) == pytest.approx(tuple(np.mean(expected, axis=0)), abs=1e-6)


def test_the_padding_item_and_seen_items_take_no_place():
    scores = torch.tensor([[9.0, 8.0, 1.0, 7.0, 0.0]])
    assert measured(scores, [[1, 3]], [[2]], cutoffs=[1]) == {"precision@1": 1, "recall@1": 1, "ndcg@1": 1, "map": 1}


def test_a_constant_score_earns_less_than_chance(requests):
    _, seen, held_out = requests
    constant = measured(np.zeros((40, ITEMS + 1), np.float32), seen, held_out)
    generator = np.random.default_rng(0)
    chance = [measured(generator.random((40, ITEMS + 1), np.float32), seen, held_out) for _ in range(20)]
    assert constant["precision@3"] == 0
    for name, value in constant.items():
        assert value < np.mean([row[name] for row in chance])


def test_a_tie_puts_the_held_out_item_behind():
    scores = torch.tensor([[0.0, 5.0, 5.0, 5.0, 1.0]])
    assert measured(scores, [[]], [[2]], cutoffs=[2])["map"] == pytest.approx(1 / 3)


def test_held_out_items_of_equal_score_do_not_hinder_each_other():
    assert measured(torch.tensor([[0.0, 5.0, 5.0, 1.0]]), [[]], [[1, 2]], cutoffs=[2])["map"] == 1


def test_scores_that_are_not_numbers_earn_nothing():
    scores = torch.tensor([[0.0, float("nan"), 2.0, 1.0], [0.0, 3.0, float("nan"), 1.0]])
    values = measured(scores, [[], []], [[1], [3]], cutoffs=[1])
    assert values["precision@1"] == 0
    assert values["map"] < 0.5


def test_no_user_gives_no_number():
    assert math.isnan(measured(torch.zeros(1, 4), [[1]], [[]])["map"])
