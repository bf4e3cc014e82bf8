"""How well a subset orders systems, against SciPy and with made-up systems whose order is known."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from aibench.analysis.runs.runs import of_result
from aibench.analysis.subset.fidelity import fidelity, kendall, spearman, systems_of
from aibench.analysis.subset.table import fidelity_in_words
from aibench.results.result import Measured

TASKS = tuple(f"task{number:02d}" for number in range(8))
SUBSET = TASKS[:3]
scores = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=12)


@pytest.fixture
def systems(run):
    """`systems(factors, noise, of_task)`: two runs of each task on systems of such speeds."""

    def make(factors, noise=0.001, of_task=None, repeats=2):
        random = np.random.default_rng(len(factors))
        found = {}
        for system, factor in enumerate(factors):
            runs = []
            for task in TASKS:
                more = (of_task or {}).get((system, task), 1.0)
                for seed in range(repeats):
                    one = run(None, seed, task=task)
                    one.run_id = f"{system}-{task}-{seed}"
                    speed = 500 * factor * more * random.lognormal(0, noise)
                    one.throughput = dataclasses.replace(one.throughput, training=Measured(speed, "samples/s"))
                    one.system = {**one.system, "cpu": f"Processor {system}"}
                    runs.append(of_result(one))
            found[f"system {system}"] = runs
        return found

    return make


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(scores)
def test_the_correlations_are_scipys(pairs):
    a, b = zip(*pairs, strict=True)
    if len(set(a)) == 1 or len(set(b)) == 1:
        assert kendall(a, b) is None
        assert spearman(a, b) is None
        return
    assert kendall(a, b) == pytest.approx(stats.kendalltau(a, b).statistic)
    assert spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)


def test_systems_that_differ_alike_in_every_task_are_ordered_by_any_subset(systems):
    found = fidelity(systems([1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0]), SUBSET)
    assert (found.quantity, len(found.tasks), len(found.others)) == ("seconds a sample", 8, math.comb(8, 3))
    assert (found.tau, found.rho, found.between, found.verdict) == (1, 1, (1, 1), "kept")
    assert found.as_good == 1
    assert found.whole == pytest.approx([1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0], rel=0.01)
    assert found.error == pytest.approx(1, abs=0.01)


def test_a_subset_that_the_systems_treat_unlike_the_others_loses_the_order(systems):
    """The subset's tasks are the slower the faster the others are."""
    factors = [1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.2, 2.4]
    against = {(system, task): 1 / factor**1.5 for system, factor in enumerate(factors) for task in SUBSET}
    found = fidelity(systems(factors, of_task=against), SUBSET)
    assert found.tau < 0
    assert found.verdict == "not kept"
    assert found.as_good > 0.9
    assert "Kendall's tau -" in fidelity_in_words(found)


def test_equal_systems_with_noise_leave_it_open(systems):
    found = fidelity(systems([1.0] * 8, noise=0.05), SUBSET)
    low, high = found.between
    assert high - low > 0.5
    assert found.verdict != "kept"
    assert fidelity(systems([1.0, 2.0, 3.0], repeats=1), SUBSET).between is None
    assert fidelity(systems([1.0, 2.0, 3.0], repeats=1), SUBSET).verdict == "open"


def test_the_scores_and_the_error_are_those_of_geometric_means(systems):
    found = fidelity(systems([1.0, 2.0, 3.0], noise=0.0, of_task={(1, TASKS[0]): 1.5}), SUBSET)
    assert found.whole == pytest.approx([1, 2 * 1.5 ** (1 / 8), 3])
    assert found.part == pytest.approx([1, 2 * 1.5 ** (1 / 3), 3])
    assert found.error == pytest.approx(1.5 ** (1 / 3 - 1 / 8))


def test_runs_are_parted_by_what_tells_the_systems_apart(systems):
    runs = [run for of in systems([1.0, 2.0, 3.0]).values() for run in of]
    assert sorted(systems_of(runs)) == [f"system.cpu=Processor {number}" for number in range(3)]
    assert fidelity(systems_of(runs[:16]), SUBSET).startswith("not known: all results are of one system")
    assert "share too few tasks" in fidelity(systems([1.0, 2.0]), ("another",))
