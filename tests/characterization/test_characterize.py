"""`aibench characterize`: words select workloads, sections fill records, mistakes are told in a line."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from aibench.characterization.characteristics import parameters
from aibench.characterization.memory import Expected, memory, sizes_up_to, too_much
from aibench.characterization.record import RecordError, read_record, record_path, update_record
from aibench.characterization.selection import selected
from aibench.characterization.workload import Steps, run_steps
from aibench.commands.app import app
from aibench.composition import registry
from aibench.config import ConfigError
from aibench.results.record import read_some
from aibench.training.quickening import PRECISIONS

WORKLOAD = SimpleNamespace(name="mlperf/made", suite="MLPerf", scale="reference", setting="")


def test_words_select_tasks_models_and_all():
    assert selected(["task=all"]).names == registry.task_names()
    both = selected(["task=mlperf,mlperf/ncf,spatial_transformer", "scale=reference", "hardware=cpu"])
    assert both.names.count("mlperf/ncf") == 1
    assert both.names[-1] == "spatial_transformer"
    assert (both.scale, both.device) == ("reference", "cpu")
    made = selected(["task=spatial_transformer", "data.batch_size=32"]).workload("spatial_transformer")
    assert made.batch_size == 32


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "task: no value"),
        (["spatial_transformer"], "spatial_transformer: not KEY=VALUE"),
        (["task=spatial_transforme"], "task=spatial_transforme: .* Did you mean spatial_transformer"),
        (["task=mlperf/resnet", "scale=reference"], "task=mlperf/resnet: .* Did you mean mlperf/resnet50"),
        (["task=mlperf"], "one scale only. Give scale=reference"),
        (["task=mlperf", "scale=reference", "model.x=1"], "model.x=1: MLPerf's models have no key but data.batch_size"),
        (["task=mlperf", "scale=reference", "data.batch_size=x"], "data.batch_size=x: not a number of samples"),
        (["task=all", "scale=huge"], "scale=huge: no such scale"),
        (["task=all", "hardware=tpu"], "hardware=tpu: no such device. One of: auto, cpu, gpu, cpu_fast, gpu_fast."),
        (["task=all", "hardware=gpu_fast"], "hardware=gpu_fast: no GPU that torch could use is here"),
        (["task=mlperf", "scale=reference", "hardware=cpu_fast"], "hardware=cpu_fast: MLPerf's models know no other"),
        (["task=all", "task=mlperf"], "task is given twice"),
    ],
)
def test_words_that_select_nothing_are_refused_in_a_line(words, complaint):
    with pytest.raises(ConfigError, match=complaint) as caught:
        selected(words)
    assert "\n" not in str(caught.value)


def test_a_workload_is_trained_and_named_by_its_settings(tmp_path, monkeypatch):
    words = ["task=recommendation", "hardware=cpu_fast", "data.train_size=256", "data.batch_size=64"]
    workload = selected([*words, "hardware.compile=true"]).workload("recommendation")
    assert workload.setting == "bf16, compiled"
    assert record_path(tmp_path, workload).name == "recommendation-mini-bf16-compiled.json"
    assert workload.at_batch(32).setting == workload.setting

    plain, quick = (selected(one).workload("recommendation") for one in ([words[0], *words[2:]], words))
    seen = []
    monkeypatch.setattr(registry.module_class("recommendation"), "backward", _noting(seen))
    for one in (plain, quick):
        run_steps(one, Steps(1, 1))
        update_record(tmp_path, one, "cpu", "counters", {"source": "software", "metrics": {}, "reasons": {}})
    assert [kind.name for kind in seen] == ["fp32", "fp32", "bf16", "bf16"]
    found, faults = read_some([tmp_path])
    assert faults == []
    assert [record.named for record in found] == ["recommendation", "recommendation (bf16)"]


def _noting(seen):
    """Return a backward pass that notes in which precision Lightning computes the step."""

    def backward(self, loss, *args, **kwargs):
        seen.append(next(name for name, word in PRECISIONS.items() if word == self.trainer.precision))
        loss.backward(*args, **kwargs)

    return backward


def test_a_key_that_a_task_does_not_have_is_refused_when_its_turn_comes():
    chosen = selected(["task=spatial_transformer", "model.typo=1"])
    with pytest.raises(ConfigError, match=r"model\.typo"):
        chosen.workload("spatial_transformer")


def test_a_model_of_mlperf_takes_a_batch_size_and_hands_it_on():
    workload = selected(["task=mlperf/ncf", "scale=reference", "data.batch_size=8"]).workload("mlperf/ncf")
    assert workload.batch_size == 8
    assert list(workload.words) == ["data.batch_size=8"]


def test_sections_are_filled_one_by_one(tmp_path):
    update_record(tmp_path, WORKLOAD, "cpu", "profile", {"a": 1})
    path = update_record(tmp_path, WORKLOAD, "cpu", "counters", {"b": 2})
    assert path == record_path(tmp_path, WORKLOAD) == tmp_path / "mlperf-made-reference.json"
    found = read_record(path)
    assert (found.profile, found.counters, found.micro) == ({"a": 1}, {"b": 2}, None)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_a_record_of_another_device_or_machine_is_left_alone(tmp_path):
    path = update_record(tmp_path, WORKLOAD, "cpu", "profile", {})
    before = path.read_text()
    with pytest.raises(RecordError, match="measured on cpu, now on cuda"):
        update_record(tmp_path, WORKLOAD, "cuda", "profile", {})
    path.write_text(json.dumps({**json.loads(before), "system": {"CPU type": "abacus"}}))
    with pytest.raises(RecordError, match="measured on a abacus"):
        update_record(tmp_path, WORKLOAD, "cpu", "profile", {})


def test_unknown_sections_are_refused():
    found = CliRunner().invoke(app, ["characterize", "task=all", "--only", "characteristics,horoscope"])
    assert found.exit_code == 1
    assert "no section 'horoscope'" in found.output
    assert "Traceback" not in found.output


def test_batch_sizes_are_powers_of_four_and_the_whole_batch():
    assert sizes_up_to(1) == [1]
    assert sizes_up_to(4) == [1, 4]
    assert sizes_up_to(20) == [1, 4, 16, 20]


def test_embedding_tables_are_counted_apart():
    from torch import nn

    module = nn.ModuleDict({"words": nn.Embedding(7, 3), "out": nn.Linear(3, 2)})
    module["out"].weight.requires_grad_(False)
    assert parameters(module) == {"total": 29, "trainable": 23, "embedding": 21}


@pytest.mark.slow
def test_peaks_are_of_real_steps_and_grow_with_the_batch():
    workload = selected(["task=spatial_transformer", "data.batch_size=1024"]).workload("spatial_transformer")
    rows = memory(workload, "cpu", {256: Expected(bytes=1e15)})
    by_batch = {row["batch"]: row for row in rows}
    assert by_batch[1024]["bytes"] > 2 * by_batch[4]["bytes"] > 0
    assert by_batch[256]["reason"] == "expected to take 931322.6 GiB"


@pytest.mark.parametrize(
    ("size", "device", "expected", "reason"),
    [
        (16, "cpu", Expected(bytes=12 * 2**30, flops=5e11), None),
        (16, "cpu", Expected(), None),
        (16, "cpu", Expected(bytes=13 * 2**30), "expected to take 13.0 GiB"),
        (16, "cuda", Expected(bytes=13 * 2**30), "expected to take 13.0 GiB"),
        (1, "cpu", Expected(bytes=13 * 2**30), "expected to take 13.0 GiB"),
        (16, "cpu", Expected(flops=6e11), "expected to take 1.2e+12 floating-point operations, more than 1e+12"),
        (16, "cuda", Expected(flops=6e11), None),
        (1, "cpu", Expected(flops=6e11), None),
    ],
)
def test_what_is_too_much_to_be_tried_follows_from_the_shapes(size, device, expected, reason):
    assert too_much(size, device, expected) == reason


@pytest.mark.slow
def test_a_miniature_is_characterised(tmp_path):
    words = ["characterize", "task=spatial_transformer", "hardware=cpu", "--only", "characteristics"]
    found = CliRunner().invoke(app, [*words, "--output", str(tmp_path)])
    assert found.exit_code == 0, found.output
    section = read_record(tmp_path / "spatial_transformer-mini.json").characteristics
    assert section["parameters"]["total"] == 27_360
    assert section["forward"]["macs"] == section["second_count"]["macs"] == 776_004
    assert section["roofline"]["bound_by"] in ("memory", "compute")
