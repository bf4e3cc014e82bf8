"""Two sets of results: the ratio and its tests against SciPy and simulations, and what is said of them."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from aibench.analysis.comparison.comparison import compare
from aibench.analysis.comparison.ratio import fisher, holm, ratio, smallest_detectable
from aibench.analysis.comparison.reference_points import check, limits
from aibench.analysis.comparison.score import score
from aibench.analysis.comparison.table import convergence, differences, rows, scores
from aibench.analysis.runs.compared import CONVERGENCE, ENERGY, SPEED, TIME
from aibench.results.result import Measured, Status, Trust

PUBLISHED = [36, 37, 38, 36, 37, 38, 36, 37, 38, 39]  # the reference of mlperf_logging's own test
positive = st.lists(st.floats(0.5, 50), min_size=2, max_size=8)


@pytest.fixture
def side(run):
    """`side(factor, seeds=range(4), ...)`: runs whose seconds a sample are about `factor`."""

    def make(factor=1.0, seeds=range(4), task="image_classification", epochs=(3.0, 3.4, 3.2, 3.6, 3.1, 3.3), **fields):
        random = np.random.default_rng([len(task), *seeds])
        made = []
        for place, seed in enumerate(seeds):
            one = run(epochs[place % len(epochs)], seed, task=task, quantum=0.2, **fields)
            speed = 500 / factor * random.normal(1, 0.01)
            one.throughput = dataclasses.replace(one.throughput, training=Measured(speed, "samples/s"))
            one.to_quality.seconds *= factor * random.normal(1, 0.01)
            made.append(one)
        return made

    return make


def of(found, quantity):
    return next(row for row in found.rows if row.quantity is quantity)


# The ratio


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)  # of SciPy's import, on a busy machine
@given(positive, positive)
def test_the_test_is_scipys_welch_test_on_logarithms(a, b):
    if np.ptp(a) < 1e-3 or np.ptp(b) < 1e-3:
        return
    expected = stats.ttest_ind(np.log(b), np.log(a), equal_var=False)
    low, high = expected.confidence_interval(0.95)
    found = ratio(a, b)
    assert found.value == pytest.approx(stats.gmean(b) / stats.gmean(a))
    assert (found.low, found.high) == pytest.approx((math.exp(low), math.exp(high)), rel=1e-6)
    assert found.p == pytest.approx(expected.pvalue, abs=1e-9)
    assert found.degrees == pytest.approx(expected.df)


@pytest.mark.parametrize("count", [3, 5])
@pytest.mark.parametrize("cv", [0.01, 0.1])
def test_the_interval_covers_the_true_ratio_in_95_of_100_tries(count, cv):
    random = np.random.default_rng(count)
    covered = 0
    for _ in range(600):
        found = ratio(random.lognormal(0, cv, count), random.lognormal(math.log(1.1), 2 * cv, count))
        covered += found.low <= 1.1 <= found.high
    assert 0.93 < covered / 600 < 0.985


def test_the_smallest_visible_ratio_is_seen_in_80_of_100_tries():
    random = np.random.default_rng(0)
    typical = ratio(np.exp([-0.05, 0.05, -0.05, 0.05, 0.0]), np.exp([-0.05, 0.05, -0.05, 0.05, 0.0]))
    visible = smallest_detectable(typical, 0.05)
    spread = np.std([-0.05, 0.05, -0.05, 0.05, 0.0], ddof=1)
    seen = [
        ratio(random.lognormal(0, spread, 5), random.lognormal(math.log(visible), spread, 5)).p < 0.05
        for _ in range(600)
    ]
    assert np.mean(seen) == pytest.approx(0.8, abs=0.05)


def test_one_run_a_side_has_a_ratio_and_no_interval():
    found = ratio([2.0], [3.0, 3.1])
    assert found.value == pytest.approx(math.sqrt(3 * 3.1) / 2)
    assert (found.low, found.p, smallest_detectable(found, 0.05)) == (None, None, None)


def test_values_that_agree_on_a_coarse_grid_are_not_told_apart_by_one_step():
    assert ratio([16.0] * 4, [17.0] * 4).p < 0.001
    assert ratio([16.0] * 4, [17.0] * 4, 2.0, 2.0).p > 0.01


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holms_adjustment_rejects_what_stepping_down_rejects(values):
    adjusted = holm(values)
    order = sorted(range(len(values)), key=lambda place: values[place])
    rejecting = True
    for rank, place in enumerate(order):
        rejecting = rejecting and values[place] * (len(values) - rank) <= 0.05
        assert (adjusted[place] <= 0.05) == rejecting


@pytest.mark.parametrize("table", [(4, 0, 2, 2), (5, 5, 0, 10), (8, 0, 7, 1), (10, 0, 0, 10), (3, 1, 3, 1)])
def test_the_test_of_shares_is_scipys_fisher(table):
    expected = stats.fisher_exact([table[:2], table[2:]]).pvalue
    assert fisher(*table) == pytest.approx(expected)


# Verdicts


def test_a_slower_copy_is_slower_and_convergence_is_judged_apart(side):
    found = compare(side(), side(1.1, range(10, 14)))
    assert of(found, SPEED).verdict == "slower"
    assert of(found, SPEED).ratio.value == pytest.approx(1.1, rel=0.02)
    assert of(found, CONVERGENCE).verdict == "undecided"
    assert next(row.quantity.name for row in found.regressions) == "seconds a sample"
    assert of(compare(side(1.1), side(1.0, range(10, 14))), SPEED).verdict == "faster"


def test_identical_inputs_are_undecided(side):
    found = compare(side(), side())
    assert {row.verdict for row in found.rows} == {"undecided", "no value"}
    assert of(found, SPEED).ratio.value == 1


def test_of_two_hundred_comparisons_of_a_machine_with_itself_few_raise_an_alarm(run):
    random = np.random.default_rng(3)
    alarms = 0
    for _ in range(200):
        speeds = {task: random.lognormal(6, 0.03, 8) for task in "abc"}
        verdicts = []
        for speed in speeds.values():
            found = ratio(1 / speed[:4], 1 / speed[4:])
            verdicts.append(found.p)
        alarms += min(holm(verdicts)) <= 0.01
    assert alarms <= 6


def test_without_energy_the_reason_is_given(side):
    row = of(compare(side(), side()), ENERGY)
    assert (row.verdict, row.why) == ("no value", "no sensor")


def test_joules_are_compared_where_they_were_measured(side):
    joules = [[Measured(value, "J", "counter") for value in row] for row in ([90, 100, 110], [180, 200, 220])]
    sides = [side(seeds=range(3), epochs=(3.0, 3.2, 3.4)) for _ in joules]
    for runs, measured in zip(sides, joules, strict=True):
        for one, energy in zip(runs, measured, strict=True):
            one.energy.to_quality = energy
    assert of(compare(*sides), ENERGY).ratio.value == pytest.approx(2)


def test_another_target_or_other_samples_are_not_comparable_to_quality_and_named(side):
    other = side(1.0, range(10, 14))
    for one in other:
        one.target = dataclasses.replace(one.target, quality=0.8)
        one.trust = Trust("warn", ["busy"])
    found = compare(side(), other)
    assert of(found, TIME).verdict == "not comparable"
    assert of(found, SPEED).verdict == "undecided"
    lines = differences(found, 1)
    assert "quality: A 0.9, B 0.8" in lines
    assert "trust: A not judged, B warn" in lines


def test_a_task_that_one_side_lacks_is_said_and_lowers_the_score_of_none(side):
    both = [*side(), *side(task="object_detection")]
    found = compare(both, side(0.5, range(10, 14)))
    assert found.alone == ["object_detection mini entire: only A has it."]
    one = score(found, SPEED)
    assert one.value == pytest.approx(2, rel=0.02)
    assert (one.scored, list(one.missing)) == (["image_classification"], ["object_detection"])
    assert "not that of the whole suite" in scores({"B": [one]}).notes[0]


def test_two_configurations_on_one_side_are_refused_by_name(side, config):
    mixed = [*side(), *side(seeds=range(10, 14), config=config("image_classification", 1, optim__lr=0.2))]
    found = compare(mixed, side())
    assert "A holds 2 sets of runs that differ in optim.lr" in found.alone[0]
    assert found.rows == []


def test_runs_that_miss_are_compared_by_fishers_test(side, run):
    missing = [run(None, seed, quantum=0.2) for seed in range(20, 28)]
    found = compare(side(seeds=range(8)), [*missing, *side(seeds=range(30, 32))])
    row = next(row for row in found.rows if row.quantity.name == "runs that miss")
    assert row.ratio.p == pytest.approx(stats.fisher_exact([[8, 0], [2, 8]]).pvalue)
    assert row.why == "A 0, B 8"
    assert row.verdict == "slower"


def test_the_score_is_the_geometric_mean_with_the_interval_of_the_logarithms(side):
    tasks = ("image_classification", "object_detection", "recommendation")
    a = [one for task in tasks for one in side(task=task)]
    b = [one for place, task in enumerate(tasks) for one in side(2.0**place, range(10, 14), task)]
    one = score(compare(a, b), SPEED)
    assert one.value == pytest.approx(0.5, rel=0.02)
    assert one.ratio.low < one.value < one.ratio.high
    alone = [
        score(compare(side(task=task), side(2.0**place, range(10, 14), task)), SPEED)
        for place, task in enumerate(tasks)
    ]
    assert one.value == pytest.approx(stats.gmean([each.value for each in alone]))
    assert one.ratio.high / one.ratio.low < max(each.ratio.high / each.ratio.low for each in alone)


def test_a_unit_does_not_change_the_score(side):
    def scaled(runs, factor):
        for one in runs:
            one.throughput.training.value *= factor
        return runs

    ours = score(compare(side(), side(1.3, range(10, 14))), SPEED).value
    theirs = score(compare(scaled(side(), 7.0), scaled(side(1.3, range(10, 14)), 7.0)), SPEED).value
    assert theirs == pytest.approx(ours)


# Reference points


def test_the_published_example_of_mlperf_is_reproduced():
    mean, least, _ = limits(PUBLISHED, 5)
    assert mean == 37.125
    assert least == pytest.approx(35.909, abs=1e-3)
    found = check(PUBLISHED, [36, 36, 36, 36, 36])
    assert found.factor == pytest.approx(1.03125)
    assert found.verdict == "converges as the reference"


def test_the_limits_are_those_of_mlperfs_own_checker(tmp_path):
    from mlperf_logging.rcp_checker.rcp_checker import RCP_Checker

    record = {"Benchmark": "resnet", "BS": 256, "Hyperparams": {}, "Epochs to converge": list(PUBLISHED)}
    path = tmp_path / "rcps.json"
    path.write_text(json.dumps({"resnet_ref": record}))
    with path.open() as file:
        theirs = RCP_Checker("training", "4.0.0", "resnet", False, file).rcp_data["resnet_ref"]
    mean, least, _ = limits(PUBLISHED, 5)
    assert theirs["RCP Mean"] == mean
    assert theirs["Min Epochs"] == pytest.approx(least, abs=2e-4)


def test_both_directions_are_told_and_a_second_missed_run_is_infinite():
    assert check(PUBLISHED, [30] * 5).verdict == "faster than the reference"
    assert check(PUBLISHED, [45] * 5).verdict == "slower than the reference"
    assert check(PUBLISHED, [37, 37, 37, 37, math.inf]).verdict == "converges as the reference"
    assert check(PUBLISHED, [37, 37, 37, math.inf, math.inf]).submitted == math.inf


def test_a_reference_without_spread_lets_no_faster_mean_pass():
    assert check([4] * 10, [3.9] * 5).verdict == "faster than the reference"
    assert check([4] * 10, [4] * 5).verdict == "converges as the reference"


def test_too_few_runs_or_a_reference_that_missed_are_refused():
    with pytest.raises(ValueError, match="3 are needed"):
        check([4, 5], [4, 5, 6])
    with pytest.raises(ValueError, match="missed its target"):
        check([4, 5, math.inf], [4, 5, 6])
    with pytest.raises(ValueError, match="3 reference runs for 3: 6 are needed, 2 for each"):
        check([4, 5, 6], [4, 5, 6])


def test_the_check_serves_any_task_also_where_less_is_better(side):
    def less(runs):
        for one in runs:
            one.target = dataclasses.replace(one.target, mode="min")
        return runs

    found = compare(less(side(seeds=range(8))), less(side(seeds=range(10, 14))))
    (one,) = found.convergence.values()
    assert one.verdict == "converges as the reference"
    assert convergence(found).rows[0][0] == "image_classification"


# Tables and the command


def test_the_table_names_every_quantity_with_a_value(side):
    grid = rows(compare(side(), side(1.1, range(10, 14))))
    assert [row[1] for row in grid.rows] == ["seconds a sample", "epochs to quality", "seconds to quality"]
    assert "joules to quality: no sensor." in grid.notes[-1]
    assert len(grid.records) == 4
    assert [row[3] for row in grid.rows] == ["4, 4"] * 3
    assert [row[3] for row in rows(compare(side(), side(1.1))).rows] == ["4, 4", "4 pairs", "4 pairs"]
    assert "| image_classification | seconds a sample | " in grid.markdown()


def test_the_command_fails_on_a_regression_only_where_asked(side, write, tmp_path, capsys):
    from typer.testing import CliRunner

    from aibench.commands.app import app

    write(tmp_path / "a", side())
    write(tmp_path / "b", side(1.2, range(10, 14)))
    folders = [str(tmp_path / name) for name in "ab"]
    plain = CliRunner().invoke(app, ["compare", *folders, "--rcp", "--csv", str(tmp_path / "t.csv")])
    assert plain.exit_code == 0, plain.output
    assert "slower" in plain.output
    assert "smallest_detectable" in (tmp_path / "t.csv").read_text()
    strict = CliRunner().invoke(app, ["compare", *folders, "--fail-on-regression"])
    assert strict.exit_code == 1
    same = CliRunner().invoke(app, ["compare", folders[0], folders[0], "--fail-on-regression"])
    assert same.exit_code == 0
    assert CliRunner().invoke(app, ["compare", folders[0], str(tmp_path / "none")]).exit_code == 1


def test_a_reference_scores_both_sides(side, write, tmp_path):
    from typer.testing import CliRunner

    from aibench.commands.app import app

    for name, factor in (("a", 1.0), ("b", 0.5), ("r", 2.0)):
        write(tmp_path / name, side(factor, range(ord(name), ord(name) + 4)))
    words = ["compare", str(tmp_path / "a"), str(tmp_path / "b"), "--reference", str(tmp_path / "r")]
    output = CliRunner().invoke(app, words).output
    assert [line.split()[0] for line in output.splitlines() if "seconds a sample" in line and "of 1" in line] == [
        "A",
        "B",
    ]


def test_a_run_that_failed_leaves_the_comparison_of_the_others(side, run):
    failed = run(None, 9, status=Status.failed, data=None, throughput=None, history=[])
    assert of(compare([*side(), failed], side(1.1, range(10, 14))), SPEED).runs_a == 4
