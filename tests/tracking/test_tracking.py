"""Where the history goes besides `result.json`; W&B is read back from an offline run."""

from __future__ import annotations

import csv
import json
import os
import struct
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from aibench.config import ConfigError
from aibench.tracking.trackers import WandbTracking, lacking
from aibench.tracking.wandb_environment import NO_KEY, OVERRIDDEN, sweep_problem, wandb_mode
from aibench.training.run import train
from tests.conftest import ROOT, TINY

QUIET = Console(quiet=True)
WORDS = (*TINY, "session=epochs", "epochs=2")


@pytest.fixture(autouse=True)
def _a_service_of_its_own():
    """W&B keeps the address of its service in the environment, where it outlives the service of another test."""
    os.environ.pop("WANDB_SERVICE", None)
    yield
    if "wandb" in sys.modules:
        sys.modules["wandb"].teardown()
    os.environ.pop("WANDB_SERVICE", None)


@pytest.fixture
def tracked(composed, tmp_path, monkeypatch):
    """Runs a tiny session with `tracking=kind`."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)

    def run(kind: str, folder: str = "run", *words: str):
        (tmp_path / folder).mkdir()
        return train(composed(*WORDS, f"tracking={kind}", *words), tmp_path / folder, None, QUIET)

    return run


def test_csv_holds_the_history(tracked, tmp_path):
    result = tracked("csv")
    rows = list(csv.DictReader((tmp_path / "run" / "metrics.csv").open()))
    assert [int(row["samples"]) for row in rows] == [row.samples for row in result.history]
    assert [float(row["val/accuracy"]) for row in rows] == [row.metrics["val/accuracy"] for row in result.history]


def test_none_leaves_no_metrics(tracked, tmp_path):
    tracked("none")
    assert not (tmp_path / "run" / "metrics.csv").exists()


def test_tensorboard_holds_the_same_names_against_samples(tracked, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    result = tracked("tensorboard")
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    assert {"val/accuracy", "epochs", "seconds"} <= set(events.Tags()["scalars"])
    points = events.Scalars("val/accuracy")
    assert [point.step for point in points] == [row.samples for row in result.history]
    assert [point.value for point in points] == pytest.approx([row.metrics["val/accuracy"] for row in result.history])
    assert events.Tags()["images"] == ["figure"]


BLOCK = 32768  # an offline run is a LevelDB log: blocks of records, each crc (4), length (2), type (1), payload


def payloads(raw: bytes):
    """The records of a LevelDB log after W&B's header of 7 bytes; a record's parts are put together."""
    position, whole = 7, b""
    while position + 7 <= len(raw):
        if BLOCK - position % BLOCK < 7:  # no header fits: the rest of the block is padding
            position += BLOCK - position % BLOCK
            continue
        length, kind = struct.unpack_from("<HB", raw, position + 4)
        whole += raw[position + 7 : position + 7 + length]
        position += 7 + length
        if kind in (1, 4):  # a full record, or the last part of one
            yield whole
            whole = b""


def offline_run(folder: Path):
    """The records of the one offline W&B run in `folder`; its service may still be writing them."""
    from wandb.proto import wandb_internal_pb2

    (path,) = folder.rglob("*.wandb")
    while True:  # until it is ended: pytest's own limit tells of one that never is
        records = [wandb_internal_pb2.Record.FromString(payload) for payload in payloads(path.read_bytes())]
        if records and records[-1].HasField("exit"):
            return records
        time.sleep(0.1)


def test_wandb_gets_group_tags_config_axes_summary_and_figure(tracked, tmp_path):
    result = tracked("wandb", "run", "tracking.tags=[mine]")
    records = offline_run(tmp_path / "run")
    (run,) = [record.run for record in records if record.HasField("run")][:1]
    assert run.run_group == "image_classification-mini"
    assert run.job_type == "epochs"
    assert set(run.tags) == {"image_classification", "mini", "epochs", "mine"}
    assert run.run_id == result.run_id
    config = {item.key: json.loads(item.value_json) for item in run.config.update}
    assert config["seed"] == 1
    assert config["optim"]["lr"] == result.config["optim"]["lr"]
    axes = {
        metric.name or metric.glob_name: metric.step_metric
        for metric in (record.metric for record in records if record.HasField("metric"))
    }
    assert axes["val/*"] == "samples"
    assert axes["by_seconds/*"] == "seconds"
    logged = _history(records)
    assert [row["val/accuracy"] for row in logged if "val/accuracy" in row] == [
        row.metrics["val/accuracy"] for row in result.history
    ]
    assert [row["figure._type"] for row in logged if "figure._type" in row] == ["image-file"]
    summary = _summary(records)
    assert summary["quality"] == result.quality
    assert summary["status"] == "completed"
    assert summary["times/training"] == pytest.approx(result.times.training)
    assert summary["throughput/training"] == pytest.approx(result.throughput.training.value)
    assert any("evaluations._type" in row for row in logged)
    artifacts = [record.request.log_artifact.artifact for record in records if record.HasField("request")]
    artifacts += [record.artifact for record in records if record.HasField("artifact")]
    (kept,) = [artifact for artifact in artifacts if artifact.type == "result"]
    assert kept.name == f"result-{result.run_id}"
    assert [entry.path for entry in kept.manifest.contents] == ["result.json"]
    assert "target" in summary


def _key(item):
    return item.key or ".".join(item.nested_key)


def _history(records):
    rows = [record.history.item for record in records if record.HasField("history")]
    return [{_key(item): json.loads(item.value_json) for item in row} for row in rows]


def _summary(records):
    updates = [record.summary.update for record in records if record.HasField("summary")]
    return {_key(item): json.loads(item.value_json) for update in updates for item in update}


@pytest.fixture
def environment(monkeypatch):
    """Sets W&B's variables, and no others of its are there; W&B reads them anew."""
    import wandb

    wandb.teardown()  # first: it forgets its service, whose variable would come back with the others
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", "/nowhere")
    yield lambda **variables: [monkeypatch.setenv(f"WANDB_{name}", value) for name, value in variables.items()]
    wandb.teardown()


