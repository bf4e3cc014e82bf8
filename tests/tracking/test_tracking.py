"""Where the history goes besides `result.json`; W&B is read back from an offline run."""

from __future__ import annotations

import csv
import json
import struct
import time
from pathlib import Path

import pytest
from rich.console import Console

from aibench.training.run import train
from tests.conftest import TINY

QUIET = Console(quiet=True)
WORDS = (*TINY, "session=epochs", "epochs=2")


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
    deadline = time.monotonic() + 60
    while True:
        records = [wandb_internal_pb2.Record.FromString(payload) for payload in payloads(path.read_bytes())]
        if records and records[-1].HasField("exit"):
            return records
        assert time.monotonic() < deadline, "the offline run was never ended"
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


@pytest.mark.slow
def test_each_run_of_a_process_is_a_wandb_run_of_its_own(tracked, tmp_path):
    first, second = tracked("wandb", "first"), tracked("wandb", "second", "seed=2")
    ids = [
        next(record.run.run_id for record in offline_run(tmp_path / name) if record.HasField("run"))
        for name in ("first", "second")
    ]
    assert ids == [first.run_id, second.run_id]
    assert ids[0] != ids[1]
