"""Results of an older schema stay readable."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aibench.analysis.runs.reader import read_runs
from aibench.commands.app import app
from aibench.results.migration import NOT_MEASURED
from aibench.results.result import SCHEMA_VERSION, ResultError, dumped, read_result
from tests.analysis.conftest import made_up


@pytest.fixture
def old(tmp_path):
    """A result as schema 1 had it, and its path."""
    result = json.loads(dumped(made_up(3.0)))
    del result["times"]["split"], result["throughput"]["samples"], result["throughput"]["steps"], result["cost"]
    del result["estimate"], result["phases"][0]["units"]
    for name in ("step_flops", "uncounted", "use"):
        del result["model"][name]
    null = {"value": None, "reason": "not measured by this version of the suite", "method": None}
    result["model"]["mfu"], result["energy"], result["schema_version"] = {**null, "unit": "1"}, {**null, "unit": "J"}, 1
    path = tmp_path / "result.json"
    path.write_text(json.dumps(result))
    return path


def test_a_result_of_schema_1_is_read_with_nulls_for_what_it_did_not_measure(old):
    result = read_result(old)
    assert result.to_quality.epochs == 3.0
    assert result.times.split is None
    assert result.energy.total.reason == result.model.step_flops.reason == NOT_MEASURED
    assert result.schema_version == SCHEMA_VERSION


def test_a_damaged_result_of_schema_1_is_refused(old):
    old.write_text(old.read_text()[:200])
    with pytest.raises(ResultError, match="cut off or damaged"):
        read_result(old)


def test_an_older_result_has_the_preparation_in_its_set_up(tmp_path):
    result = json.loads(dumped(made_up(3.0)))
    del result["times"]["preparation"], result["crossings"], result["held_out"]
    result["schema_version"] = 2
    path = tmp_path / "result.json"
    path.write_text(json.dumps(result))
    times = read_result(path).times
    assert times.preparation is None
    assert times.setup == made_up(3.0).times.setup


# Results as each version of the schema wrote them: of the suite's studies, and of two ranks for the fourth.
STORED = sorted((Path(__file__).parent / "schemas").glob("*.json"))


def test_there_is_a_stored_result_of_every_schema():
    assert [int(path.stem) for path in STORED] == list(range(1, SCHEMA_VERSION + 1))
    assert [json.loads(path.read_text())["schema_version"] for path in STORED] == list(range(1, SCHEMA_VERSION + 1))


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_a_stored_result_of_an_older_schema_is_read_by_both_readers(path):
    written, result, found = json.loads(path.read_text()), read_result(path), read_runs([path], keep=True)
    assert found.faults == []
    (run,) = found.runs
    for one in (result, run):
        assert (one.run_id, one.seed, one.to_quality.epochs) == (
            written["run_id"],
            written["seed"],
            written["to_quality"]["epochs"],
        )
    assert result.schema_version == SCHEMA_VERSION
    assert len(result.history) == run.evaluations == len(written["history"]) > 0
    assert run.measured["throughput.training"].value == result.throughput.training.value
    assert (result.world is None) == (result.ranks == []) == (written.get("world") is None)


@pytest.mark.parametrize(
    "words",
    [
        *(["show"], ["show", "--history"], ["check"], ["variation"], ["cost"], ["paper"], ["sensitivity"], ["scaling"]),
        *(
            ["report"],
            ["report", "--html", "page.html", "--markdown", "page.md"],
            ["compare", "same"],
            ["rank", "same"],
        ),
    ],
    ids=" ".join,
)
def test_results_of_all_schemas_are_read_by_every_verb(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("all", "same"):
        for path in STORED:
            (tmp_path / folder / path.stem).mkdir(parents=True)
            (tmp_path / folder / path.stem / "result.json").write_bytes(path.read_bytes())
    verb, *rest = words
    places = [f"all/{path.stem}" for path in STORED] if verb == "show" else ["all"]
    for place in places:
        done = CliRunner().invoke(app, [verb, place, *rest])
        said = " ".join(done.output.split())
        assert "not a result" not in said
        if verb != "check":  # which compares with the suite's settings of today
            assert done.exit_code == 0, said
        else:
            assert "4 runs" in said
            assert said.count("fault:") == said.count("fault: division: the file says closed, and its configuration")