def started(config, folder, run_id):
    """The record that W&B keeps of an offline run with which nothing was done."""
    folder.mkdir()
    WandbTracking(config, folder, run_id).finish(None, folder)
    return next(record.run for record in offline_run(folder) if record.HasField("run"))


def test_wandbs_variables_are_overridden_or_win_as_documented(environment, composed, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    environment(
        CONSOLE="wrap",
        DIR=str(elsewhere),
        JOB_TYPE="theirs",
        MODE="online",
        NAME="theirs",
        QUIET="false",
        RESUME="must",
        RUN_GROUP="theirs",
        RUN_ID="theirs",
        SILENT="false",
        TAGS="theirs",
        NOTES="kept",
        PROJECT="theirs",
        ENTITY="them",
    )
    words = (*WORDS, "tracking=wandb", "tracking.mode=offline")
    first = started(composed(*words), tmp_path / "first", "first")
    second = started(composed(*words, "tracking.project=ours", "tracking.entity=us"), tmp_path / "second", "second")
    for run, run_id in ((first, "first"), (second, "second")):
        assert run.run_id == run_id
        assert run.display_name == "image_classification-mini-seed1"
        assert (run.run_group, run.job_type) == ("image_classification-mini", "epochs")
        assert list(run.tags) == ["image_classification", "mini", "epochs"]
        assert run.notes == "kept"
    assert [(run.project, run.entity) for run in (first, second)] == [("theirs", "them"), ("ours", "us")]
    assert not elsewhere.exists()
    assert os.environ["WANDB_RUN_ID"] == "theirs"
    documented = (ROOT / "docs" / "tracking.md").read_text()
    assert [name for name in (*OVERRIDDEN, "WANDB_NOTES", "WANDB_DISABLED") if f"`{name}`" not in documented] == []


def test_under_an_agent_its_run_is_the_run_and_no_second_one_takes_it(environment, composed, tmp_path):
    environment(SWEEP_ID="sweep1", RUN_ID="agents1", PROJECT="theirs", RESUME="must")
    config = composed(*WORDS, "tracking=wandb")
    run = started(config, tmp_path / "first", "ours")
    assert (run.run_id, run.sweep_id, run.project) == ("agents1", "sweep1", "theirs")
    with pytest.raises(ConfigError, match=r"^WANDB_RUN_ID=agents1: the W&B agent's run is taken already\."):
        WandbTracking(config, tmp_path / "first", "ours")
    assert sweep_problem(config, 1) is None
    assert "WANDB_SWEEP_ID=sweep1: a W&B agent starts one run at a time, and these words are 4" in sweep_problem(
        config, 4
    )
    assert sweep_problem(composed(*WORDS), 4) is None


KEY, NONE = {"API_KEY": "0" * 40}, {}
NO_USE = "contradicts tracking=wandb. Unset it, or use tracking=csv."


@pytest.mark.parametrize(
    ("asked", "variables", "mode"),
    [
        ("auto", NONE, "offline"),
        ("auto", KEY, "online"),
        ("auto", {"IDENTITY_TOKEN_FILE": "/a"}, "online"),
        ("auto", {**KEY, "MODE": "offline"}, "offline"),
        ("auto", {**KEY, "MODE": "dryrun"}, "offline"),
        ("auto", {**KEY, "MODE": "run"}, "online"),
        ("auto", {"MODE": "online"}, NO_KEY),
        ("auto", {"MODE": "disabled"}, f"WANDB_MODE=disabled: {NO_USE}"),
        ("auto", {"MODE": "ofline"}, f"WANDB_MODE=ofline: {NO_USE}"),
        ("auto", {"DISABLED": "true"}, f"WANDB_DISABLED=true: {NO_USE}"),
        ("auto", {"DISABLED": "false"}, "offline"),
        ("offline", {**KEY, "MODE": "online"}, "offline"),
        ("offline", {"MODE": "disabled"}, "offline"),
        ("online", {**KEY, "MODE": "disabled"}, "online"),
        ("online", {"MODE": "offline"}, NO_KEY),
    ],
)
def test_the_mode_is_the_words_else_the_environments_else_the_keys(environment, composed, asked, variables, mode):
    environment(**variables)
    config = composed(*WORDS, "tracking=wandb", f"tracking.mode={asked}")
    problems = list(lacking(config))
    assert problems == ([] if mode in ("online", "offline") else [mode])
    if not problems:
        assert wandb_mode(config) == mode


@pytest.mark.slow
def test_each_run_of_a_process_is_a_wandb_run_of_its_own(tracked, tmp_path):
    first, second = tracked("wandb", "first"), tracked("wandb", "second", "seed=2")
    ids = [
        next(record.run.run_id for record in offline_run(tmp_path / name) if record.HasField("run"))
        for name in ("first", "second")
    ]
    assert ids == [first.run_id, second.run_id]
    assert ids[0] != ids[1]


# Several trackers, Lightning's loggers, curves


def test_several_trackers_get_the_same_history(tracked, tmp_path, capfd):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    result = tracked("[csv,tensorboard,wandb]")
    folder = tmp_path / "run"
    rows = list(csv.DictReader((folder / "metrics.csv").open()))
    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    assert len(rows) == len(events.Scalars("val/accuracy")) == len(result.history)
    assert "_hparams_/session_start_info" in events.summary_metadata
    assert events.Scalars("result/quality")[0].value == pytest.approx(result.quality)
    offline = next(folder.glob("wandb/offline-run-*"))
    assert f"W&B, offline: {offline}; send it with: wandb sync {offline}" in capfd.readouterr().out


def test_a_lightning_logger_is_attached_by_its_class_without_code(tracked, tmp_path):
    target = "_target_:pytorch_lightning.loggers.CSVLogger"
    result = tracked(
        "csv",
        "run",
        f"+tracking.loggers.mine={{{target},save_dir:{tmp_path},name:theirs}}",
    )
    rows = list(csv.DictReader((tmp_path / "theirs" / "version_0" / "metrics.csv").open()))
    logged = [float(row["val/accuracy"]) for row in rows if row["val/accuracy"]]
    assert logged == pytest.approx([point.metrics["val/accuracy"] for point in result.history])
    assert (tmp_path / "run" / "metrics.csv").exists()


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["tracking=mlflow"], "tracking.loggers.mlflow: mlflow is not installed. Run: pip install mlflow"),
        (["tracking.kind=lightning"], "tracking.loggers: none."),
        (["+tracking.loggers.mine={a:1}"], "tracking.loggers.mine: no _target_."),
    ],
)
def test_a_logger_that_cannot_be_made_is_named(words, problem, composed, monkeypatch):
    from aibench.tracking import loggers

    find = loggers.importlib.util.find_spec
    monkeypatch.setattr(
        loggers.importlib.util,
        "find_spec",
        lambda name: None if name in ("mlflow", "pytorch_lightning") else find(name),
    )
    expected = problem.replace("mlflow is not", "pytorch_lightning is not")
    expected = expected.replace("install mlflow", "install pytorch_lightning")
    (found,) = lacking(composed("task=recommendation", *words))
    assert found.startswith(expected)


