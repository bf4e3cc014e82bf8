"""Where a history crosses a quality, by three rules."""

from __future__ import annotations

import pytest

from aibench.results.crossing import Crossings, crossings

POINTS = [(1.0, 0.2), (2.0, 0.6), (3.0, 0.4), (4.0, 0.7), (5.0, 0.8)]


def test_the_first_evaluation_counts_and_the_line_to_it_and_the_first_that_lasts():
    found = crossings(POINTS, 0.5, higher=True)
    assert (found.first, found.sustained) == (2.0, 4.0)
    assert found.interpolated == pytest.approx(1.75)


def test_where_lower_is_better_the_same_holds_of_the_mirrored_history():
    mirrored = [(epochs, -value) for epochs, value in POINTS]
    assert crossings(mirrored, -0.5, higher=False) == crossings(POINTS, 0.5, higher=True)


def test_a_session_that_ends_at_its_first_crossing_knows_no_sustained_one():
    assert crossings(POINTS[:2], 0.5, higher=True).sustained is None


def test_a_first_evaluation_that_reaches_it_has_no_line_to_interpolate_on():
    assert crossings(POINTS, 0.1, higher=True) == Crossings(1.0, 1.0, 1.0)


def test_a_missed_quality_and_no_quality_are_null():
    assert crossings(POINTS, 0.9, higher=True) == Crossings(None, None, None)
    assert crossings(POINTS, None, higher=True) == Crossings(None, None, None)


def test_values_count_after_a_miss_only_where_that_is_asked():
    points = [(1.0, 0.9), (2.0, 0.3), (3.0, 0.7), (4.0, 0.9)]
    assert crossings(points, 0.5, higher=True).first == 1.0
    assert crossings(points, 0.5, higher=True, missed_first=True).first == 3.0


def test_a_value_that_is_not_finite_reaches_nothing_and_starts_no_line():
    assert crossings([(1.0, None), (2.0, 0.7)], 0.5, higher=True) == Crossings(2.0, 2.0, None)
