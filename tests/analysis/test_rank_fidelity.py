"""The study of rank fidelity: what it measures, that it goes on where it stopped, and what it concludes."""

from __future__ import annotations

import csv
import dataclasses
import io

import numpy as np
import pytest
from rich.console import Console

from aibench.analysis.paper import SUBSET
from aibench.results.result import Measured, Status, dumped
from tests.conftest import ROOT, script

TASKS = [*SUBSET, *(f"task{number}" for number in range(7))]


@pytest.fixture(scope="module")
def study():
    return script("experiments/subset/rank_fidelity.py")


@pytest.fixture
def quiet():
    return Console(file=io.StringIO(), width=300)


@pytest.fixture
def machine(run):
    """`machine(speeds, failing)`: stands for this machine; system number i is `speeds[i]` times as fast."""

    def make(study, speeds, failing=()):
        random = np.random.default_rng(0)
        names = list(study.SYSTEMS)

        def train(system, task, seed, output):
            number = next(place for place, name in enumerate(names) if study.SYSTEMS[name] is system)
            if (names[number], task) in failing:
                return 1
            one = run(None, seed, task=task, session="steps", status=Status.completed)
            one.run_id = f"{number}-{task}-{seed}"
            of_task = speeds(number, task) if callable(speeds) else speeds[number]
            speed = Measured(500 * of_task * random.lognormal(0, 0.002), "samples/s")
            one.throughput = dataclasses.replace(one.throughput, training=speed)
            output.mkdir()
            (output / "result.json").write_text(dumped(one))
            return 0

        return train

    return make


def test_an_interrupted_measurement_goes_on_and_a_failed_run_is_not_tried_again(study, machine, quiet, tmp_path):
    names = list(study.SYSTEMS)[:3]
    work = list(study.missing(names, 2, tmp_path, TASKS))
    assert len(work) == 3 * 2 * len(TASKS)
    assert [name for name, *_ in work[:3]] == names  # the systems take turns
    train = machine(study, [1.0, 2.0, 3.0], failing=[(names[2], TASKS[4])])
    study.measure(work[:25], quiet, train)
    rest = list(study.missing(names, 2, tmp_path, TASKS))
    assert rest == work[25:]
    study.measure(rest, quiet, train)
    assert list(study.missing(names, 2, tmp_path, TASKS)) == []
    systems, lines = study.measured(tmp_path, TASKS)
    assert sorted(systems) == sorted(names[:2])
    assert f"{names[2]}: left out, no result of {TASKS[4]}." in lines


def test_systems_that_every_task_orders_alike_confirm_the_claim(study, machine, quiet, tmp_path):
    speeds = [1.1**number for number in range(len(study.SYSTEMS))]
    study.measure(study.missing(study.SYSTEMS, 2, tmp_path / "r", TASKS), quiet, machine(study, speeds))
    assert len(study.SYSTEMS) >= 8
    assert study.tables(tmp_path / "r", tmp_path / "o", tuple(TASKS[3:6]), TASKS, quiet) == 0
    text = (tmp_path / "o" / "rank_fidelity.md").read_text()
    assert (
        "That few tasks order systems as all 10 do is confirmed for the choice: 12 systems by seconds a sample" in text
    )
    assert "of 66 pairs of systems the suite decides 66, and the subset orders 0 of these the other way" in text
    with (tmp_path / "o" / "rank_fidelity.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["system"] for row in rows] == list(study.SYSTEMS)
    assert float(rows[1]["suite"]) == pytest.approx(1.1, rel=0.01)


def test_a_subset_whose_tasks_take_the_systems_otherwise_refutes_it(study, machine, quiet, tmp_path):
    def speeds(number, task):
        return 1.05 ** (-number if task in SUBSET else number)

    study.measure(study.missing(study.SYSTEMS, 2, tmp_path / "r", TASKS), quiet, machine(study, speeds))
    assert study.tables(tmp_path / "r", tmp_path / "o", tuple(TASKS[3:6]), TASKS, quiet) == 0
    text = (tmp_path / "o" / "rank_fidelity.md").read_text()
    assert "is confirmed for the choice" in text
    assert "is refuted for the paper's three" in text


def test_too_few_systems_are_said_to_be_so(study, quiet, tmp_path):
    assert study.tables(tmp_path / "none", tmp_path, SUBSET, TASKS, quiet) == 1
    assert "0 systems have all tasks, and it takes 3." in quiet.file.getvalue()


def test_the_choice_is_the_tables(study):
    chosen = study.choice(ROOT / "experiments" / "subset" / "table.csv")
    assert len(chosen) == 3
    first = (ROOT / "experiments" / "subset" / "table.md").read_text().split("Choice: ")[1].split(".")[0]
    assert first == ", ".join(chosen)
