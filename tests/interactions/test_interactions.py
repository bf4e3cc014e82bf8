"""Rows, filters, unseen items and tables against loops and counts."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from aibench.contract import DataError
from aibench.interactions.figure import recommendations
from aibench.interactions.filtering import frequent
from aibench.interactions.rows import Rows
from aibench.interactions.table import Format, Kind, line_of, read_table
from aibench.interactions.unseen import UnseenItems

LINES = Format({"user": Kind.whole, "score": Kind.number}, "::")


def rows(*lists):
    return Rows(np.concatenate([np.array(row, int) for row in lists]), np.cumsum([0, *map(len, lists)]))


def test_windows_are_all_runs_of_a_row_and_a_short_row_is_filled_up_in_front():
    owner, windows = rows([1, 2, 3, 4, 5], [6, 7], [8, 9, 10]).windows(3)
    assert owner.tolist() == [0, 0, 0, 1, 2]
    assert windows.tolist() == [[1, 2, 3], [2, 3, 4], [3, 4, 5], [0, 6, 7], [8, 9, 10]]


def test_the_last_items_of_a_row_are_filled_up_in_front_and_padded_rows_behind():
    ragged = rows([1, 2, 3, 4], [5], [6, 7])
    assert ragged.last(3).tolist() == [[2, 3, 4], [0, 0, 5], [0, 6, 7]]
    assert ragged.padded(np.array([2, 1])).tolist() == [[6, 7], [5, 0]]


def test_the_filter_leaves_the_largest_set_in_which_nothing_is_rare():
    generator = np.random.default_rng(0)
    pairs = np.unique(generator.zipf(1.6, size=(3000, 2)) % 90, axis=0)
    expected = {tuple(pair) for pair in pairs.tolist()}
    while True:
        users, items = (Counter(pair[side] for pair in expected) for side in (0, 1))
        fewer = {pair for pair in expected if users[pair[0]] >= 6 and items[pair[1]] >= 4}
        if fewer == expected:
            break
        expected = fewer
    left = frequent(pairs[:, 0], pairs[:, 1], 6, 4)
    assert 0 < len(expected) < len(pairs)
    assert {tuple(pair) for pair in pairs[left].tolist()} == expected


def test_negatives_are_unseen_and_all_unseen_items_are_equally_likely():
    seen = rows([1, 2, 9], [4, 10, 5, 6])
    drawn = UnseenItems(seen, items=10).draw(np.array([0, 1]), 70_000, np.random.default_rng(0))
    for user, unseen in ((0, [3, 4, 5, 6, 7, 8, 10]), (1, [1, 2, 3, 7, 8, 9])):
        items, counts = np.unique(drawn[user], return_counts=True)
        assert items.tolist() == unseen
        assert counts == pytest.approx([70_000 / len(unseen)] * len(unseen), rel=0.05)


# Tables


def test_a_table_is_read_whatever_separates_its_fields(tmp_path):
    path = tmp_path / "lines"
    for separator, header in (("::", None), ("\t", None), (r"\s+", None), (",", "who,what")):
        between = " \t" if separator == r"\s+" else separator
        lines = [*([header] if header else []), f"7{between}0.5", "", f"8{between}4"]
        path.write_text("\n".join(lines) + "\n")
        layout = Format(LINES.fields, separator, header)
        table = read_table(path, layout)
        assert (table["user"].tolist(), table["score"].tolist()) == ([7, 8], [0.5, 4.0])
        assert line_of(path, layout, 1) == len(lines)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("5", "1 fields where 2 belong (user, score)"),
        ("5::1::2", "3 fields where 2 belong"),
        ("five::1", "user 'five' is no whole number"),
        ("5::high", "score 'high' is no number"),
        ("\udcff::1", "user '\ufffd' is no whole number"),
    ],
)
def test_a_damaged_line_is_named_by_file_and_number(tmp_path, line, said):
    path = tmp_path / "lines.dat"
    path.write_text(f"1::2\n\n{line}\n4::5\n", encoding="utf-8", errors="surrogateescape")
    with pytest.raises(DataError) as error:
        read_table(path, LINES)
    assert str(error.value).startswith(f"{path}:3: {said}")


def test_another_header_and_an_empty_file_are_refused(tmp_path):
    path = tmp_path / "lines.csv"
    layout = Format(LINES.fields, ",", "who,what")
    path.write_text("1,2\n3,4\n")
    with pytest.raises(DataError, match=r"lines\.csv:1: '1,2' where the header 'who,what' belongs"):
        read_table(path, layout)
    path.write_text("who,what\n")
    with pytest.raises(DataError, match="holds no line"):
        read_table(path, layout)


def test_a_figure_counts_users_from_one_as_it_does_items():
    ones = torch.ones(2, 1, dtype=torch.int64)
    figure = recommendations(torch.tensor([0, 942]), ones, ones, ones, None, ranked="ranking")
    texts = [text.get_text().splitlines()[0] for text in figure.axes[0].texts]
    assert [text for text in texts if text.startswith("user")] == ["user 1", "user 943"]
