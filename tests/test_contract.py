"""What holds of every task; a new folder is tested here at once."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import pytorch_lightning as pl
import torch
from rich.console import Console

from aibench.composition import registry
from aibench.composition.compose import suite_config
from aibench.contract import TaskModule, batch_of, example_batch
from aibench.results.division import Rules, division
from aibench.results.result import Status
from aibench.training.loader import EvalBatches, TrainBatches
from aibench.training.run import train
from tests.bf16 import AnotherStep
from tests.conftest import ROOT
from tests.golden.history import history, kept, shared_history

QUIET = Console(quiet=True)
CPU = ("hardware=cpu", "hardware.threads=1")
SMALL = ("data.train_size=64", "data.val_size=32", "data.batch_size=16", "data.eval_batch_size=24", *CPU)
# Whole pictures of 176x176 pixels, coded four times: six are as good here as 32.
FEWER = {"image_compression": ("data.val_size=6", "data.eval_batch_size=4")}
# Networks that take pictures, or speech, of any size: smaller ones teach a test as much, in gigabytes less.
SMALLER = {
    "object_detection": ("data.height=120", "data.width=160", "model.short_side=120"),
    "speech_recognition": ("data.longest=2",),
    "image_to_image": ("data.load=72", "data.size=64", "data.segmenter_size=[64,128]"),
}
tasks = pytest.mark.parametrize("task", registry.task_names())
scales = pytest.mark.parametrize("scale", ["mini", "reference"])


@pytest.fixture
def parts(composed):
    """`parts(task, *words)` is the task's data and module."""

    def build(task, *words):
        config = composed(f"task={task}", *words, *FEWER.get(task, ()))
        data = registry.data_class(task)(config)
        torch.manual_seed(config.seed)
        return data, registry.module_class(task)(config, data.facts)

    return build


@tasks
@scales
def test_the_configuration_leaves_nothing_out(task, scale, composed, tmp_path):
    words = (f"task={task}", f"scale={scale}")
    config = composed(*words, *(["data.source=synthetic", "session=steps"] if scale == "reference" else []))
    assert (config.task, config.scale) == (task, scale)
    assert config.target.origin in ("paper", "calibrated")


@tasks
def test_the_miniature_has_both_qualities_and_trains_on_embedded_data(task, composed):
    config = composed(f"task={task}")
    assert config.data.source == "embedded"
    assert config.target.entire is not None
    assert config.target.quasi_entire is not None
    goal = (config.target.entire - config.target.quasi_entire) * (1 if config.target.mode == "max" else -1)
    assert goal >= 0, "the entire session asks for at least as much as the quasi-entire one"


@tasks
def test_the_folder_has_one_line_of_summary_that_names_the_paper(task):
    assert "DC-AI-C" in registry.summary(task)


@tasks
def test_a_short_session_logs_the_target_and_a_model_of_a_few_steps_misses_it(task, shared_folder):
    found = shared_history(task, shared_folder)
    assert set(found.declared) <= set(found.numbers), "Config.metrics names what is not logged"
    assert found.target in found.declared
    assert math.isfinite(found.numbers[found.target])
    assert found.epochs_to_quality is None, f"barely trained, it reaches {found.numbers[found.target]}"
    assert found.has_figure


@tasks
@pytest.mark.slow
def test_the_same_seed_trains_to_the_same_numbers(task, shared_folder):
    assert history(task) == shared_history(task, shared_folder)


@tasks
def test_the_data_depend_on_their_own_seed_alone(task, composed, monkeypatch):
    def fingerprint(config):
        return registry.data_class(task)(config).fingerprint()

    first, other, redrawn = (composed(f"task={task}", *SMALL, word) for word in ("seed=1", "seed=2", "data.seed=1"))
    assert (other.data.seed, redrawn.seed) == (first.data.seed, first.seed)
    expected, with_another = fingerprint(other), fingerprint(redrawn)
    reads = []

    def noted(self, name):
        reads.append(name)
        return object.__getattribute__(self, name)

    monkeypatch.setattr(type(first.data), "__getattribute__", noted, raising=False)
    assert fingerprint(first) == expected
    drawn = "seed" in reads  # however the task spells it; real records, which are what they are, do not
    assert (with_another != expected) == drawn


@tasks
def test_an_epoch_shows_every_sample_at_most_once_in_an_order_that_the_seed_decides(task, parts):
    data, _ = parts(task, *SMALL)
    dataset = data.dataset("train")
    plans = [np.concatenate(list(data.plan(dataset, np.random.default_rng(seed)))).tolist() for seed in (1, 1, 2)]
    assert len(set(plans[0])) == len(plans[0])
    assert plans[0] == plans[1] != plans[2]


@tasks
def test_throughput_counts_at_least_one_unit_a_sample_and_the_session_counts_as_the_data_do(task, parts):
    data, _ = parts(task, *SMALL)
    batches = TrainBatches(data, data.dataset("train"), seed=3)
    units = [data.units(batches.dataset, indices) for indices in batches.plan(0)]
    samples, counted = batches.after(len(batches))
    assert counted == sum(units) >= samples
    assert batches.after(0) == (0, 0)


@tasks
def test_batches_go_on_in_the_middle_of_an_epoch(task, parts):
    data, _ = parts(task, *SMALL)
    whole = TrainBatches(data, data.dataset("train"), seed=3)
    expected = [*whole, *whole]
    resumed = TrainBatches(data, data.dataset("train"), seed=3)
    resumed.go_to(len(whole) + 1)
    for batch, other in zip(resumed, expected[len(whole) + 1 :], strict=True):
        assert _flat(batch) == _flat(other)


