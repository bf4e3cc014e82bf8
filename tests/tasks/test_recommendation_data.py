"""From flights and ratings to training pairs, held-out items and their candidates."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from fixtures.movielens import LAYOUTS, ratings, write_ratings

from aibench.composition.compose import composed
from aibench.config import ConfigError, Source
from aibench.contract import DataError
from aibench.tasks.recommendation.data import Data, Pairs
from aibench.tasks.recommendation.held_out import Interactions, draw_candidates

TASK = "task=recommendation"


@pytest.fixture(scope="module")
def references():
    """The reference's runs, by release: composing one takes longer than reading a small file."""
    synthetic = (TASK, "scale=reference", "data.source=synthetic", "session=epochs")
    choices = {"ml_100k": (), "ml_1m": ("data=recommendation/ml_1m",), "ml_20m": ("data=recommendation/ml_20m",)}
    return {release: composed((*synthetic, *choice)) for release, choice in choices.items()}


@pytest.fixture
def disk(references, tmp_path):
    """`disk(folder, release, key=value, ...)` is the data that `data.root=folder` gives."""

    def read(folder, release="ml_100k", **values):
        config = copy.deepcopy(references[release])
        given = {"candidates": 99, "complete": False, **values}
        for key, value in {
            "source": Source.disk,
            "root": str(folder),
            "cache": str(tmp_path / "cache"),
            **given,
        }.items():
            setattr(config.data, key, value)
        return Data(config)

    return read


@pytest.fixture
def few():
    """Four users with 3, 2, 9 and 4 of ten items."""
    lists = [[5, 1, 7], [2, 9], [1, 2, 3, 4, 5, 6, 7, 8, 9], [10, 9, 8, 7]]
    user = np.repeat(np.arange(4), [len(row) for row in lists])
    return Interactions.of(user, np.concatenate(lists), 10)


# Held-out items and candidates


def test_the_last_item_of_each_user_is_held_out(few):
    assert few.held_out.tolist() == [7, 9, 9, 7]
    assert [few.train.row(user).tolist() for user in (0, 1, 3)] == [[5, 1], [2], [10, 9, 8]]


def test_candidates_are_different_items_that_the_user_was_never_with_and_all_are_equally_likely(few):
    counts = np.zeros((4, 11))
    for seed in range(2000):
        users, items = draw_candidates(few, 4, np.random.default_rng(seed))
        assert users.tolist() == [0, 1, 3], "the third user has but one unseen item"
        for user, row in zip(users, items, strict=True):
            assert row[0] == few.held_out[user]
            assert len(set(row.tolist())) == 5
            counts[user, row[1:]] += 1
    for user in (0, 1, 3):
        unseen = sorted(set(range(1, 11)) - set(few.train.row(user).tolist()) - {int(few.held_out[user])})
        assert np.flatnonzero(counts[user]).tolist() == unseen
        assert counts[user, unseen] == pytest.approx([4 * 2000 / len(unseen)] * len(unseen), rel=0.08)


def test_of_two_left_out_the_last_is_tested_and_neither_is_a_candidate_of_the_other():
    lists = [[5, 1, 7], [3, 2, 9, 10], [1, 2, 3, 4, 5, 6]]
    user = np.repeat(np.arange(3), [len(row) for row in lists])
    made = Interactions.of(user, np.concatenate(lists), 10, with_test=True)
    assert [made.train.row(one).tolist() for one in range(3)] == [[5], [3, 2], [1, 2, 3, 4]]
    assert (made.held_out.tolist(), made.tested.tolist()) == ([1, 9, 5], [7, 10, 6])
    for part, wanted in (("val", made.held_out), ("test", made.tested)):
        users, items = draw_candidates(made, 4, np.random.default_rng(0), part)
        assert users.tolist() == [0, 1, 2]
        assert items[:, 0].tolist() == wanted.tolist()
        for one, row in zip(lists, items[:, 1:].tolist(), strict=True):
            assert not set(one) & set(row)


def test_users_are_drawn_for_in_parts_as_they_are_at_once(few, monkeypatch):
    whole = draw_candidates(few, 4, np.random.default_rng(0))
    monkeypatch.setattr("aibench.tasks.recommendation.held_out.KEYS_AT_ONCE", 22)
    for one, other in zip(draw_candidates(few, 4, np.random.default_rng(0)), whole, strict=True):
        assert np.array_equal(one, other)


# Training pairs


def test_every_interaction_is_followed_by_its_negatives(few):
    pairs = Pairs(few, negatives=3, size=None)
    users, items, labels = pairs.gather(torch.arange(len(pairs)))
    assert len(pairs) == 4 * len(few.train.values)
    assert labels.view(-1, 4).tolist() == [[1, 0, 0, 0]] * len(few.train.values)
    assert items[labels == 1].tolist() == few.train.values.tolist()
    for user, item in zip(users[labels == 0].tolist(), items[labels == 0].tolist(), strict=True):
        assert item not in few.train.row(user)
        assert 1 <= item <= 10


def test_the_held_out_item_is_a_negative_like_any_other(few):
    pairs = Pairs(few, negatives=1000, size=None)
    users, items, labels = pairs.gather(torch.arange(len(pairs)))
    of_first = items[(users == 0) & (labels == 0)]
    assert (of_first == 7).float().mean() == pytest.approx(1 / 8, rel=0.2)