class Kept(list):
    """A tracker that keeps the curves."""

    def curve(self, position, values):
        self.append((position, values))


@pytest.fixture
def curves(monkeypatch):
    """`curves.at(second)` ends a batch of 10 samples at that time; `curves.kept` are the points."""
    from types import SimpleNamespace

    import torch

    from aibench.training import curves as module

    now = [0.0]
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    column = SimpleNamespace(last=50.0)
    recorder = SimpleNamespace(
        record=SimpleNamespace(steps=0),
        batches=SimpleNamespace(after=lambda steps: (10 * steps, 10.0 * steps)),
        instruments=SimpleNamespace(seconds=lambda: now[0], telemetry=SimpleNamespace(columns={"cpu_percent": column})),
    )
    weight = torch.nn.Parameter(torch.zeros(2))
    weight.grad = torch.tensor([3.0, 4.0])
    optimizer = torch.optim.SGD([weight], lr=0.25)
    drawn = module.Curves(recorder, Kept(), gradient_norm=True)

    def at(second):
        now[0] = second
        recorder.record.steps += 1
        drawn.on_before_optimizer_step(None, None, optimizer)
        drawn.on_train_batch_end(SimpleNamespace(optimizers=[optimizer]))

    drawn.at, drawn.kept = at, drawn.tracker
    return drawn


def test_a_curve_has_a_point_a_second_with_loss_rate_speed_norm_and_device(curves):
    curves.trained(1, 2.5)
    for second in (0.5, 1.5, 2.0, 2.5, 3.0):
        curves.at(second)
    assert [position["seconds"] for position, _ in curves.kept] == [1.5, 2.5]
    position, values = curves.kept[1]
    assert position == {"steps": 4.0, "samples": 40.0, "seconds": 2.5}
    assert values == {
        "train/loss": 2.5,
        "train/lr": 0.25,
        "train/per_second": 20.0,
        "train/gradient_norm": 5.0,
        "device/cpu_percent": 50.0,
    }


def test_an_evaluation_is_no_training_speed(curves):
    curves.at(1.5)
    curves.evaluated(None)
    curves.at(3.0)
    assert "train/per_second" not in curves.kept[-1][1]


def test_the_sweep_of_a_run_is_the_folder_above(tmp_path):
    from aibench.tracking.values import sweep_of

    assert sweep_of(tmp_path / "night" / "3_image_to_text_seed4") == "night"
    assert sweep_of(tmp_path / "one") is None