@tasks
@pytest.mark.slow
def test_the_evaluation_does_not_depend_on_its_batches(task, composed):
    """Hence `data.eval_batch_size` may change in the closed division."""
    found = []
    for size in (24, 7):
        config = composed(
            f"task={task}", *SMALL, *kept().get(task, {}).get("words", []), f"data.eval_batch_size={size}"
        )
        data = registry.data_class(task)(config)
        torch.manual_seed(1)
        module = registry.module_class(task)(config, data.facts)
        quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
        trainer = pl.Trainer(accelerator="cpu", enable_model_summary=False, **quiet)
        trainer.validate(module, EvalBatches(data, data.dataset("val")), verbose=False)
        found.append({name: float(value) for name, value in trainer.callback_metrics.items()})
    assert found[0] == pytest.approx(found[1], rel=1e-4, abs=1e-6, nan_ok=True)
    assert found[0]


@tasks
def test_evaluation_covers_every_held_out_sample(task, parts):
    data, _ = parts(task, *SMALL)
    batches = EvalBatches(data, data.dataset("val"))
    assert len(list(batches)) == len(batches)


@tasks
def test_what_the_samples_add_makes_up_the_metric_and_stays_when_the_next_part_is_judged(task, parts):
    data, module = parts(task, *SMALL)
    if "test" not in data.parts:  # goes when all seventeen have one
        pytest.skip("no test part yet")
    trainer = pl.Trainer(accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False)

    def judged(part):
        module.judging = part
        trainer.validate(module, EvalBatches(data, data.dataset(part)), verbose=False)
        return module.sample_scores(), float(trainer.callback_metrics[data.config.target.metric])

    scores, value = judged("val")
    others, other = judged("test")
    assert len(scores) > 1
    for found, expected in ((scores, value), (others, other)):
        assert found.value(np.arange(len(found))) == pytest.approx(expected, rel=1e-4, abs=1e-6)


@tasks
def test_no_sample_of_the_test_part_stands_in_another(task, parts):
    data, _ = parts(task, *SMALL)
    if "test" not in data.parts:
        pytest.skip("no test part yet")

    def samples(part):
        dataset = data.dataset(part)
        return {str(_flat(batch_of(data, dataset, np.array([index])))) for index in range(min(len(dataset), 64))}

    assert samples("test")
    assert not samples("test") & (samples("val") | samples("train"))


@tasks
@pytest.mark.slow
def test_the_targets_are_out_of_reach_of_what_answers_without_training(task, composed):
    config = composed(f"task={task}")
    found = list(registry.data_class(task)(config).baselines())
    if not found:
        pytest.skip("no baselines yet")
    better = 1 if config.target.mode == "max" else -1
    card = (ROOT / "docs" / "tasks" / f"{task}.md").read_text(encoding="utf-8")
    opening = " ".join(card.split("```")[0].split())
    for one in found:
        passes = better * one.quality["val"] >= better * config.target.quasi_entire
        assert passes == one.unbeaten, f"{one.name}: {one.quality}"
        if passes:
            said = (one.name, f"{one.quality['val']:.3f}", f"{config.target.entire:g}")
            assert all(word in opening for word in said), f"the card's first lines do not say: {said}"


def _flat(batch):
    """Every number of a batch, in order."""
    if isinstance(batch, torch.Tensor):
        return batch.flatten().tolist()
    values = batch.values() if isinstance(batch, dict) else batch
    return [number for value in values for number in _flat(value)]


@tasks
def test_facts_are_json(task, parts):
    data, _ = parts(task, *SMALL)
    assert json.loads(json.dumps(data.facts)) == data.facts


@tasks
def test_one_request_is_answered(task, parts):
    data, module = parts(task, *SMALL)
    module.eval()
    with torch.no_grad():
        module(*module.example_input())
        assert module.infer(example_batch(data, "val", 1)) is not None


@tasks
def test_the_suite_itself_is_closed_and_a_changed_model_key_opens_it(task, composed):
    from aibench.config import plain
    from aibench.results.division import flat

    rules = Rules.of(suite_config(task, "mini"))
    assert division(plain(composed(f"task={task}", "seed=7", "optim.lr=0.5", "data.batch_size=7")), rules).left == []
    key, value = next(
        (key, value)
        for key, value in flat(rules.config).items()
        if key.startswith("model.") and isinstance(value, int) and not isinstance(value, bool)
    )
    opened = division(plain(composed(f"task={task}", f"{key}={value + 1}")), rules)
    assert opened.name == "open"
    assert opened.left == [f"{key}={value + 1} (the suite's: {value})"]


@tasks
@pytest.mark.slow
def test_the_reference_model_takes_a_gradient_step_on_made_up_samples_in_fp32_and_in_bf16(
    task, composed, tmp_path, monkeypatch
):
    own = suite_config(task, "reference").data.batch_size  # 1 where a network is too large for more
    config = composed(
        f"task={task}",
        "scale=reference",
        "data.source=synthetic",
        "session=steps",
        "steps=1",
        "warmup_steps=0",
        f"data.batch_size={min(2, own)}",
        "data.train_size=4",
        *SMALLER.get(task, ()),
        *CPU,
    )
    in_bf16 = AnotherStep()
    monkeypatch.setattr(TaskModule, "configure_callbacks", lambda _: [in_bf16])
    result = train(config, tmp_path, None, QUIET)
    assert result.status is Status.completed, result.message
    assert result.phases[0].steps == 1
    assert math.isfinite(in_bf16.loss)
    assert in_bf16.gradients_are_finite
    assert result.model.parameters > 20_000  # the paper's smallest has 27,360
