"""What each key changes, in one table: three questions have three answers that cannot contradict each other."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Annotated, Any

import pytest

from aibench.analysis.runs.runs import LOCATIONS, OF_ONE_RUN
from aibench.composition import registry
from aibench.composition.compose import composed, suite_config
from aibench.config import ConfigError, OptimConfig, plain
from aibench.config.closed import SCHEDULE, file_digests, free_keys
from aibench.results.division import (
    EFFECTS,
    Rules,
    changed_since,
    division,
    effect,
    flat,
    may_differ_in_pool,
    may_differ_on_resuming,
)

# Everything that neither trains nor times: where things lie, what is shown and told, what it costs.
APART = (
    *("output", "progress", "objective", "resume", "data.root", "data.cache"),
    *("tracking.", "cost.", "checkpoint.", "sweep."),
)
# What may change in the closed division besides: in every task, and in each of them.
FREE = (
    *("seed", "session", "epochs", "steps", "warmup_steps", "optim.lr", "target.max_epochs"),
    *("data.workers", "data.batch_size", "data.eval_batch_size"),
    *(f"hardware.{key}" for key in ("accelerator", "precision", "threads", "compile", "channels_last")),
    "hardware.cuda_graph",
    *(f"hardware.{key}" for key in ("deterministic", "cudnn_benchmark", "telemetry_hz", "idle_seconds")),
    *(f"hardware.{key}" for key in ("devices", "nodes", "strategy", "scaling", "sync_batchnorm")),
    *("hardware.power_model.idle_watts", "hardware.power_model.busy_watts"),
)
OF_TASK = {
    "face_embedding": ("optim.decay", "optim.decay_epochs", "optim.gamma", "optim.warmup_epochs"),
    "face_recognition_3d": (
        "optim.decay",
        "optim.decay_epochs",
        "optim.gamma",
        "optim.momentum",
        "optim.warmup_epochs",
    ),
    "image_classification": (
        *("optim.decay", "optim.gamma", "optim.lr_batch", "optim.milestones", "optim.momentum"),
        "optim.warmup_epochs",
    ),
    "image_compression": ("optim.gamma", "optim.milestones"),
    "image_generation": (),
    "image_to_image": ("optim.beta1", "optim.constant"),
    "image_to_text": ("optim.decay",),
    "learning_to_rank": (),
    "neural_architecture_search": ("optim.controller.lr", "optim.decay", "optim.decay_from"),
    "object_detection": (
        *("optim.decay", "optim.decay_epochs", "optim.decay_factor", "optim.momentum"),
        "optim.warmup_steps",
    ),
    "object_reconstruction_3d": ("optim.decay",),
    "recommendation": (),
    "spatial_transformer": ("optim.decay", "optim.warmup_epochs"),
    "speech_recognition": ("optim.anneal", "optim.momentum"),
    "text_summarization": ("optim.hold_epochs",),
    "text_to_text": ("data.batch_tokens", "optim.warmup_steps"),
    "video_prediction": (),
}


# A run may go on with another number of devices, which its result then says; their times are never averaged.
OF_THE_WORLD = {"hardware.devices", "hardware.nodes", "hardware.strategy"}


def another(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case list():
            return [*value, "another"]
    return f"{value} or another"


def replaced(config: dict[str, Any], key: str) -> dict[str, Any]:
    head, _, rest = key.partition(".")
    return {**config, head: replaced(config[head], rest) if rest else another(config[head])}


@pytest.mark.parametrize("task", registry.task_names())
def test_every_key_of_every_task_has_one_answer_to_each_question(task):
    for scale in ("mini", "reference"):
        config = plain(suite_config(task, scale))
        for key in flat(config):
            known = effect(key)
            assert known is not None, f"{key}: does it change what is trained, or timed? Say so in EFFECTS"
            apart = key.startswith(APART)
            assert may_differ_on_resuming(key) == (apart or key in OF_THE_WORLD), key
            assert may_differ_in_pool(key) == (apart or key == "seed"), key
            assert (key.split(".")[0] in OF_ONE_RUN or key in LOCATIONS) == may_differ_in_pool(key), key


@pytest.mark.parametrize("scale", ["mini", "reference"])
@pytest.mark.parametrize("task", registry.task_names())
def test_the_closed_division_lets_change_what_this_list_has_and_nothing_else(task, scale):
    suite = suite_config(task, scale)
    assert set(free_keys(suite)) == {*FREE, *OF_TASK[task]}, "who marks a key, writes it here too, and why in docs"
    before, rules = plain(suite), Rules.of(suite)
    values = flat(before)
    for key, value in values.items():
        changed = replaced(before, key)
        found = division(changed, rules)
        free = key.startswith(APART) or key in FREE or key in OF_TASK[task]
        assert found.left == ([] if free else [f"{key}={flat(changed)[key]} (the suite's: {value})"]), key
        assert (found.name == "closed") == free


def test_the_audits_example_is_open():
    suite = suite_config("learning_to_rank", "mini")
    config = plain(composed(["task=learning_to_rank", "optim.teacher_epochs=1", "optim.distillation.alpha=0"]))
    assert division(config, Rules.of(suite)).left == [
        f"optim.distillation.alpha=0.0 (the suite's: {suite.optim.distillation.alpha})",
        f"optim.teacher_epochs=1 (the suite's: {suite.optim.teacher_epochs})",
    ]


@dataclass(slots=True)
class Planted(OptimConfig):
    """A schema to which somebody added two keys, and marked one of them."""

    smoothing: float = 0.0
    cooldown: Annotated[float | None, SCHEDULE] = None


def test_a_new_key_is_open_until_somebody_marks_it():
    suite = suite_config("recommendation", "mini")
    suite.optim = Planted(lr=0.1)
    rules = Rules.of(suite)
    changed = replace(suite, optim=Planted(lr=0.2, cooldown=1.0))
    assert division(plain(changed), rules).name == "closed"
    changed = replace(suite, optim=Planted(lr=0.2, smoothing=0.1))
    assert division(plain(changed), rules).left == ["optim.smoothing=0.1 (the suite's: 0.0)"]


WITH_WEIGHTS = ("face_recognition_3d", "image_to_text", "object_detection")


@pytest.mark.parametrize("task", WITH_WEIGHTS)
def test_first_weights_are_the_suites_or_the_published_ones_or_open_the_division(task, tmp_path):
    suite = suite_config(task, "reference")
    rules, path = Rules.of(suite), tmp_path / "weights.pth"
    path.write_bytes(b"some weights")
    config = plain(suite)
    config["model"]["weights"] = suite.model.weights = str(path)
    files = file_digests(suite)
    assert files == {"model.weights": hashlib.sha256(b"some weights").hexdigest()}
    opened = division(config, rules, files)
    assert opened.left == [f"model.weights={path} (the suite's: None)"]
    assert opened.files == files
    assert division(config, rules).name == "open", "a result that does not say which file it was"
    for published in rules.published["model.weights"]:
        assert division(config, rules, {"model.weights": f"{published}{files['model.weights'][8:]}"}).left == []


def test_the_published_weights_are_the_files_of_torchvision():
    from torchvision import models

    for task, weights in (
        ("face_recognition_3d", models.ResNet50_Weights),
        ("image_to_text", models.ResNet152_Weights),
        ("object_detection", models.ResNet50_Weights),
    ):
        of_today = weights.IMAGENET1K_V1.url.removesuffix(".pth").rpartition("-")[2]
        assert of_today in Rules.of(suite_config(task, "reference")).published["model.weights"]


def test_no_other_key_brings_first_weights():
    for task in registry.task_names():
        named = set(Rules.of(suite_config(task, "mini")).published)
        assert named == {"model.weights"} if task in WITH_WEIGHTS else named <= {"data.segmenter"}, task


def test_a_file_that_cannot_be_read_is_named_by_its_key(tmp_path):
    suite = suite_config("object_detection", "reference")
    suite.model.weights = str(tmp_path)
    with pytest.raises(ConfigError, match=r"^model\.weights=.*: cannot be read: Is a directory\. Give another file\.$"):
        file_digests(suite)


@pytest.mark.parametrize("task", ["learning_to_rank", "object_detection"])
def test_a_run_with_another_value_of_a_key_is_gone_on_with_only_where_the_table_lets_it(task):
    before = plain(suite_config(task, "mini"))
    for key in flat(before):
        config = replaced(before, key)
        changed = changed_since(config, before, "runs/one")
        if may_differ_on_resuming(key):
            assert changed is None
        else:
            assert changed == (
                f"{key}={flat(config)[key]}: runs/one holds a run with {key}={flat(before)[key]}. Set it so, or choose "
                "another output folder."
            )


def test_the_table_says_nothing_twice():
    for key, known in EFFECTS.items():
        above = effect(key.rpartition(".")[0])
        assert above is None or above != known, f"{key}: its group says the same"


def test_a_key_that_an_older_version_did_not_know_is_no_change():
    before = plain(suite_config("learning_to_rank", "mini"))
    older = {key: value for key, value in before.items() if key != "checkpoint"}
    older["hardware"] = {key: value for key, value in before["hardware"].items() if key != "cudnn_benchmark"}
    assert changed_since(before, older, "runs/one") is None
