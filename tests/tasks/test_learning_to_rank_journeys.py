"""The generated visits, and rankings by what follows what, against counts and loops."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from aibench.interactions.market import Market
from aibench.interactions.rows import Rows
from aibench.tasks.learning_to_rank.baseline import followed, followed_pairs
from aibench.tasks.learning_to_rank.data import Data
from aibench.tasks.learning_to_rank.interactions import Interactions, later_part
from aibench.tasks.learning_to_rank.journeys import TOWNS, Journeys, visits_ahead

SMALL = ("task=learning_to_rank", "data.users=400", "data.items=200", "data.interactions_per_user=20")


@pytest.fixture(scope="module")
def made_by_hand():
    """Many users without tastes, who are in two towns; items 1 and 2 are wanted half the ring apart."""
    users = 30_000
    fits = np.ones((TOWNS, 4))
    fits[:, 1] = np.where(np.arange(TOWNS) == 7, 1.0, 0.1)
    fits[:, 2] = np.where(np.arange(TOWNS) == 33, 1.0, 0.1)
    plain = Market(np.array([0.0, 1.0, 0.5, -0.5]), np.zeros((4, 1)), np.zeros((users, 1)))
    towns = np.where(np.arange(users)[:, None] % 2, [[7, 33]], [[33, 7]])
    return Journeys(plain, fits, np.ones(users, np.int64), towns, np.full(users, 2))


def test_visits_have_the_probabilities_of_their_town_among_what_is_left(made_by_hand):
    user, item = made_by_hand.visits(seed=3)
    rows = Rows.of(user, item, 30_000)
    assert set(rows.lengths.tolist()) == {2}
    first, second = rows.values.reshape(-1, 2).T - 1
    for which, towns in ((0, (33, 7)), (1, (7, 33))):
        mine = np.arange(len(first)) % 2 == which
        weights = np.exp([0.0, 1.0, 0.5, -0.5])
        chances = [weights * made_by_hand.fits[town] for town in towns]
        assert np.bincount(first[mine], minlength=4) / mine.sum() == pytest.approx(
            chances[0] / chances[0].sum(), abs=0.015
        )
        took = mine & (first == 0)
        left = np.where(np.arange(4) == 0, 0, chances[1])
        assert np.bincount(second[took], minlength=4) / took.sum() == pytest.approx(left / left.sum(), abs=0.02)


def test_half_of_the_users_go_each_way_by_one_or_two_towns_a_visit(composed):
    drawn = Journeys.drawn(composed(*SMALL).data)
    moves = np.diff(drawn.towns, axis=1) * drawn.ways[:, None] % TOWNS
    assert Counter(moves.ravel().tolist()).keys() == {1, 2}
    assert moves.mean() == pytest.approx(1.5, abs=0.03)
    assert Counter(drawn.ways.tolist()).keys() == {-1, 1}
    assert drawn.ways.mean() == pytest.approx(0, abs=0.15)


def test_the_towns_ahead_of_two_visits_are_counted_by_hand():
    """One visit is 1 or 2 ahead; the next is 2, 3 or 4, and 3 is twice as likely as either."""
    assert visits_ahead(2) == pytest.approx([0, 0.5, 0.5 + 0.25, 0.5, 0.25])


@pytest.mark.parametrize("user", [5, 6, 7, 8])
def test_what_is_expected_of_the_next_visits_is_how_often_they_happen(composed, user):
    """Two visits ahead, against draws of their towns by another generator."""
    drawn = Journeys.drawn(composed(*SMALL, "data.interactions_per_user=8").data)
    users, item = drawn.visits(seed=0)
    made, one = Interactions.of(users, item, later_part(users)), np.array([user])
    seen, generator = made.train.row(user), np.random.default_rng(0)
    assert drawn.towns.shape[1] == 10, "a fifth of it, two visits, lies ahead"
    assert set(drawn.ways[5:9].tolist()) == {-1, 1}
    now = drawn.towns[user, len(seen) - 1]
    order = made.original - 1
    left = np.exp(drawn.market.utilities(one)[0][order])
    left[seen - 1] = 0
    chances, draws = np.zeros(len(order)), 1000
    for moves in generator.integers(1, 3, size=(draws, 2)):
        for town in now + drawn.ways[user] * moves.cumsum():
            weights = left * drawn.fits[town % TOWNS][order]
            chances += weights / weights.sum() / draws
    expected = drawn.expected(made, one)[0]
    assert expected[1:] == pytest.approx(chances, abs=0.01)
    assert expected[seen].max() == expected[0] == 0


def test_generated_users_are_judged_in_one_half_and_test_in_the_other(composed):
    data = Data(composed(*SMALL))
    judged, tested = (set(data.dataset(part).users.tolist()) for part in ("val", "test"))
    assert judged == set(range(200))
    assert tested == set(range(200, 400))


def test_what_follows_an_item_is_counted_in_training_rows_alone():
    lists = [[1, 2, 3, 4], [2, 3], [4, 2, 3, 1]]
    user = np.repeat(np.arange(3), [4, 2, 4])
    items = np.concatenate(lists)
    made = Interactions.of(user, items, np.zeros(len(user), bool))
    for within in (1, 2):
        counts = np.zeros((5, 5))
        for row in lists:
            for place, before in enumerate(row):
                for after in row[place + 1 : place + 1 + within]:
                    counts[before, after] += 1
        shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        place = np.concatenate([[0], made.original])
        assert followed(made, within) == pytest.approx(shares[np.ix_(place, place)])


def test_what_follows_pairs_of_the_last_items_is_counted_run_by_run(monkeypatch):
    """Two items behind runs of three, with the pairs' rarity, against loops over runs and pairs."""
    monkeypatch.setattr("aibench.tasks.learning_to_rank.baseline.LAST", 3)
    monkeypatch.setattr("aibench.tasks.learning_to_rank.baseline.BEHIND", 2)
    lists = [[1, 2, 3, 4, 5], [2, 1, 3, 5, 4, 1], [4, 1, 2, 3, 5], [3, 5, 2, 4, 1]]
    user = np.repeat(np.arange(4), [len(row) for row in lists])
    made = Interactions.of(user, np.concatenate(lists), np.zeros(len(user), bool))
    rows = [made.train.row(user).tolist() for user in range(4)]
    runs = [row[at : at + 5] for row in rows for at in range(len(row) - 4)]
    known = [set(combinations(run[:3], 2)) for run in runs]
    often = Counter(pair for pairs in known for pair in pairs)
    expected = np.zeros((4, 6))
    for one, row in enumerate(rows):
        for run, pairs in zip(runs, known, strict=True):
            for pair in pairs & set(combinations(row[-3:], 2)):
                expected[one, run[3:]] += np.log1p(len(runs) / often[pair])
    assert expected.any()
    assert followed_pairs(made) == pytest.approx(expected, rel=1e-5)
