"""Others' results, read from small files in their formats."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from aibench.analysis.published import dawnbench, mlperf
from aibench.analysis.published.foreign import ForeignError, as_result, summary
from aibench.analysis.runs.reader import read_runs
from aibench.analysis.variation.rows import variation
from aibench.commands.app import app
from aibench.results.result import Status, read_result

START = 1_700_000_000_000


def event(key, at=0.0, value=None, **metadata):
    """A line of MLPerf's log, `at` seconds after the start, as a launcher prints it."""
    fields = {
        "namespace": "",
        "time_ms": START + round(1000 * at),
        "event_type": "POINT_IN_TIME",
        "key": key,
        "value": value,
    }
    return f"0: node7 :::MLLOG {json.dumps({**fields, 'metadata': {'file': 'x.py', 'lineno': 1, **metadata}})}"


@pytest.fixture
def log(tmp_path):
    """`log(number, minutes, epochs)`: a log of a run."""

    def write(number, minutes, epochs=36, status="success"):
        lines = [
            "some other output",
            event("submission_benchmark", -60, "resnet"),
            event("submission_org", -60, "An organisation"),
            event("submission_platform", -60, "8xGPU"),
            event("submission_division", -60, "closed"),
            event("global_batch_size", -60, 256),
            event("seed", -50, number),
            event("run_start"),
            *(
                event("eval_accuracy", 60 * minutes * n / epochs, 0.76 * n / epochs, epoch_num=n)
                for n in range(4, epochs + 1, 4)
            ),
            event("run_stop", 60 * minutes, status=status),
        ]
        path = tmp_path / f"result_{number}.txt"
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


def test_a_log_gives_minutes_epochs_and_origin(log):
    run = mlperf.read(log(3, 13.27), "4.0")
    assert (run.suite, run.benchmark, run.organisation, run.platform, run.seed) == (
        "MLPerf 4.0",
        "resnet",
        "An organisation",
        "8xGPU",
        3,
    )
    assert run.seconds == pytest.approx(60 * 13.27)
    assert run.history[-1][0] == 36
    result = as_result(run)
    assert result.to_quality.epochs == 36
    assert result.to_quality.quantum == 4
    assert result.status is Status.converged


def test_the_score_is_mlperfs_olympic_mean(log):
    runs = [mlperf.read(log(number, minutes)) for number, minutes in enumerate([13.0, 13.2, 13.4, 13.6, 15.0])]
    assert summary(runs).rows[0][-1] == "13.400"
    runs[0] = mlperf.read(log(0, 13.0, status="aborted"))
    assert runs[0].seconds is None
    assert summary(runs).rows[0][-1] == "14.000"
    assert summary(runs).rows[0][4] == "4/5"


def test_evaluations_that_count_samples_become_epochs(tmp_path):
    lines = [
        event("submission_benchmark", -1, "a_language_model"),
        event("train_samples", -1, 1000),
        event("run_start"),
        event("eval_error", 30, 2.0, samples_count=500),
        event("eval_error", 60, 1.5, samples_count=1500),
        event("run_stop", 61, status="success"),
    ]
    (tmp_path / "result_0.txt").write_text("\n".join(lines))
    run = mlperf.read(tmp_path / "result_0.txt")
    assert run.history == [(0.5, 30.0, 2.0), (1.5, 60.0, 1.5)]
    assert (run.mode, run.metric) == ("min", "val/error")


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        ([], "no run_start among 0 lines"),
        ([event("run_start")], "no run_stop"),
        ([event("run_start"), event("run_stop", 1, status="success")], "no submission_benchmark"),
        ([":::MLLOG {broken"], "line 1: not JSON"),
        ([':::MLLOG {"key": "x"}'], "line 1: an event has a key and time_ms"),
    ],
)
def test_a_log_without_a_run_is_named(tmp_path, lines, wrong):
    path = tmp_path / "result_0.txt"
    path.write_text("\n".join(lines))
    with pytest.raises(ForeignError, match=wrong):
        mlperf.read(path)


ENTRY = {"version": "v1.0", "author": "Someone", "hardware": "1 GPU", "framework": "PyTorch", "model": "ResNet-50"}


@pytest.fixture
def entry(tmp_path):
    def write(
        text="epoch\thours\ttop1Accuracy\ttop5Accuracy\n1\t0.5\t50.1\t75.0\n2\t1.0\t70.2\t92.9\n3\t1.5\t75.3\t93.1\n",
    ):
        (tmp_path / "entry.json").write_text(json.dumps(ENTRY))
        (tmp_path / "entry.tsv").write_text(text)
        return tmp_path / "entry.tsv"

    return write


def test_an_entry_of_dawnbench_reaches_the_quality_of_its_rules(entry):
    run = dawnbench.read(entry())
    assert (run.suite, run.benchmark, run.platform, run.quality) == ("DAWNBench v1.0", "imagenet", "1 GPU", 0.93)
    assert run.seconds == 1.5 * 3600
    assert run.history[-1][2] == pytest.approx(0.931)
    assert dawnbench.read(entry(), 0.92).seconds == 3600
    assert dawnbench.read(entry().with_suffix(".json"), 0.99).status is Status.not_converged


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("epoch\thours\ttop5Accuracy\n", "no line after the header"),
        ("epoch\tminutes\ttop5Accuracy\n1\t2\t3\n", "looked for the columns epoch, hours"),
        ("epoch\thours\ttop5Accuracy\n1\tx\t3\n", "line 2: epoch, hours and top5Accuracy must be numbers"),
    ],
)
def test_a_table_that_is_no_entry_is_named(entry, text, wrong):
    with pytest.raises(ForeignError, match=wrong):
        dawnbench.read(entry(text))
    with pytest.raises(ForeignError, match=r"\.tsv and a \.json of one name"):
        dawnbench.read(entry().with_name("other.tsv"))


def test_imported_runs_stand_in_the_tables_as_another_suites(log, run, write, tmp_path):
    paths = [str(log(number, 13 + number, 36 + 4 * (number % 2))) for number in range(4)]
    out = tmp_path / "imported"
    done = CliRunner().invoke(app, ["import", "mlperf", *paths, "--version", "4.0", "--output", str(out)])
    assert done.exit_code == 0, done.output
    write(tmp_path / "own", [run(3.0, 1)])
    found = read_runs([out, tmp_path / "own"])
    assert found.faults == []
    rows = variation(found.runs)
    assert [(row.task, row.scale, row.converged) for row in rows] == [
        ("image_classification", "mini", 1),
        ("resnet", "published", 4),
    ]
    assert all(read_result(folder).suite_version == "MLPerf 4.0" for folder in out.iterdir())


def test_a_bad_file_among_good_ones_is_named_and_the_others_are_read(log, tmp_path):
    (tmp_path / "bad.txt").write_text("nothing")
    words = ["import", "mlperf", str(log(1, 13)), str(tmp_path / "bad.txt"), "--output", str(tmp_path / "out")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1
    assert "1 results in" in done.output
    assert "bad.txt: no run_start" in done.output
    assert CliRunner().invoke(app, ["import", "mlperf", str(tmp_path / "missing")]).exit_code == 1


def test_the_importer_loads_no_torch():
    code = "import sys, aibench.analysis.published.mlperf, aibench.analysis.published.dawnbench; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "torch" not in loaded
