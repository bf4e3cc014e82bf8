"""Image classification: its networks, its learning rate, its metric and its answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, top_k_accuracy_score
from torch.utils.flop_counter import FlopCounterMode

from aibench.contract import example_batch
from aibench.nn.decay import Decay
from aibench.tasks.image_classification.config import ModelConfig, Network
from aibench.tasks.image_classification.data import Data
from aibench.tasks.image_classification.model import network
from aibench.tasks.image_classification.module import Module
from aibench.vision.augment import shifted

TASK = "task=image_classification"


@pytest.fixture
def module(composed):
    """A miniature whose classes are the 10 digits."""
    torch.manual_seed(0)
    return Module(composed(TASK), {"classes": [str(digit) for digit in range(10)]})


# The networks


def test_the_reference_model_has_the_parameters_and_multiply_adds_of_resnet_50(composed):
    config = composed(TASK, "scale=reference", "data.source=synthetic", "session=steps")
    with torch.device("meta"):
        module = Module(config, {"classes": [str(index) for index in range(1000)]}).eval()
        (images,) = (tensor.to("meta") for tensor in module.example_input())
    with FlopCounterMode(display=False) as counter:
        assert module(images).shape == (1, 1000)
    assert images.shape == (1, 3, 224, 224)
    assert sum(parameter.numel() for parameter in module.parameters()) == pytest.approx(25.557e6, rel=0.01)
    assert counter.get_total_flops() / 2 == pytest.approx(4.09e9, rel=0.01)


def test_images_are_normalised_inside_the_module(module):
    images = torch.randint(256, (2, 3, 32, 32), dtype=torch.uint8)
    seen = []
    module.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    module(images)
    mean, std = module.config.data.mean, module.config.data.std
    by_hand = np.stack([(images.numpy()[:, c] / 255.0 - mean[c]) / std[c] for c in range(3)], axis=1)
    np.testing.assert_allclose(seen[0].numpy(), by_hand, atol=1e-5)


def test_the_small_network_halves_the_image_and_doubles_the_channels_with_each_block():
    built = network(ModelConfig(Network.small, width=4, blocks=3), classes=7)
    shapes = []
    for block in built.blocks:
        block.register_forward_hook(lambda _, inputs, output: shapes.append(tuple(output.shape)))
    assert built(torch.rand(2, 3, 32, 32)).shape == (2, 7)
    assert shapes == [(2, 8, 16, 16), (2, 16, 8, 8), (2, 32, 4, 4)]


# Refused values


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("model.width=0", "model.width=0: must be at least 1."),
        ("model.blocks=null", "model.blocks=null: model.network=small needs a number of at least 1."),
        ("model.network=resnet50", "model.width=16: model.network=resnet50 has a fixed shape."),
        ("data.classes=7", "data.classes=7 data.size=32: the embedded data are 10 digits on 32x32 pixels."),
        ("data.resize=16", "data.resize=16: must be at least 32."),
        ("data.shift=-1", "data.shift=-1: must be at least 0."),
        ("data.mean=[0.5]", "data.mean=[0.5]: needs three values, of red, green and blue."),
        ("data.std=[0,1,1]", "data.std=[0.0, 1.0, 1.0]: each must be greater than 0."),
        ("optim.momentum=1", "optim.momentum=1.0: must lie in 0 to 1, 1 left out."),
        ("optim.momentum=0", "optim.nesterov=true: needs momentum."),
    ],
)
def test_values_that_make_no_sense_are_refused(refusal, word, said):
    assert refusal(TASK, word).startswith(said)


# Augmentation


def test_a_shift_moves_each_image_by_its_own_whole_pixels():
    torch.manual_seed(0)
    images = torch.randint(1, 256, (40, 3, 6, 7), dtype=torch.uint8)
    moved = shifted(images, 1)
    used = set()
    for image, result in zip(images.numpy(), moved.numpy(), strict=True):
        padded = np.pad(image, ((0, 0), (1, 1), (1, 1)))
        found = [
            (top, left)
            for top in range(3)
            for left in range(3)
            if np.array_equal(padded[:, top : top + 6, left : left + 7], result)
        ]
        assert len(found) == 1
        used.update(found)
    assert len(used) == 9


# The learning rate


def test_the_learning_rate_warms_up_and_falls_at_the_milestones(module, rates):
    falling = {"decay": Decay.step, "milestones": [2, 30, 60, 80], "gamma": 0.1}
    found = np.array(rates(module, range(900), 10, 900, warmup_epochs=5, **falling))
    np.testing.assert_allclose(np.diff(found[:50]), 1 / 51)  # the fall within the warm-up comes after it
    assert found[0] > 0
    for start, end, rate in ((5, 30, 0.1), (30, 60, 0.01), (60, 80, 1e-3), (80, 90, 1e-4)):
        np.testing.assert_allclose(found[10 * start : 10 * end], rate)


def test_the_learning_rate_falls_along_half_a_cosine_to_the_end_of_the_budget(module, rates):
    found = rates(module, (10, 35, 60, 85, 110, 500), 10, 110, warmup_epochs=1, decay=Decay.cosine)
    half = math.sqrt(0.5)
    np.testing.assert_allclose(found, [1, (1 + half) / 2, 0.5, (1 - half) / 2, 0, 0], atol=1e-12)


def test_the_peak_learning_rate_follows_the_batch_size(composed):
    peaks = []
    for batch in (256, 1024):
        config = composed(TASK, "scale=reference", "data.source=synthetic", "session=steps", f"data.batch_size={batch}")
        peaks.append(_peak_learning_rate(config))
    assert peaks == pytest.approx([0.1, 0.4])


def _peak_learning_rate(config):
    config.model = ModelConfig(Network.small, width=2, blocks=1)
    module = Module(config, {"classes": ["a", "b"]})
    module._trainer = type("Trainer", (), {"estimated_stepping_batches": 900, "num_training_batches": 10})()
    configured = module.configure_optimizers()
    return configured["lr_scheduler"]["scheduler"].base_lrs[0]


# The metric


def test_accuracy_is_that_of_scikit_learn_with_a_short_last_batch(composed, module, evaluated):
    data = Data(composed(TASK, "data.train_size=64", "data.val_size=90", "data.eval_batch_size=40"))
    logged, sizes = evaluated(module, data, times=2)
    images, labels = example_batch(data, "val", 90)
    with torch.no_grad():
        logits = module(images).numpy()
    assert sizes == [40, 40, 10]
    assert logged["val/accuracy"] == pytest.approx(accuracy_score(labels, logits.argmax(1)))
    assert logged["val/accuracy_top5"] == pytest.approx(top_k_accuracy_score(labels, logits, k=5))


# What a user sees


def test_a_request_is_answered_with_the_likeliest_classes(module):
    module.eval()
    images = torch.randint(256, (3, 3, 32, 32), dtype=torch.uint8)
    answers = module.infer((images, torch.zeros(3, dtype=torch.int64)))
    with torch.no_grad():
        logits = module(images).double().numpy()
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    for answer, row in zip(answers, probabilities, strict=True):
        best = sorted(range(10), key=lambda index: -row[index])[:5]
        assert [name for name, _ in answer] == [str(index) for index in best]
        assert [probability for _, probability in answer] == pytest.approx(row[best].tolist(), rel=1e-4)


def test_the_figure_tells_right_from_wrong(module):
    module.eval()
    images = torch.randint(256, (6, 3, 32, 32), dtype=torch.uint8)
    answers = module.infer((images, torch.zeros(6, dtype=torch.int64)))
    labels = torch.tensor([int(answers[0][0][0])] + [(int(answer[0][0]) + 1) % 10 for answer in answers[1:]])
    titles = [axes.title for axes in module.render((images, labels)).axes if axes.get_title()]
    assert [title.get_color() for title in titles] == ["green"] + ["red"] * 5
    assert titles[1].get_text().endswith(f"is {labels[1]}")
