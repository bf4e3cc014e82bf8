"""The generated visits, and rankings by what follows what, against counts and loops."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from aibench.interactions.market import Market
from aibench.interactions.rows import Rows
from aibench.tasks.learning_to_rank.baseline import followed
from aibench.tasks.learning_to_rank.data import Data
from aibench.tasks.learning_to_rank.interactions import Interactions, later_part
from aibench.tasks.learning_to_rank.seasons import WEEKS, SeasonalMarket

SMALL = ("task=learning_to_rank", "data.users=400", "data.items=200", "data.interactions_per_user=20")


@pytest.fixture(scope="module")
def market():
    """Many users without tastes, whose first visits fall in two weeks; items 1 and 2 are wanted half a year apart."""
    users = 30_000
    fits = np.ones((WEEKS, 4))
    fits[:, 1] = np.where(np.arange(WEEKS) == 7, 1.0, 0.1)
    fits[:, 2] = np.where(np.arange(WEEKS) == 33, 1.0, 0.1)
    plain = Market(np.array([0.0, 1.0, 0.5, -0.5]), np.zeros((4, 1)), np.zeros((users, 1)))
    weeks = np.where(np.arange(users)[:, None] % 2, [[7, 33]], [[33, 7 + WEEKS]])
    return SeasonalMarket(plain, fits, weeks, np.full(users, 2))


def test_visits_have_the_probabilities_of_their_week_among_what_is_left(market):
    user, item = market.visits(seed=3)
    rows = Rows.of(user, item, 30_000)
    assert set(rows.lengths.tolist()) == {2}
    first, second = rows.values.reshape(-1, 2).T - 1
    for which, weeks in ((0, (33, 7)), (1, (7, 33))):
        mine = np.arange(len(first)) % 2 == which
        weights = np.exp([0.0, 1.0, 0.5, -0.5])
        chances = [weights * market.fits[week] for week in weeks]
        assert np.bincount(first[mine], minlength=4) / mine.sum() == pytest.approx(
            chances[0] / chances[0].sum(), abs=0.015
        )
        took = mine & (first == 0)
        left = np.where(np.arange(4) == 0, 0, chances[1])
        assert np.bincount(second[took], minlength=4) / took.sum() == pytest.approx(left / left.sum(), abs=0.02)


def test_a_users_weeks_go_on_by_up_to_two(composed):
    weeks = SeasonalMarket.drawn(composed(*SMALL).data).weeks
    assert Counter(np.diff(weeks, axis=1).ravel().tolist()).keys() == {0, 1, 2}
    assert np.diff(weeks, axis=1).mean() == pytest.approx(1, abs=0.03)


def test_what_is_expected_of_the_next_visits_is_how_often_they_happen(composed):
    """Two visits ahead, up to two weeks apart each, against draws of these weeks by another generator."""
    drawn = SeasonalMarket.drawn(composed(*SMALL, "data.interactions_per_user=8").data)
    user, item = drawn.visits(seed=0)
    made, one = Interactions.of(user, item, later_part(user)), np.array([5])
    seen, generator = made.train.row(5), np.random.default_rng(0)
    assert drawn.weeks.shape[1] == 10, "a fifth of it, two visits, lies ahead"
    now = drawn.weeks[5, len(seen) - 1]
    order = made.original - 1
    left = np.exp(drawn.market.utilities(one)[0][order])
    left[seen - 1] = 0
    chances, draws = np.zeros(len(order)), 4000
    for gaps in generator.integers(0, 3, size=(draws, 2)):
        for week in now + gaps.cumsum():
            weights = left * drawn.fits[week % WEEKS][order]
            chances += weights / weights.sum() / draws
    expected = drawn.expected(made, one)[0]
    assert expected[1:] == pytest.approx(chances, abs=0.005)
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
