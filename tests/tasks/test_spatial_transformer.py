"""The spatial transformer: its network, its metric and its answers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score
from torch import nn
from torch.nn.functional import affine_grid
from torch.utils.flop_counter import FlopCounterMode

from aibench.contract import example_batch
from aibench.tasks.spatial_transformer.convolution import OfOneChannel
from aibench.tasks.spatial_transformer.data import Data
from aibench.tasks.spatial_transformer.model import SpatialTransformer
from aibench.tasks.spatial_transformer.module import Module

TASK = "task=spatial_transformer"
REFERENCE = (TASK, "scale=reference", "data.source=synthetic", "session=steps")


@pytest.fixture
def module(composed):
    """A miniature."""
    torch.manual_seed(0)
    return Module(composed(TASK), {"held_out_digits": 90}).eval()


# The network


@pytest.mark.parametrize(
    ("words", "parameters", "multiply_adds"), [((), 27_360, 0.77e6), (("model.transformer=false",), 21_840, 0.48e6)]
)
def test_the_reference_has_the_parameters_and_multiply_adds_of_the_tutorial(composed, words, parameters, multiply_adds):
    module = Module(composed(*REFERENCE, *words), {}).eval()
    (images,) = module.example_input()
    with FlopCounterMode(display=False) as counter:
        assert module(images).shape == (1, 10)
    assert images.shape == (1, 1, 28, 28)
    assert sum(parameter.numel() for parameter in module.parameters()) == parameters
    assert counter.get_total_flops() / 2 == pytest.approx(multiply_adds, rel=0.01)


@pytest.mark.parametrize("corners", ["true", "false"])
def test_an_untrained_transformer_leaves_the_image_as_it_is(composed, corners):
    module = Module(composed(TASK, f"model.align_corners={corners}"), {})
    images = torch.randint(256, (3, 1, 28, 28), dtype=torch.uint8)
    torch.testing.assert_close(module.transformed(images), images / 255, atol=1e-5, rtol=0)


@pytest.mark.parametrize("corners", [True, False])
def test_the_transformer_samples_bilinearly_where_the_map_points(composed, corners):
    module = Module(composed(TASK, f"model.align_corners={str(corners).lower()}"), {})
    affine = np.array([[0.8, 0.3, 0.1], [-0.2, 1.1, -0.25]])
    with torch.no_grad():
        module.network.transformer.localisation[-1].bias.copy_(torch.from_numpy(affine.ravel()))
    images = torch.rand(1, 1, 28, 28)
    result = module.network.transformer(images).detach().numpy()[0, 0]
    np.testing.assert_allclose(result, _sampled(images.numpy()[0, 0], affine, corners), atol=1e-4)


def _sampled(image, affine, corners):
    """Pixel by pixel: equation 1 and equation 5 of Jaderberg et al. (2015)."""
    half = (len(image) - 1) / 2 if corners else len(image) / 2  # pixels from the middle to the coordinate 1
    middle = (len(image) - 1) / 2
    result = np.zeros_like(image)
    for row in range(28):
        for column in range(28):
            x, y = affine @ [(column - middle) / half, (row - middle) / half, 1]
            left, top = middle + half * x, middle + half * y
            for m in range(28):
                for n in range(28):
                    result[row, column] += image[m, n] * max(0, 1 - abs(left - n)) * max(0, 1 - abs(top - m))
    return result


@pytest.mark.parametrize("corners", [True, False])
def test_an_untrained_transformer_samples_at_the_very_places_of_affine_grid(corners):
    transformer = SpatialTransformer([8, 10], 32, corners)
    identity = torch.eye(2, 3)
    grid = (identity @ transformer.places).view(1, 2, 28, 28).permute(0, 2, 3, 1)
    assert torch.equal(grid, affine_grid(identity[None], [1, 1, 28, 28], align_corners=corners))


def test_the_convolution_of_one_channel_has_the_gradients_of_a_plain_one():
    torch.manual_seed(0)
    plain = nn.Conv2d(1, 3, 5).double().to(memory_format=torch.channels_last)
    ours = OfOneChannel(1, 3, 5).double().to(memory_format=torch.channels_last)
    ours.load_state_dict(plain.state_dict())
    images = torch.randn(2, 1, 12, 9, dtype=torch.float64)
    upstream = torch.randn(2, 3, 8, 5, dtype=torch.float64)
    gradients = []
    for layer in (plain, ours):
        seen = images.clone().requires_grad_()
        result = layer(seen)
        gradients.append([result.detach(), *torch.autograd.grad(result, [seen, *layer.parameters()], upstream)])
    torch.testing.assert_close(gradients[1], gradients[0], atol=1e-12, rtol=1e-12)


def test_both_parts_learn_through_the_sampler(module):
    images, labels = torch.randint(256, (8, 1, 28, 28), dtype=torch.uint8), torch.arange(8)
    module.training_step((images, labels), 0).backward()
    last = module.network.transformer.localisation[-1]
    assert all(parameter.grad is not None for parameter in module.parameters())
    assert last.weight.grad.abs().sum() > 0
    assert module.network.classifier[0].weight.grad.abs().sum() > 0


def test_images_are_normalised_inside_the_module(module):
    images = torch.randint(256, (2, 1, 28, 28), dtype=torch.uint8)
    seen = []
    module.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    module(images)
    by_hand = (images.numpy() / 255.0 - module.config.data.mean) / module.config.data.std
    np.testing.assert_allclose(seen[0].numpy(), by_hand, atol=1e-5)


# Refused values


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("model.localisation_channels=[8]", "model.localisation_channels=[8]: needs two values."),
        ("model.classifier_channels=[8,0]", "model.classifier_channels=[8, 0]: each must be at least 1."),
        ("model.localisation_hidden=0", "model.localisation_hidden=0: must be at least 1."),
        ("model.classifier_hidden=0", "model.classifier_hidden=0: must be at least 1."),
        ("model.dropout=1", "model.dropout=1.0: must lie in 0 to 1, 1 left out."),
        ("data.rotation=-1", "data.rotation=-1.0: must be at least 0."),
        ("data.shift=-1", "data.shift=-1.0: must be at least 0."),
        ("data.scale=[0,1]", "data.scale=[0.0, 1.0]: each must be greater than 0."),
        ("data.scale=[1,0.5]", "data.scale=[1.0, 0.5]: the least comes first."),
        ("optim.warmup_epochs=-1", "optim.warmup_epochs=-1.0: must be at least 0."),
        ("data.std=0", "data.std=0.0: must be greater than 0."),
    ],
)
def test_values_that_make_no_sense_are_refused(refusal, word, said):
    assert refusal(TASK, word).startswith(said)


# The optimiser


def test_the_reference_takes_plain_steps_of_one_length(composed, rates):
    module = Module(composed(*REFERENCE), {})
    assert rates(module, range(30), 10, 50) == [1] * 30
    (group,) = module.configure_optimizers()["optimizer"].param_groups
    assert (group["initial_lr"], group["momentum"], group["weight_decay"]) == (0.01, 0, 0)


def test_the_miniature_s_steps_grow_for_two_epochs_and_shorten_along_half_a_cosine(module, rates):
    falling = [(1 + np.cos(np.pi * step / 30)) / 2 for step in range(31)]
    np.testing.assert_allclose(rates(module, range(51), 10, 50), [*(np.arange(1, 21) / 21), *falling], atol=1e-9)
    assert module.configure_optimizers()["optimizer"].param_groups[0]["initial_lr"] == 0.001


# The metric


def test_accuracy_is_that_of_scikit_learn_with_a_short_last_batch(composed, module, evaluated):
    data = Data(composed(TASK, "data.val_size=90", "data.eval_batch_size=40"))
    logged, _ = evaluated(module, data, times=2)
    images, labels = example_batch(data, "val", 90)
    with torch.no_grad():
        predicted = module(images).argmax(1)
    assert logged == {"val/accuracy": pytest.approx(accuracy_score(labels, predicted))}


def test_the_views_of_a_digit_are_one_sample(composed, evaluated):
    data = Data(composed(TASK, "data.train_size=256", "data.eval_batch_size=1000"))
    torch.manual_seed(0)
    module = Module(data.config, data.facts).eval()
    logged, _ = evaluated(module, data)
    images, labels = data.dataset("val").tensors
    with torch.no_grad():
        right = (module(images).argmax(1) == labels).double().numpy()
    scores = module.sample_scores()
    assert len(scores) == 1_500
    assert scores.value(np.arange(1_500)) == pytest.approx(logged["val/accuracy"])
    assert scores.value(np.array([3, 3, 7])) == pytest.approx(right[[3, 1_503, 3, 1_503, 7, 1_507]].mean())


# What a user sees


def test_a_request_is_answered_with_the_likeliest_digit(module):
    images = torch.randint(256, (3, 1, 28, 28), dtype=torch.uint8)
    with torch.no_grad():
        logits = module(images).double().numpy()
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    for (digit, probability), row in zip(module.infer((images, torch.zeros(3))), probabilities, strict=True):
        assert digit == row.argmax()
        assert probability == pytest.approx(row.max(), rel=1e-4)


def test_the_figure_tells_right_from_wrong(module):
    images = torch.randint(256, (7, 1, 28, 28), dtype=torch.uint8)
    digits = [digit for digit, _ in module.infer((images, torch.zeros(7)))]
    labels = torch.tensor(digits[:1] + [(digit + 1) % 10 for digit in digits[1:]])
    titles = [axes.title for axes in module.render((images, labels)).axes if "%" in axes.get_title()]
    assert [title.get_color() for title in titles] == ["green"] + ["red"] * 6
