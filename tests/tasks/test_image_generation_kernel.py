"""Image generation: the kernel distance, the classifier whose features it compares, and digits without a network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torchmetrics.image.kid import poly_mmd

from aibench.tasks.image_generation import classifier
from aibench.tasks.image_generation.baseline import baselines
from aibench.tasks.image_generation.data import Data
from aibench.tasks.image_generation.kernel import KernelDistance
from aibench.tasks.image_generation.mnist import digits
from aibench.tasks.image_generation.module import Module
from aibench.vision.pixels import to_float

TASK = "task=image_generation"
SMALL = (TASK, "model.width=4", "data.train_size=120", "data.val_size=50", "data.eval_batch_size=20")


@pytest.fixture
def features():
    generator = np.random.default_rng(0)
    return generator.normal(0, 1, (30, 5)), generator.normal(0.4, 1.3, (30, 5))


def test_the_kernel_distance_is_that_of_torchmetrics(features):
    expected = float(poly_mmd(*(torch.from_numpy(part) for part in features)))
    assert KernelDistance(*features).value(np.arange(30)) == pytest.approx(expected, rel=1e-9)


def test_samples_that_are_drawn_twice_are_not_compared_with_themselves(features):
    real, made = features
    drawn = np.random.default_rng(1).integers(30, size=30)

    def kernel(x, y):
        return (x @ y / 5 + 1) ** 3

    pairs = [(i, j) for i in drawn for j in drawn if i != j]
    within = np.mean([kernel(part[i], part[j]) for part in features for i, j in pairs]) * 2
    between = np.mean([kernel(real[i], made[j]) for i in drawn for j in drawn])
    assert KernelDistance(real, made).value(drawn) == pytest.approx(within - 2 * between, rel=1e-9)


def test_images_of_the_same_kind_are_at_no_distance_on_average():
    generator = np.random.default_rng(2)
    found = [KernelDistance(*generator.normal(0, 1, (2, 40, 5))).value(np.arange(40)) for _ in range(300)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(300)


def test_the_classifier_tells_digits_that_it_was_not_trained_on():
    for part in ("val", "test"):
        images, labels = digits(part, None, 0)
        told = classifier.trained().logits(to_float(torch.from_numpy(images))).argmax(1).numpy()
        assert (told == labels).mean() > 0.94


def test_features_of_training_digits_have_a_mean_square_of_one():
    found = classifier.trained()(to_float(torch.from_numpy(digits("train", None, 0)[0])))
    assert float(found.square().mean()) == pytest.approx(1, abs=0.01)


def test_reading_the_weights_draws_no_random_number():
    before = torch.get_rng_state()
    classifier.trained()
    assert torch.equal(before, torch.get_rng_state())


def test_an_evaluation_compares_the_features_of_all_held_out_digits(composed, evaluated):
    data = Data(composed(*SMALL))
    module = Module(data.config, data.facts).eval()
    judge = classifier.trained()
    with torch.no_grad():
        made = judge(module(module.noise).clamp(-1, 1))
    for _ in range(2):  # the second evaluation starts from nothing
        logged = evaluated(module, data)[0]
    real = judge(to_float(data.dataset("val").tensors[0]))
    expected = float(poly_mmd(real.double(), made.double()))
    assert logged["val/kernel_distance"] == pytest.approx(expected, rel=1e-4)


def test_the_classifier_is_no_part_of_what_is_trained_and_saved(composed):
    module = Module(composed(*SMALL), {"held_out": 4})
    assert not [name for name in module.state_dict() if "judge" in name or "body" in name]
    assert not [layer for layer in module.modules() if isinstance(layer, classifier.Classifier)]


def test_images_of_another_form_have_no_kernel_distance(composed):
    assert (
        "val/kernel_distance" not in composed(TASK, "scale=reference", "data.source=synthetic", "session=steps").metrics
    )
    assert "val/kernel_distance" in composed(TASK).metrics


def test_what_answers_without_a_network_is_the_better_the_more_it_knows_of_digits(composed):
    found = {one.name: one for one in baselines(composed(TASK).data)}
    ordered = [one.name for one in sorted(found.values(), key=lambda one: one.quality["val"])]
    assert ordered[0] == "training digits"
    assert ordered[-2:] == ["noise", "mean of the training digits"]
    assert [name for name in ordered if found[name].unbeaten] == ordered[:1]
    mean = to_float(torch.from_numpy(digits("train", None, 0)[0])).mean(0)
    real = classifier.trained()(to_float(torch.from_numpy(digits("test", None, 0)[0]))).double()
    made = classifier.trained()(mean[None]).double().expand(1000, -1)
    expected = float(poly_mmd(real, made))
    assert found["mean of the training digits"].quality["test"] == pytest.approx(expected, rel=1e-4)
