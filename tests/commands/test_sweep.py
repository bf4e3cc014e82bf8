"""A sweep is one run a seed, a table from the files, and goes on after a crash; each by the commands a user types."""

from __future__ import annotations

import json

import pytest

from aibench.results.result import read_result
from tests.conftest import TINY

SHORT = (*TINY, "session=epochs", "epochs=1", "target.entire=0.0")

pytestmark = pytest.mark.slow


def test_a_sweep_prints_the_variation_and_going_on_skips_what_is_done(command, tmp_path):
    folder = tmp_path / "here" / "sweep"
    first = command("-m", *SHORT, "seed=1,2", "output=sweep")
    assert first.returncode == 0, first.stderr
    assert "Run-to-run variation" in first.stdout
    assert sorted(path.parent.name for path in folder.glob("*/result.json")) == [
        "0_image_classification_seed1",
        "1_image_classification_seed2",
    ]
    before = {path: path.read_bytes() for path in folder.glob("*/result.json")}
    second = command("-m", *SHORT, "seed=1,2,3", "output=sweep", "resume=auto")
    assert second.stdout.count("already completed; skipped.") == 2
    assert "3/3" in second.stdout
    assert all(path.read_bytes() == content for path, content in before.items())
    variation = command("variation", "sweep", "--csv", "table.csv", program="aibench")
    assert variation.returncode == 0
    assert variation.stdout.strip() in second.stdout
    assert (tmp_path / "here" / "table.csv").read_text().count("image_classification") == 1


def test_a_sweep_in_which_a_job_fails_still_prints_the_table_and_exits_with_1(command, tmp_path):
    answer = command("-m", *SHORT, "data.train_size=null", "data.batch_size=32,100000", "output=sweep")
    assert answer.returncode == 1
    assert "Run-to-run variation" in answer.stdout
    assert "1_image_classification_seed1: failed: data.batch_size=100000: larger than the" in answer.stdout
    assert read_result(tmp_path / "here" / "sweep" / "0_image_classification_seed1").status == "completed"


def test_an_experiment_sweeps_without_m(command, tmp_path):
    answer = command(*SHORT, "experiment=variance", "output=sweep")
    assert answer.returncode == 0, answer.stderr
    assert "4/4" in answer.stdout


@pytest.mark.parametrize(
    "launcher",
    [
        ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"),
        ("hydra/launcher=submitit_local", "hydra.launcher.timeout_min=60"),
    ],
    ids=lambda words: words[0],
)
def test_the_table_comes_from_files_under_every_launcher(launcher, command, tmp_path):
    answer = command("-m", *SHORT, "seed=1,2", "output=sweep", *launcher)
    assert answer.returncode == 0, answer.stderr
    assert "2/2" in answer.stdout
    assert not [path for path in (tmp_path / "here" / "sweep").rglob("*") if "%" in path.name]


def test_a_job_that_left_no_result_is_told_of(command, tmp_path):
    (tmp_path / "here" / "sweep" / "7_image_classification_seed9").mkdir(parents=True)
    answer = command("-m", *SHORT, "seed=1", "output=sweep")
    assert answer.returncode == 1
    assert "sweep/7_image_classification_seed9: left no result." in answer.stderr


def test_check_names_the_division_and_what_left_it(command, tmp_path):
    command(*SHORT, "output=run", "seed=5")
    answer = command("check", "run", program="aibench")
    assert answer.returncode == 0
    assert "division: open" in answer.stdout
    assert "left by data.train_size=192 (the suite's: 5120)" in answer.stdout
    assert "seed" not in answer.stdout.split("division")[1]
    path = tmp_path / "here" / "run" / "result.json"
    content = json.loads(path.read_text())
    content["to_quality"]["epochs"] = 9.0
    path.write_text(json.dumps(content))
    answer = command("check", "run", program="aibench")
    assert answer.returncode == 1
    assert "fault: to_quality.epochs: 9" in answer.stdout


def test_calibrating_proposes_what_every_seed_reached(command, tmp_path):
    words = ("data.train_size=192", "data.val_size=64", "data.batch_size=32", "target.max_epochs=5", "progress=false")
    answer = command(
        "calibrate", "task=image_classification", *words, "--seeds", "2", "--output", "c", program="aibench"
    )
    assert answer.returncode == 0, answer.stderr
    results = [read_result(path) for path in (tmp_path / "here" / "c").glob("*/result.json")]
    by_80_percent = min(max(row.metrics["val/accuracy"] for row in result.history[:8]) for result in results)
    (line,) = [line for line in answer.stdout.splitlines() if line.startswith("  entire:")]
    proposed = float(line.split(":")[1])
    assert by_80_percent - 0.01 < proposed <= by_80_percent
    assert "origin: calibrated" in answer.stdout


def test_a_sweep_over_two_ranks_is_as_many_runs_as_it_has_and_no_more(command, tmp_path):
    answer = command("-m", *SHORT, "seed=1,2", "hardware.devices=2", "output=sweep")
    assert answer.returncode == 0, answer.stdout + answer.stderr
    runs = sorted(path.name for path in (tmp_path / "here" / "sweep").iterdir() if path.name[0].isdigit())
    assert runs == ["0_image_classification_seed1", "1_image_classification_seed2"]
    for name in runs:
        result = read_result(tmp_path / "here" / "sweep" / name)
        assert (result.status, result.world.devices, len(result.ranks)) == ("completed", 2, 2)
    assert answer.stdout.count("Run-to-run variation") == 1
