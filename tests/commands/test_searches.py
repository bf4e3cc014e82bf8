"""A search by Optuna goes by what a run returns, learns from runs that failed, and is refused before it begins."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import yaml

from aibench.config import Objective
from aibench.results.objective import objective, worst
from aibench.results.result import Status, ToQuality, read_result, write_result
from aibench.training.ending import Ending
from aibench.training.outcome import unstarted_result
from tests.conftest import TINY

OPTUNA = ("-m", "hydra/sweeper=optuna", "hydra.sweeper.n_jobs=1", "hydra.sweeper.sampler.seed=1")
SHORT = (*TINY, "session=epochs", "epochs=1")
SEARCHED = tuple(word for word in SHORT if not word.startswith("data.batch_size"))

REFUSED = {
    "an end that no run can have": (["optim.lr=interval(-1,1)"], "optim.lr=-1.0: must be greater than 0."),
    "a choice of the wrong type": (["optim.lr=choice(0.1,abc)"], "optim.lr: Value 'abc' of type 'str'"),
    "an unknown option": (["hardware=choice(cpu,tpu)"], "hardware=choice(cpu,tpu): no such option."),
    "an unknown key": (["optim.lrr=interval(1,2)"], "optim.lrr: no such key. Did you mean optim.lr?"),
    "nothing that could run": (["data.batch_size=choice(1000,2000)"], "data.batch_size=1000: larger than the 192"),
    "the wrong direction": (
        ["optim.lr=interval(0.1,0.2)", "hydra.sweeper.direction=minimize"],
        "hydra.sweeper.direction=minimize: objective=quality of task=image_classification wants maximize.",
    ),
    "the wrong direction of seconds": (
        ["seed=1,2", "objective=seconds", "hydra.sweeper.direction=maximize"],
        "hydra.sweeper.direction=maximize: objective=seconds of task=image_classification wants minimize.",
    ),
    "an unknown objective": (["objective=speed"], "objective: Invalid value 'speed', expected one of [quality, "),
    "a session without an evaluation": (["seed=1,2", "session=steps"], "objective=quality: session=steps evaluates"),
    "fail-fast": (["seed=1,2", "sweep.fail_fast=true"], "sweep.fail_fast=true: a search goes on after"),
    "values in a dictionary": (
        ["hydra.sweeper.params={optim.lr:interval(0.1,0.2)}"],
        "what a search takes values from is a word of its own. Write optim.lr=interval(...).",
    ),
    "tasks that are better in opposite directions": (
        ["task=choice(image_classification,image_compression,image_generation)"],
        "objective=quality: better when higher in some of these runs, and when lower in others.",
    ),
}


@pytest.mark.parametrize(("words", "said"), REFUSED.values(), ids=REFUSED)
def test_a_search_that_cannot_work_is_refused_in_one_line(words, said, told, tmp_path):
    answer = told(*OPTUNA, *SHORT, "hydra.sweeper.n_trials=2", *words)
    assert answer.returncode == 1
    assert said in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert answer.started == []
    assert list((tmp_path / "here").iterdir()) == []


def test_the_words_of_a_search_pass_the_checks_and_its_direction_is_that_of_the_metric(told, tmp_path):
    words = ("optim.lr=interval(0.001,0.003)", "data.batch_size=choice(16,32)", "seed=range(1,9)")
    answer = told(*OPTUNA, *SEARCHED, *words, "hydra.sweeper.n_trials=3", "output=study")
    assert len(answer.started) == 3, answer.stderr
    best = yaml.safe_load((tmp_path / "here" / "study" / "optimization_results.yaml").read_text())
    assert set(best["best_params"]) == {"optim.lr", "data.batch_size", "seed"}
    assert best["best_value"] == -math.inf, "nothing was trained: infinitely bad, where more is better"


def test_what_a_run_is_worth_is_in_its_result(composed, tmp_path):
    config = composed(*TINY)
    made = unstarted_result(config, Ending(Status.completed, None), "2026-01-01T00:00:00.000+00:00")
    reached = ToQuality(2.5, 480, 17.0, 15.0, 0.5)
    write_result(tmp_path, replace(made, quality=0.75, to_quality=reached))
    for kind, expected, lost in (
        (Objective.quality, 0.75, -math.inf),
        (Objective.epochs, 2.5, math.inf),
        (Objective.seconds, 17.0, math.inf),
    ):
        config.objective = kind
        assert objective(config, tmp_path) == expected
        assert worst(config) == lost
        assert objective(config, tmp_path / "nowhere") == lost
    write_result(tmp_path, replace(made, quality=None, to_quality=ToQuality(None, None, None, None, 0.5)))
    assert objective(config, tmp_path) == math.inf, "never its budget"
    config.objective = Objective.quality
    assert objective(config, tmp_path) == -math.inf


@pytest.mark.slow
def test_a_study_goes_on_after_a_refused_combination_and_ends_with_the_best_run(command, tmp_path):
    grid = ("hydra/sweeper/sampler=grid", "hydra.sweeper.n_trials=2", "hydra.sweeper.n_jobs=1")
    answer = command("-m", "hydra/sweeper=optuna", *grid, *SEARCHED, "data.batch_size=choice(32,1000)", "output=study")
    study = tmp_path / "here" / "study"
    results = {path.parent.name: read_result(path) for path in study.glob("*/result.json")}
    assert sorted(result.status for result in results.values()) == ["completed", "failed"], answer.stderr
    assert answer.returncode == 1, "a run failed, and the table says so"
    best = yaml.safe_load((study / "optimization_results.yaml").read_text())
    assert best["best_params"] == {"data.batch_size": 32}
    assert best["best_value"] == max(result.quality for result in results.values() if result.quality is not None)
