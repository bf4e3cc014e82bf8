"""What runs cost, and what a subset saves."""

from __future__ import annotations

import dataclasses

import pytest
from typer.testing import CliRunner

from aibench.analysis.cost import table
from aibench.analysis.cost.cost import Tariff, costs, saving, totals
from aibench.analysis.cost.table import duration
from aibench.analysis.spread import corrected, runs_needed
from aibench.commands.app import app
from aibench.results.result import Measured

EPOCHS = (3.0, 4.0, 4.5, 5.5)


@pytest.fixture
def four(run):
    def make(task="image_classification", joules=None, epochs=EPOCHS, **fields):
        runs = [run(value, seed, task=task, **fields) for seed, value in enumerate(epochs, start=1)]
        for one in runs:
            one.energy.to_quality = Measured(joules, "J", "counter") if joules else one.energy.to_quality
        return runs

    return make


def test_time_energy_and_price_of_a_run(four):
    (cost,) = costs(four(joules=7.2e6), Tariff(hour=3.0, kwh=0.5))
    seconds = 12.0 * sum(EPOCHS) / 4
    assert cost.seconds == pytest.approx(seconds)
    assert cost.joules == 7.2e6
    assert cost.price == pytest.approx(3 * seconds / 3600 + 0.5 * 2)
    assert cost.epoch == pytest.approx(
        12.0 - sum(1 / value for value in EPOCHS) / 4
    )  # a second of set-up is no epoch's


def test_the_preparation_is_shown_beside_the_set_up_and_is_in_no_other_time(four):
    runs = four()
    (without,) = costs(runs, Tariff())
    for one in runs:
        one.times.preparation, one.times.total = 50.0, one.times.total + 50
    (cost,) = costs(runs, Tariff())
    assert (without.preparation, cost.preparation, cost.setup) == (0.0, 50.0, 1.0)
    assert (cost.epoch, cost.seconds) == (without.epoch, without.seconds)


def test_a_price_of_energy_without_energy_is_no_price_and_takes_none_of_the_time_away(four):
    (cost,) = costs(four(), Tariff(hour=3.0, kwh=0.5))
    assert (cost.joules, cost.why) == (None, "no sensor")
    assert cost.price == pytest.approx(3 * cost.seconds / 3600)
    assert "USD is of the time alone" in " ".join(table.costs([cost], Tariff(hour=3.0, kwh=0.5), 0.05).notes)
    (cost,) = costs(four(), Tariff(kwh=0.5))
    assert cost.price is None


def test_without_a_tariff_nothing_has_a_price_and_none_is_zero(four):
    found = costs(four(), Tariff())
    assert found[0].price is None
    shown = table.costs(found, Tariff(), 0.05)
    assert shown.rows[0][shown.heads.index("USD")] == "-"
    assert "none without --price-per-hour" in shown.legend


def test_a_task_that_varies_more_costs_more_runs(four):
    (cost,) = costs(four(), Tariff(), precision=0.1)
    cv = corrected(cost.variation.epochs.cv, 4)
    assert cost.runs == runs_needed(cv, 0.1)
    assert cost.of_all_runs("seconds") == pytest.approx(cost.runs * cost.seconds)
    (steady,) = costs(four(epochs=(4.0, 4.1, 4.2, 4.1)), Tariff(), precision=0.1)
    assert steady.runs < cost.runs


def test_runs_that_missed_cost_what_restarts_would(four, run):
    (cost,) = costs([*four(), run(None, 9)], Tariff())
    assert cost.biased
    missed = cost.variation.censored
    assert cost.seconds == pytest.approx(12.0 * missed.with_restarts)


def test_the_sum_and_the_saving_follow_from_the_tasks(four):
    found = costs(
        [*four(), *four("object_detection"), *four("recommendation", epochs=(30.0, 33.0, 31.0, 32.0))], Tariff()
    )
    (total,) = totals(found, ("image_classification", "object_detection"))
    by_task = {cost.variation.task: cost for cost in found}
    whole = sum(cost.seconds for cost in found)
    assert total.single["seconds"] == pytest.approx(whole)
    assert total.single["joules"] is None
    assert total.saving[0] == pytest.approx(by_task["recommendation"].seconds / whole)
    repeated = {task: cost.runs * cost.seconds for task, cost in by_task.items()}
    assert total.saving[1] == pytest.approx(repeated["recommendation"] / sum(repeated.values()))


def test_a_subset_with_a_task_that_is_not_there_saves_an_unknown_part():
    assert saving({"a": 1.0, "b": 3.0}, ["a"]) == 0.75
    assert saving({"a": 1.0, "b": 3.0}, ["c"]) is None
    assert saving({"a": 1.0, "b": None}, ["a"]) is None


def test_several_configurations_of_a_task_are_not_added(four, config):
    other = four(epochs=(7.0, 8.0), config=config("image_classification", 1, optim__lr=0.2))
    (total,) = totals(costs([*four(), *other, *four("object_detection")], Tariff()), ())
    assert total.left_out == {"image_classification": "2 configurations"}
    assert total.tasks == ["object_detection"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "-"), (2.345, "2.35 s"), (1200, "20 min"), (72_000, "20 h"), (0.0, "0 s")]
)
def test_durations_are_given_in_the_unit_that_suits_them(seconds, text):
    assert duration(seconds) == text


def test_the_command_prints_the_tables_and_writes_them(four, write, tmp_path):
    write(tmp_path / "runs", [*four(), dataclasses.replace(four("object_detection")[0])])
    words = ["cost", str(tmp_path / "runs"), "--price-per-hour", "3", "--csv", str(tmp_path / "c.csv")]
    done = CliRunner().invoke(app, [*words, "--markdown", str(tmp_path / "c.md")])
    assert done.exit_code == 0, done.output
    assert "object_detection: how many runs it needs is not known: one run." in " ".join(done.output.split())
    assert "seconds_of_all_runs" in (tmp_path / "c.csv").read_text()
    assert "Sums over the tasks" in (tmp_path / "c.md").read_text()
    assert CliRunner().invoke(app, ["cost", str(tmp_path / "none")]).exit_code == 1
    assert CliRunner().invoke(app, [*words, "--precision", "2"]).exit_code == 1
