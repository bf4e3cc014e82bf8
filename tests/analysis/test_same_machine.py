"""The study of a machine with itself: its splits, and that an alarm would be seen."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from aibench.analysis.comparison.comparison import compare
from aibench.analysis.runs.pooling import pools
from aibench.analysis.runs.runs import of_result
from aibench.results.result import Measured
from tests.conftest import script

TASKS = ("image_classification", "object_detection", "recommendation")


@pytest.fixture(scope="module")
def study():
    return script("experiments/comparison/same_machine.py")


@pytest.fixture(scope="module")
def found(run):
    """The pools of sixteen runs of each of three tasks, on one machine."""
    random = np.random.default_rng(0)
    made = []
    for task in TASKS:
        for seed in range(16):
            one = run(round(random.normal(4, 0.4), 1), seed, task=task, quantum=0.1)
            speed = Measured(500 * random.lognormal(0, 0.02), "samples/s")
            one.throughput = dataclasses.replace(one.throughput, training=speed)
            made.append(of_result(one))
    return pools(made)


def test_a_split_has_equal_sides_and_no_run_twice(study, found):
    a, b = study.sides(found, 1, 8)
    assert len(a) == len(b) == 8 * len(TASKS)
    assert not {run.run_id for run in a} & {run.run_id for run in b}
    assert study.sides(found, 1, 8)[0] == a != study.sides(found, 2, 8)[0]
    assert len(study.sides(found, 1, 3)[0]) == 3 * len(TASKS)


def test_eight_runs_against_eight_others_of_a_machine_are_silent(study, found):
    splits = [compare(*study.sides(found, seed, 8)) for seed in range(1, 31)]
    grid = study.table(study.tests(splits), 30, [8] * len(TASKS))
    assert sum(record["alarms"] for record in grid.records) <= 2  # two or more come once in 27 series of thirty
    assert {record["tested"] for record in grid.records} == {30, 90}
    assert all(record["share_below_5_percent"] < 0.2 for record in grid.records)


def test_an_alarm_is_counted_and_named(study, found, run):
    a, b = study.sides(found, 1, 8)
    slower = [dataclasses.replace(one, unpacked={"throughput.training": Measured(300.0 + one.seed, "")}) for one in b]
    grid = study.table(study.tests([compare(a, slower), compare(a, b)]), 2, [8] * len(TASKS))
    assert {record["tests"]: record["alarms"] for record in grid.records}["rows, seconds a sample"] == len(TASKS)
    assert grid.notes[0] == "1 of 2 splits raise an alarm."
    assert any("recommendation seconds a sample slower" in note for note in grid.notes)
