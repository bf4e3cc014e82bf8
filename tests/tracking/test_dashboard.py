"""The W&B workspace in code, and the sweep whose program is train.py."""

from __future__ import annotations

import json

import pytest
import yaml
from typer.testing import CliRunner

from aibench.commands.app import app
from aibench.tracking.trackers import numbers
from tests.conftest import ROOT

pytest.importorskip("wandb_workspaces", reason="needs the extra `dashboards`")


@pytest.fixture
def without_key(monkeypatch, tmp_path):
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    return tmp_path / "workspace.json"


def test_without_a_key_the_definition_goes_to_a_file_that_says_what_it_shows(without_key):
    words = ["dashboard", "--project", "mine", "--output", str(without_key), "--tasks", "image_classification"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "No W&B API key: nothing was created" in done.output
    definition = json.loads(without_key.read_text())
    assert definition["project"] == "mine"
    sections = definition["spec"]["section"]["panelBankConfig"]["sections"]
    names = ["Quality", "Throughput", "Time split", "Energy", "Variation by group", "Media"]
    assert [section["name"] for section in sections] == names
    assert all(section["panels"] for section in sections)
    text = json.dumps(definition)
    for metric in (
        "quality/image_classification",
        "by_seconds/target/image_classification",
        "throughput/training",
        "times/setup",
        "epochs_to_quality",
    ):
        assert metric in text


def test_each_task_has_a_chart_of_its_own_with_its_target(without_key):
    tasks = "image_classification,spatial_transformer"  # of one metric, and of different targets
    done = CliRunner().invoke(app, ["dashboard", "--output", str(without_key), "--tasks", tasks])
    assert done.exit_code == 0, done.output
    (quality, *_) = json.loads(without_key.read_text())["spec"]["section"]["panelBankConfig"]["sections"]
    charts = [(panel["config"]["chartTitle"], panel["config"]["metrics"]) for panel in quality["panels"]]
    assert charts[::2] == [
        (f"{task}: accuracy and target by samples", [f"quality/{task}", f"target/{task}"]) for task in tasks.split(",")
    ]


def test_a_run_logs_what_the_charts_ask_for(composed):
    from aibench.tracking.values import by_task
    from tests.analysis.conftest import history

    (point,) = history(1.0, 1.0)
    config = composed("task=image_classification", "target.entire=0.75")
    assert by_task(point, config) == {"quality/image_classification": 0.9, "target/image_classification": 0.75}
    config = composed("task=image_classification", "session=epochs", "epochs=1", "target.entire=0.75")
    assert by_task(point, config)["target/image_classification"] == 0.75


def test_an_unknown_task_is_refused(without_key):
    done = CliRunner().invoke(app, ["dashboard", "--output", str(without_key), "--tasks", "nothing"])
    assert done.exit_code == 1
    assert "--tasks=nothing: no such task" in done.output
    assert not without_key.exists()


def test_the_panels_ask_for_numbers_that_a_run_logs(without_key):
    from aibench.tracking.dashboard import THROUGHPUT, TIMES
    from tests.analysis.conftest import made_up

    logged = numbers(made_up())
    assert {"times/setup", "times/split/forward", "throughput/training", "memory/process", "model/flops"} <= set(logged)
    assert "energy/total" not in logged, "a number that was not measured is left out"
    made = made_up()
    made.model.uncounted = {"aten.add": 12}
    assert not any("uncounted" in name for name in numbers(made))
    assert {*THROUGHPUT, *TIMES} <= set(logged)


def test_the_sweep_composes_the_run_that_an_agent_would_start(composed):
    sweep = yaml.safe_load((ROOT / "experiments" / "sweeps" / "learning_rate.yaml").read_text())
    assert (ROOT / sweep["program"]).is_file()
    chosen = {
        key: parameter["values"][0] if "values" in parameter else parameter["min"]
        for key, parameter in sweep["parameters"].items()
    }
    words = sweep["command"][sweep["command"].index("${program}") + 1 :]
    assert words[-1] == "${args_no_hyphens}"
    config = composed(*words[:-1], *(f"{key}={value}" for key, value in chosen.items()))
    assert (config.optim.lr, config.data.batch_size, config.seed) == (0.003, 32, 1)
    assert config.tracking.kind == "wandb"
    assert sweep["metric"]["name"] == "seconds_to_quality"
