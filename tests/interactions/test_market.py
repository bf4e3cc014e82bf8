"""Generated choices against the probabilities of a logit, and rankings by counts against loops and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from aibench.interactions import baseline
from aibench.interactions.market import Market, uniforms, visits, whole_numbers
from aibench.interactions.rows import Rows


@pytest.fixture(scope="module")
def taken():
    """Forty users with some of twelve items, as a table and as rows."""
    lists = [np.random.default_rng(user).permutation(12)[: 3 + user % 5] + 1 for user in range(40)]
    rows = Rows.of(np.repeat(np.arange(40), [len(row) for row in lists]), np.concatenate(lists), 40)
    return baseline.table(rows, 12), rows


def test_random_numbers_stay_what_they_are():
    assert uniforms((3, 1), 3) == pytest.approx([0.2532530778502647, 0.4071971912819949, 0.3413675820391236], abs=1e-15)
    assert whole_numbers((3, 2), 1, 6, 8).tolist() == [1, 5, 5, 1, 1, 1, 3, 2]


def test_choices_have_the_probabilities_of_a_logit_among_what_is_left():
    """Users who all like item 2 more than popularity has it take first and second items as the formula says."""
    users, utilities = 40_000, np.array([0.5, 1.5, -0.5, 0.0])
    market = Market(np.array([0.5, 0.5, -0.5, 0.0]), np.array([[0.0], [0.5], [0.0], [0.0]]), np.full((users, 1), 2.0))
    user, item = visits(market, mean=3, seed=1)
    rows = Rows.of(user, item, users)
    assert set(rows.lengths.tolist()) == {2, 3, 4}
    weights = np.exp(utilities)
    first, second = rows.values[rows.offsets[:-1]] - 1, rows.values[rows.offsets[:-1] + 1] - 1
    assert np.bincount(first) / users == pytest.approx(weights / weights.sum(), abs=0.01)
    left = np.where(np.arange(4) == 1, 0, weights)
    assert np.bincount(second[first == 1], minlength=4) / (first == 1).sum() == pytest.approx(
        left / left.sum(), abs=0.01
    )


def test_nothing_is_taken_twice_and_the_seed_decides():
    market = Market.drawn(300, 50, 3, 1.0, seed=5)
    user, item = visits(market, mean=20, seed=5)
    assert len({*zip(user.tolist(), item.tolist(), strict=True)}) == len(user)
    assert item.min() >= 1
    assert item.max() <= 50
    again, other = visits(market, mean=20, seed=5), visits(market, mean=20, seed=6)
    assert np.array_equal(again[1], item)
    assert not np.array_equal(other[1][:100], item[:100])


def test_cosines_are_those_of_the_items_users(taken):
    table, rows = taken
    owners = [{user for user in range(40) if item in rows.row(user)} for item in range(13)]
    alike = baseline.cosines(table)
    for one in range(1, 13):
        for other in range(1, 13):
            both = len(owners[one] & owners[other]) / np.sqrt(len(owners[one]) * len(owners[other]))
            assert alike[one, other] == pytest.approx(0 if one == other else both, abs=1e-6)
    nearest = baseline.cosines(table, neighbours=2)
    assert ((nearest > 0).sum(0)[1:] >= 2).all()
    assert nearest[nearest > 0] == pytest.approx(alike[nearest > 0])


def test_each_item_is_regressed_on_the_others(taken):
    table, _ = taken
    dense, scores = table.toarray(), baseline.regressed(table, penalty=3.0)
    for item in (1, 7, 12):
        others = np.delete(dense, item, axis=1)
        model = Ridge(alpha=3.0, fit_intercept=False).fit(others, dense[:, item])
        assert scores[:, item] == pytest.approx(model.predict(others), abs=1e-4)


def test_a_factorisation_of_full_rank_gives_back_what_was_taken_in_order(taken):
    table, _ = taken
    counts = np.maximum(table.toarray().sum(0), 1)
    left, values, right = np.linalg.svd(table.toarray() / np.sqrt(counts), full_matrices=False)
    expected = (left[:, :4] * values[:4]) @ right[:4] * counts**0.25
    assert baseline.truncated_svd(table, 4) == pytest.approx(expected, abs=1e-3)


def test_recent_items_are_the_last_ones(taken):
    _, rows = taken
    for user, row in enumerate(baseline.recent(rows, 2, 12).toarray()):
        assert set(np.flatnonzero(row).tolist()) == set(rows.row(user)[-2:].tolist())
