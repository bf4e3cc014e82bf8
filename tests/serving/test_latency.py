"""Percentiles, and what the number of requests can say of them."""

from __future__ import annotations

import numpy as np
import pytest

from aibench.serving.latency import fewest, most_beyond, percentiles


def test_percentiles_are_numpys_of_the_inverted_distribution():
    latencies = np.random.default_rng(0).lognormal(size=997)
    for row in percentiles(latencies.tolist()):
        expected = np.percentile(latencies, row.percent, method="inverted_cdf")
        assert row.seconds == pytest.approx(expected)


def test_mlperfs_table_of_the_fewest_requests_is_met():
    # MLPerf Inference, early stopping with nothing beyond the bound: 459 requests for p99, 44 for p90.
    assert (fewest(0.99), fewest(0.9), fewest(0.5)) == (459, 44, 7)
    assert most_beyond(458, 0.99) is None
    assert most_beyond(459, 0.99) == 0
    assert most_beyond(662, 0.99) == 1  # the second entry of that table


def test_a_bound_holds_as_often_as_it_says():
    generator = np.random.default_rng(1)
    true = np.log(1 / (1 - 0.9))  # the 90th percentile of the unit exponential
    bounds = [percentiles(generator.exponential(size=300).tolist(), [90.0])[0].bound for _ in range(2000)]
    assert np.mean(np.array(bounds) >= true) >= 0.985


def test_too_few_requests_are_said_to_be_too_few():
    rows = {row.percent: row for row in percentiles([0.1] * 50)}
    assert rows[90.0].valid
    assert not rows[99.0].valid
    assert rows[99.0].bound is None
    assert rows[99.0].needed == 459
