"""A trained run serves, and its quality is measured again."""

from __future__ import annotations

import json

import pytest
from rich.console import Console

from aibench.composition.restore import restored
from aibench.config import ConfigError
from aibench.results.inference import read_inference
from aibench.results.result import ResultError
from aibench.serving.options import Kind, Options, parsed
from aibench.training.run import train
from tests.conftest import TINY


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a tiny run, and its result."""
    from aibench.composition.compose import composed

    folder = tmp_path_factory.mktemp("trained")
    return folder, train(composed([*TINY, "session=epochs", "epochs=2"]), folder, None, Console(quiet=True))


@pytest.mark.slow
def test_a_run_serves_in_every_scenario_and_keeps_its_quality(trained, command):
    folder, result = trained
    words = ("infer", f"run={folder}", "queries=20", "seconds=2", "scenario=single_stream,offline,server", "qps=20")
    done = command(*words, program="aibench")
    assert done.returncode == 0, done.stderr
    inference = read_inference(folder)
    assert [row.name for row in inference.scenarios] == ["single_stream", "offline", "server"]
    assert all(row.requests > 0 for row in inference.scenarios)
    assert inference.run_id == result.run_id
    assert inference.quality.served.value == pytest.approx(result.best_quality, abs=1e-6)
    assert inference.quality.difference == pytest.approx(0, abs=1e-6)
    energy = inference.scenarios[0].energy_per_request
    assert (energy.value is None) == (energy.reason is not None)
    assert "too few requests" in done.stdout


def test_a_lower_precision_is_evaluated_again(trained):
    from dataclasses import replace

    from aibench.results.result import BEST
    from aibench.serving.session import serve

    folder, result = trained
    options = replace(Options(scenarios=(Kind.single_stream,), queries=3), weights=folder / BEST)
    config = restored(result.config, ["hardware.precision=bf16"])
    inference = serve(config, options, result, Console(quiet=True))
    assert inference.precision == "bf16"
    assert inference.quality.served.value == pytest.approx(result.best_quality, abs=0.2)


def test_weights_of_another_model_are_refused_in_one_line(trained):
    from aibench.results.result import BEST
    from aibench.serving.session import Server

    folder, result = trained
    with pytest.raises(ConfigError, match=r"best\.ckpt: does not fit task=image_classification"):
        Server(restored(result.config, ["model.width=8"]), folder / BEST)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["scenario=streaming"],
            "scenario=streaming: no such scenario. One or more of: single_stream, offline, server.",
        ),
        (["queries=0"], "queries=0: must be at least 1."),
        (["qps=fast"], "qps=fast: not a number."),
        (["percentile=100"], "percentile=100: must be less than 100."),
    ],
)
def test_options_that_cannot_be_used_are_one_line(words, line):
    with pytest.raises(ConfigError) as caught:
        parsed(words)
    assert str(caught.value) == line


def test_a_folder_without_a_run_or_weights_is_one_line(command, tmp_path, trained):
    done = command("infer", f"run={tmp_path}", program="aibench")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    (tmp_path / "result.json").write_text((trained[0] / "result.json").read_text())
    done = command("infer", f"run={tmp_path}", program="aibench")
    holds = f"aibench: run={tmp_path}: holds neither best.ckpt nor last.ckpt."
    assert done.stderr == f"{holds} Give the folder of a run that was evaluated.\n"


def test_refusing_to_serve_imports_no_torch(command, tmp_path, trained):
    (tmp_path / "result.json").write_text((trained[0] / "result.json").read_text())
    done = command("infer", f"run={tmp_path}", program="aibench", PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 1
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines() if "import time:" in line}
    assert "hydra" in imported
    assert "torch" not in imported


def test_a_run_of_a_task_that_this_suite_does_not_have_is_refused(trained):
    with pytest.raises(ConfigError, match=r"^task=chess: no such task"):
        restored({**trained[1].config, "task": "chess"})


def test_a_file_that_is_no_serving_session_is_named(tmp_path):
    (tmp_path / "inference.json").write_text(json.dumps({"task": "x"}))
    with pytest.raises(ResultError, match=r"inference\.json: not a serving session"):
        read_inference(tmp_path)
