"""How the variation answers to a target that moves, and to another quality of the same runs."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from aibench.analysis.runs.aimed import aimed
from aibench.analysis.runs.record import parsed
from aibench.analysis.runs.runs import of_record
from aibench.analysis.variation.rows import variation
from aibench.analysis.variation.sensitivity import sensitivities, table
from aibench.commands.app import app
from aibench.results.result import Evaluation, HeldOut, Measured, Status, ToQuality, dumped, write_result
from tests.analysis.conftest import configuration, made_up


def run_of(seed, values, error=0.01, quality=0.9):
    """A run of a whole budget with one evaluation an epoch."""
    config = configuration("image_classification", seed, session="epochs", target__quasi_entire=0.8)
    result = made_up(5.0, seed, config=config, run_id=f"run-{seed}")
    result.session, result.status = "epochs", Status.completed
    result.history = [
        Evaluation(float(place), place, place, 10.0 * place, 9.0 * place, "training", {result.target.metric: value})
        for place, value in enumerate(values, start=1)
    ]
    first = next((row for row in result.history if row.metrics[result.target.metric] >= quality), None)
    result.to_quality = ToQuality(first and first.epochs, None, first and first.seconds, None, 1.0)
    none = Measured(None, "1", reason="none")
    result.held_out = HeldOut(100, Measured(error, "1"), none, None, none)
    return result


def seen(result):
    return of_record(parsed(dumped(result).encode()), keep=True)


def test_a_target_moved_by_one_error_is_counted_in_the_same_histories():
    steep = [[0.1, 0.5, 0.895, 0.97, 0.99], [0.1, 0.885, 0.97, 0.98, 0.99], [0.1, 0.2, 0.5, 0.97, 0.99]]
    (row,) = sensitivities(seen(run_of(seed, values)) for seed, values in enumerate(steep, start=1))
    assert row.error == pytest.approx(0.01)
    assert row.at.values == (3.0, 4.0, 4.0)
    assert row.easier.values == (3.0, 3.0, 4.0), "0.89 is reached by 0.895 and not by 0.885"
    assert row.harder.values == (3.0, 4.0, 4.0)
    assert row.interpolated.values[0] == pytest.approx(2 + (0.9 - 0.885) / (0.97 - 0.885))


def test_a_variation_that_one_sample_decides_is_called_unsteady():
    flat = [[0.1, 0.895, 0.9, 0.9, 0.92], [0.1, 0.9, 0.9, 0.9, 0.92], [0.1, 0.5, 0.895, 0.895, 0.92]]
    (row,) = sensitivities(seen(run_of(seed, values)) for seed, values in enumerate(flat, start=1))
    assert row.is_steady is False
    assert "0 of 1 are steady" in table([row]).notes


def test_a_session_that_ended_at_its_target_shows_no_harder_one():
    results = [run_of(seed, [0.1, 0.5, 0.95]) for seed in (1, 2)]
    for result in results:
        result.session, result.config["session"] = "entire", "entire"
    (row,) = sensitivities(map(seen, results))
    assert row.harder is None
    assert row.is_steady is None


def test_runs_of_whole_budgets_give_the_variation_to_both_qualities():
    results = [run_of(seed, [0.5, 0.85, 0.95 - 0.1 * (seed == 2), 0.99]) for seed in (1, 2, 3)]
    rows = {name: variation(aimed(seen(result), name) for result in results)[0] for name in ("entire", "quasi_entire")}
    assert rows["entire"].epochs.values == (3.0, 3.0, 4.0)
    assert rows["quasi_entire"].epochs.values == (2.0, 2.0, 2.0)
    assert rows["quasi_entire"].session == "quasi_entire"
    assert rows["quasi_entire"].quality == 0.8


def test_a_quality_that_was_not_reached_is_missed_and_not_left_out():
    results = [run_of(seed, [0.5, 0.85, 0.95 - 0.1 * (seed == 2)]) for seed in (1, 2, 3)]
    (row,) = variation(aimed(seen(result), "entire") for result in results)
    assert (row.runs, row.converged, row.missed) == (3, 2, 1)


def test_the_verbs_read_a_folder_and_refuse_one_without_a_target(tmp_path):
    for seed in (1, 2, 3):
        write_result(tmp_path / f"runs/{seed}", run_of(seed, [0.5, 0.85, 0.9 + 0.01 * seed, 0.99]))
    found = CliRunner().invoke(app, ["sensitivity", str(tmp_path / "runs"), "--csv", str(tmp_path / "t.csv")])
    assert found.exit_code == 0, found.output
    assert (tmp_path / "t.csv").read_text().startswith("task,")
    quasi = CliRunner().invoke(app, ["variation", str(tmp_path / "runs"), "--at", "quasi_entire"])
    assert quasi.exit_code == 0, quasi.output
    assert "session=quasi_entire" in quasi.output
