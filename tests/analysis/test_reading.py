"""What is read, what is left out by name, and what the light record keeps."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from aibench.analysis.runs.pooling import pools
from aibench.analysis.runs.reader import read_runs
from aibench.analysis.runs.record import UnreadableError, parsed
from aibench.analysis.runs.runs import of_record, of_result
from aibench.results.result import Measured, Status, dumped, read_results
from tests.conftest import ROOT


@pytest.fixture
def four(run):
    return [run(epochs, seed) for seed, epochs in enumerate([3.0, 4.0, 4.5, 5.5], start=1)]


def test_runs_are_those_of_the_whole_reader(four, write, tmp_path):
    write(tmp_path, four)
    found = read_runs([tmp_path])
    assert found.faults == []
    for run, result in zip(found.runs, read_results([tmp_path]), strict=True):
        assert (run.run_id, run.seed, run.status, run.to_quality) == (
            result.run_id,
            result.seed,
            result.status,
            result.to_quality,
        )
        assert run.trained_epochs == result.history[-1].epochs
        assert run.measured["throughput.training"] == result.throughput.training
        assert run.record is None


def test_several_processes_read_the_same(four, write, tmp_path):
    write(tmp_path, four)
    alone, together = read_runs([tmp_path], workers=1), read_runs([tmp_path], workers=2)
    assert together.runs == alone.runs
    assert len({id(run.traits) for run in together.runs}) == 1


def test_a_record_keeps_what_a_later_version_adds_and_needs_nothing_that_it_may_lack(run):
    text = json.loads(dumped(run(3.0, 1)))
    text["energy"] = {"total": {"value": 12.5, "unit": "J", "method": "counter"}, "scope": "GPU"}
    text["a_new_field"] = {"deep": 1}
    for name in ("throughput", "memory", "model", "times"):
        del text[name]
    found = of_record(parsed(json.dumps(text).encode()))
    assert found.measured["energy.total"] == Measured(12.5, "J", "counter")
    assert found.parameters is None


def test_a_file_of_any_name_is_read_where_it_is_given(run, tmp_path):
    path = tmp_path / "image_classification_seed1.json"
    path.write_text(dumped(run(3.0, 1)))
    assert len(read_runs([path]).runs) == 1
    assert len(read_runs([tmp_path]).runs) == 1, "the folder of a study"
    (tmp_path / "sweep").mkdir()
    (tmp_path / "sweep" / "result.json").write_text(dumped(run(3.0, 2)))
    assert [one.seed for one in read_runs([tmp_path]).runs] == [2], "a folder of runs may hold other files"


def test_a_folder_that_is_given_twice_or_lies_in_another_is_read_once(four, write, tmp_path):
    write(tmp_path / "a", four)
    assert len(read_runs([tmp_path, tmp_path / "a", tmp_path]).runs) == 4


def test_a_copied_folder_counts_once_without_a_word(four, write, tmp_path):
    write(tmp_path / "a", four)
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    found = read_runs([tmp_path])
    assert (len(found.runs), found.faults) == (4, [])


def test_of_two_results_with_one_run_id_that_which_trained_further_stays_and_the_other_is_named(run, write, tmp_path):
    early, late = run(None, 1, status=Status.interrupted), run(6.0, 1)
    early.run_id = late.run_id
    write(tmp_path, [early, late])
    found = read_runs([tmp_path])
    assert [one.status for one in found.runs] == [Status.converged]
    first, second = (tmp_path / name / "result.json" for name in "01")
    why = "which trained further or stands first, and is left out."
    assert found.faults == [f"{first}: has the run id {late.run_id} of {second}, {why}"]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("", "cut off or damaged"),
        ("[1]", "cut off or damaged"),
        ('{"schema_version": 99}', "schema version 99, and this suite reads 1 to"),
        ('{"schema_version": "x"}', "schema version x"),
        ('{"schema_version": 1}', "not a result: run_id"),
    ],
)
def test_what_cannot_be_read_says_why(text, wrong):
    with pytest.raises(UnreadableError, match=wrong):
        parsed(text.encode())


def test_a_value_of_the_wrong_type_is_named(run):
    text = json.loads(dumped(run(3.0, 1))) | {"seed": "many"}
    with pytest.raises(UnreadableError, match="not a result: seed"):
        parsed(json.dumps(text).encode())


def test_a_result_of_a_newer_schema_is_refused_though_it_could_be_read(run):
    text = json.loads(dumped(run(3.0, 1))) | {"schema_version": 99}
    with pytest.raises(UnreadableError, match="schema version 99"):
        parsed(json.dumps(text).encode())


def test_runs_that_differ_in_the_place_of_the_data_share_their_traits(run, config):
    a = of_result(run(3.0, 1, config=config("image_classification", 1, data__root="/a")))
    b = of_result(run(3.0, 2, config=config("image_classification", 2, data__root="/b")))
    assert a.traits is b.traits
    assert len(pools([a, b])) == 1


def test_the_analyses_load_neither_torch_nor_tasks():
    modules = [path.relative_to(ROOT).with_suffix("") for path in sorted((ROOT / "aibench" / "analysis").rglob("*.py"))]
    names = [".".join(path.parts) for path in modules]
    code = f"import sys, importlib\nfor name in {names!r}: importlib.import_module(name)\nprint(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert not {"torch", "pytorch_lightning", "hydra"} & set(loaded)
    assert not [name for name in loaded if name.startswith("aibench.tasks")]


@pytest.mark.slow
def test_the_benchmark_reads_every_result_that_it_wrote(tmp_path):
    command = [
        sys.executable,
        str(ROOT / "benchmarks" / "reading.py"),
        "--counts",
        "300,1200",
        "--folder",
        str(tmp_path),
    ]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert "1,200" in printed
