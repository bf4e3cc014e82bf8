"""Proposed targets follow from the histories by the stated rule."""

from __future__ import annotations

import pytest

from aibench.analysis.calibration import propose
from aibench.results.result import Status, Target


def calibrated(run, values, seed, missed_first=False, mode="max"):
    """A run of a whole budget whose evaluations gave `values`."""
    result = run(float(len(values)), seed, status=Status.completed, quantum=1.0)
    result.target = Target("val/accuracy", mode, None, "calibrated", missed_first)
    for evaluation, value in zip(result.history, values, strict=True):
        evaluation.metrics["val/accuracy"] = value
    return result


def test_the_worst_run_by_80_and_60_percent_of_the_budget_decides(run):
    rows = [[0.1, 0.3, 0.555, 0.62, 0.9], [0.2, 0.4, 0.5, 0.777, 0.7]]
    proposal = propose([calibrated(run, row, seed) for seed, row in enumerate(rows)])
    assert (proposal.entire, proposal.quasi_entire) == (0.62, 0.5)
    assert [row.evaluations for row in proposal.needed] == [4, 4]
    assert [row.last for row in proposal.needed] == [0.9, 0.7]


def test_where_less_is_better_the_greatest_decides(run):
    rows = [[9.0, 5.0, 3.01, 2.01, 1.0], [8.0, 6.0, 2.0, 2.5, 3.0]]
    proposal = propose([calibrated(run, row, seed, mode="min") for seed, row in enumerate(rows)])
    assert (proposal.entire, proposal.quasi_entire) == (2.1, 3.1)


def test_more_digits_keep_more_of_a_quality_that_does_not_fall_to_0(run):
    rows = [[1.9, 1.6, 1.444, 1.352, 1.3], [1.9, 1.5, 1.4, 1.3, 1.2]]
    proposal = propose([calibrated(run, row, seed, mode="min") for seed, row in enumerate(rows)], digits=3)
    assert (proposal.entire, proposal.quasi_entire) == (1.36, 1.45)


def test_values_before_the_worst_one_do_not_count_where_it_must_be_missed_first(run):
    rows = [[0.01, 0.6, 0.5, 0.35, 0.3], [0.02, 0.4, 0.7, 0.31, 0.3]]
    proposal = propose([calibrated(run, row, seed, True, "min") for seed, row in enumerate(rows)])
    assert (proposal.entire, proposal.quasi_entire) == (0.35, 0.7)
    assert [row.evaluations for row in proposal.needed] == [4, 4]


def test_what_a_seed_takes_is_what_a_session_with_the_proposed_quality_would_take(run):
    rows = [
        [0.01, 0.6, 0.2, 0.9, 0.5, 0.4, 0.31, 0.29, 0.2, 0.1],
        [0.02, 0.8, 0.7, 0.6, 0.5, 0.4, 0.35, 0.3, 0.2, 0.1],
    ]
    proposal = propose([calibrated(run, row, seed, True, "min") for seed, row in enumerate(rows)])
    assert proposal.entire == 0.3
    assert [row.evaluations for row in proposal.needed] == [3, 8], "the first dips once, and a session ends there"


def test_a_run_that_never_misses_what_it_had_to_miss_first_is_refused(run):
    with pytest.raises(ValueError, match=r"seed 3 never misses 0\.5: "):
        propose([calibrated(run, [0.5] * 5, 3, True, "min")])


def test_runs_that_did_not_complete_are_refused(run):
    unfinished = calibrated(run, [0.1, 0.2], 1)
    unfinished.status = Status.interrupted
    with pytest.raises(ValueError, match=r"seeds \[1\] did not complete"):
        propose([unfinished])