def test_negatives_change_with_the_generator_and_only_with_it(few):
    pairs, drawn = Pairs(few, negatives=5, size=None), []
    for seed in (1, 1, 2):
        pairs.redraw(np.random.default_rng(seed))
        drawn.append(pairs.gather(torch.arange(len(pairs)))[1])
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_fewer_samples_are_the_first_ones(few):
    every, some = Pairs(few, 3, None), Pairs(few, 3, 10)
    assert len(some) == 10
    for index in (0, 4, 9):
        assert [float(value) for value in some[index]][::2] == [float(value) for value in every[index]][::2]


# Sources


@pytest.mark.parametrize("release", list(LAYOUTS))
@pytest.mark.parametrize("nested", [False, True])
def test_ratings_are_read_in_the_order_of_time_and_of_equal_times_in_that_of_lines(disk, tmp_path, release, nested):
    rows = ratings()
    write_ratings(tmp_path / release.replace("_", "-") if nested else tmp_path, release, rows)
    made = disk(tmp_path, release).interactions
    numbers = sorted({item for _, item, _, _ in rows})
    for place, user in enumerate(sorted({user for user, *_ in rows})):
        mine = [(time, line, item) for line, (owner, item, _, time) in enumerate(rows) if owner == user]
        expected = [numbers.index(item) + 1 for _, _, item in sorted(mine)]
        assert [*made.train.row(place).tolist(), made.held_out[place]] == expected
    assert made.items == len(numbers)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("4\t7\t3\n", "3 fields where 4 belong"),
        ("4\t7\t3\t88\t1\n", "5 fields where 4 belong"),
        ("4\tseven\t3\t88\n", "item 'seven' is no whole number"),
        ("4\t7\t\t88\n", "rating '' is no number"),
        ("4\t7\t6\t88\n", "rating 6 is above 5. Restore"),
        ("4\t7\t0\t88\n", "rating 0 is below 0.5. Restore"),
        ("0\t7\t3\t88\n", "user 0 is below 1. Restore"),
        ("4\t-7\t3\t88\n", "item -7 is below 1. Restore"),
        ("4\t\udcff\t3\t88\n", "item '\ufffd' is no whole number"),
        ("999\t7\t3\t88\n", "the only rating of user 999"),
    ],
)
def test_a_damaged_rating_is_named_by_file_and_line(disk, tmp_path, line, said):
    path = write_ratings(tmp_path, "ml_100k", ratings())
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:30], line, *lines[30:]]), encoding="utf-8", errors="surrogateescape")
    with pytest.raises(DataError) as error:
        disk(tmp_path)
    assert str(error.value).startswith(f"{path}:31: {said}")


def test_a_second_rating_of_the_same_item_is_named(disk, tmp_path):
    rows = ratings()
    path = write_ratings(tmp_path, "ml_20m", [*rows, rows[3]])
    with pytest.raises(DataError, match=rf"ratings\.csv:{len(rows) + 2}: user \d+ rates item \d+ a second time"):
        disk(path.parent, "ml_20m")


def test_a_file_that_is_cut_off_is_refused_by_its_counts(disk, tmp_path):
    write_ratings(tmp_path, "ml_100k", ratings())
    with pytest.raises(DataError, match=r"u\.data: 12 users, .* 240 ratings where ml_100k has 943 users, 1,682 items"):
        disk(tmp_path, complete=True)


def test_the_folder_of_another_release_is_refused_with_the_words_for_that(tmp_path):
    write_ratings(tmp_path, "ml_1m", ratings())
    with pytest.raises(ConfigError, match=r"looked for u\.data of ml_100k, found .*Set data=recommendation/ml_1m"):
        composed((TASK, "scale=reference", f"data.root={tmp_path}"))


def test_a_folder_without_ratings_is_refused_with_what_it_holds(tmp_path):
    (tmp_path / "ml-100k.zip").touch()
    with pytest.raises(ConfigError, match=r"looked for u\.data of ml_100k, found ml-100k\.zip\. Set data\.root"):
        composed((TASK, "scale=reference", f"data.root={tmp_path}"))


def test_more_candidates_than_there_are_items_are_refused(disk, tmp_path):
    write_ratings(tmp_path, "ml_100k", ratings())
    with pytest.raises(DataError, match=r"data\.candidates=999: no user has so many unseen items"):
        disk(tmp_path, candidates=999)


def test_what_was_read_is_counted(disk, tmp_path):
    write_ratings(tmp_path, "ml_100k", ratings())
    assert disk(tmp_path, candidates=20).verify() == [
        "train: 228 interactions of 12 users, 150 items",
        "val: 12 users with 21 candidates each",
    ]


def test_candidates_are_fixed_by_the_datas_seed_and_kept(disk, tmp_path):
    write_ratings(tmp_path, "ml_100k", ratings())
    first, again, other = (disk(tmp_path, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first.candidates, again.candidates)
    assert first.fingerprint() == again.fingerprint() != other.fingerprint()
    assert len(list((tmp_path / "cache").glob("candidates-*.npz"))) == 2
