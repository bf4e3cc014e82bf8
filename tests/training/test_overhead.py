"""What the session adds to a plain loop is judged by pairs."""

from __future__ import annotations

import pytest

from tests.conftest import script

overhead = script("benchmarks/overhead.py")


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [
        ([1.01, 1.02, 1.0, 1.03, 1.01], "within"),
        ([1.09, 1.10, 1.08, 1.11, 1.10], "above"),
        ([0.9, 1.15, 1.02, 1.2, 0.95], "undecided"),
        ([1.049] * 3, "within"),
        ([1.2], "undecided"),
    ],
)
def test_the_verdict_on_a_task_follows_from_the_interval_of_its_pairs(ratios, expected):
    assert overhead.verdict(ratios) == expected


def test_an_undecided_task_gets_more_pairs_and_a_decided_one_does_not(monkeypatch):
    asked = []

    def measured(found):
        def pairs_of(task, *_):
            asked.append(task)
            return [(overhead.Session(one, 0.0), 1.0) for one in found]

        return pairs_of

    monkeypatch.setattr(overhead, "pairs_of", measured([0.9, 1.3, 1.0]))
    assert overhead.decided("a", 1, 3, [])[1] == "undecided"
    monkeypatch.setattr(overhead, "pairs_of", measured([1.3, 1.31, 1.3]))
    assert overhead.decided("b", 1, 3, [])[1] == "above"
    assert asked == ["a"] * overhead.AGAIN + ["b"]


def test_one_task_above_fails_all(capsys):
    assert overhead.judge({"a": "within", "b": "undecided"}) == 0
    assert overhead.judge({"a": "within", "b": "above"}) == 1
    assert "Above it: b." in capsys.readouterr().out
