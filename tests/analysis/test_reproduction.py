"""What references reached, beside the paper's qualities."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from aibench.analysis.reproduction.reproduction import reached, reproductions, table
from aibench.analysis.runs.record import parsed
from aibench.analysis.runs.runs import of_record
from aibench.commands.app import app
from aibench.results.data import Published
from aibench.results.result import Status, dumped, write_result
from tests.analysis.conftest import made_up


def run_of(seed, epochs, task="recommendation", differences=()):
    result = made_up(epochs, seed, task=task, run_id=f"{task}-{seed}")
    result.target.origin, result.scale, result.config["scale"] = "paper", "reference", "reference"
    result.best_quality = 0.9 + seed / 1000
    result.data.published = Published("MovieLens 100K", "an MD5 sum", list(differences))
    if epochs is None:
        result.status = Status.not_converged
    return result


def seen(results):
    return [of_record(parsed(dumped(result).encode()), keep=True) for result in results]


def test_all_runs_that_reach_it_on_the_published_files_reproduce_a_quality():
    found = reproductions(seen(run_of(seed, 8.0 + seed) for seed in (1, 2, 3)))
    assert reached(found) == ["recommendation"]
    assert found[0].best.mean == pytest.approx(0.902)
    assert "1 of the paper's 17 qualities" in table(found).notes[0]


def test_one_that_misses_is_counted_and_the_mean_is_restricted_to_the_budget():
    found = reproductions(seen([run_of(1, 4.0), run_of(2, 6.0), run_of(3, None)]))
    assert reached(found) == []
    (cells,) = table(found).rows
    assert "2/3" in cells
    assert any("(to " in cell for cell in cells)


def test_other_files_reproduce_nothing():
    found = reproductions(seen(run_of(seed, 4.0, differences=["999 users, published are 943"]) for seed in (1, 2)))
    assert reached(found) == []
    assert "other files" in table(found).rows[0]


def test_a_miniatures_runs_are_passed_over(tmp_path):
    result = made_up(3.0, 1)
    assert reproductions(seen([result])) == []
    write_result(tmp_path / "run", result)
    refused = CliRunner().invoke(app, ["paper", str(tmp_path)])
    assert refused.exit_code == 1
    assert "no run of a reference" in refused.output
