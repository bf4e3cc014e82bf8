"""Results of an older schema stay readable."""

from __future__ import annotations

import json

import pytest

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
