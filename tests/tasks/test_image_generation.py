"""Image generation: its networks, its training and its pictures."""

from __future__ import annotations

import copy
import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from aibench.tasks.image_generation.config import OptimConfig
from aibench.tasks.image_generation.module import Module, group

TASK = "task=image_generation"
TIMING = (TASK, "scale=reference", "data.source=synthetic", "session=steps")
DCGAN = "model=image_generation/dcgan"


@pytest.fixture
def module(composed):
    """A small miniature, and 20 held-out images."""
    torch.manual_seed(0)
    return Module(composed(TASK, "model.width=4", "target.window=4"), {"held_out": 20})


def trainable(module):
    """`module`, such that its training step runs without a trainer."""
    optimizers = module.configure_optimizers()
    module.optimizers = lambda: optimizers
    module.manual_backward = lambda loss: loss.backward()
    return module


def images(count, size=16, channels=1, seed=0):
    return torch.randint(
        256, (count, channels, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed)
    )


# The networks


@pytest.mark.parametrize(
    ("words", "generator", "critic"),
    [
        ((), (6.881e6, 6.87e6), (6.818e6, 6.82e6)),
        # 428.8 M is what is published of the DCGAN generator: it counts a transposed convolution as one over its
        # output, of which the stride has filled three quarters with zeros. 104.6 M are multiplied.
        ((DCGAN,), (3.577e6, 104.6e6), (2.766e6, 104.0e6)),
    ],
    ids=["mlp", "dcgan"],
)
def test_the_reference_networks_have_the_parameters_and_multiply_adds_of_the_papers(composed, words, generator, critic):
    with torch.device("meta"):
        module = Module(composed(*TIMING, *words), {"held_out": 300}).eval()
        (noise,) = (tensor.to("meta") for tensor in module.example_input())
        image = torch.empty(1, 3, 64, 64)
    for network, x, shape, (parameters, multiply_adds) in (
        (module, noise, (1, 3, 64, 64), generator),
        (module.critic, image, (1,), critic),
    ):
        with FlopCounterMode(display=False) as counter:
            assert network(x).shape == shape
        counted = module.generator if network is module else network
        assert sum(parameter.numel() for parameter in counted.parameters()) == pytest.approx(parameters, rel=0.01)
        assert counter.get_total_flops() / 2 == pytest.approx(multiply_adds, rel=0.01)


def test_counted_over_its_output_the_convolutional_generator_has_the_published_multiply_adds(composed):
    module = Module(composed(*TIMING, DCGAN), {"held_out": 300}).eval()
    counted = 0

    def count(layer, inputs, output):
        nonlocal counted
        counted += output[0].numel() * layer.in_channels * math.prod(layer.kernel_size)

    for layer in module.generator:
        if isinstance(layer, nn.ConvTranspose2d):
            layer.register_forward_hook(count)
    module(*module.example_input())
    assert counted == pytest.approx(428.8e6, rel=0.01)


def test_the_perceptrons_have_four_layers_and_nothing_bounds_what_they_make(composed):
    module = Module(composed(*TIMING, "model.hidden=8"), {"held_out": 1})
    for network in (module.generator, module.critic):
        layers = [layer for layer in network if isinstance(layer, (nn.Linear, nn.ReLU))]
        assert [type(layer) for layer in layers] == [nn.Linear, nn.ReLU] * 3 + [nn.Linear]
    module.generator[6].bias.data.fill_(7.0)
    assert module(torch.zeros(2, 100)).max() > 1


def test_convolutions_start_with_small_normal_weights(composed):
    torch.manual_seed(0)
    module = Module(composed(*TIMING, DCGAN), {"held_out": 1})
    for layer in itertools.chain(module.generator, module.critic):
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            assert float(layer.weight.detach().std()) == pytest.approx(0.02, rel=0.05)
        if isinstance(layer, nn.BatchNorm2d):
            assert float((layer.weight.detach() - 1).std()) == pytest.approx(0.02, rel=0.5)


@pytest.mark.parametrize("words", [TIMING, (*TIMING, DCGAN)], ids=["mlp", "dcgan"])
def test_each_image_has_a_score_of_its_own_that_no_other_image_changes(composed, words):
    module = Module(composed(*words), {"held_out": 1}).eval()
    pictures = images(4, 64, 3)
    together = module.scores(pictures)
    alone = torch.cat([module.scores(picture[None]) for picture in pictures])
    assert together.shape == (4,)
    assert len(set(together.tolist())) == 4
    torch.testing.assert_close(together, alone)


# Refused values


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("model.width=null",), "model.width=null: model.network=dcgan needs a value. Set model.width."),
        (("model.width=0",), "model.width=0: must be at least 1."),
        (("model.hidden=8",), "model.hidden=8: model.network=dcgan has none. Set model.hidden=null."),
        (("model.network=mlp",), "model.hidden=null: model.network=mlp needs a value. Set model.hidden."),
        ((*TIMING, DCGAN, "data.size=48"), "data.size=48: model.network=dcgan doubles 4 pixels up to the size."),
        ((*TIMING, DCGAN, "data.size=8"), "data.size=8: model.network=dcgan doubles 4 pixels up to the size."),
        ((*TIMING, "data.size=4"), "data.size=4: must be at least 8."),
        ((*TIMING, "data.channels=2"), "data.channels=2: no such value. One of: 1, 3."),
        (("optim.clip=0",), "optim.clip=0.0: must be greater than 0."),
        (("optim.critic_steps=0",), "optim.critic_steps=0: must be at least 1."),
        (("optim.thorough_every=0",), "optim.thorough_every=0: must be at least 1."),
        (("target.window=0",), "target.window=0: must be at least 1."),
    ],
)
def test_values_that_make_no_sense_are_refused(refusal, words, said):
    assert refusal(*(words if TASK in words else (TASK, *words))).startswith(said)


# Training


def test_critic_steps_before_a_generator_step_are_those_of_the_authors_loop():
    optim = OptimConfig(critic_steps=5, thorough_steps=100, thorough_first=25, thorough_every=500)
    sizes = [group(optim, step) for step in range(1002)]
    assert [step for step, size in enumerate(sizes) if size == 100] == [*range(25), 500, 1000]
    assert set(sizes) == {5, 100}


def test_the_generator_moves_at_the_start_of_the_batch_after_each_group(module):
    module.config.optim.critic_steps = 2
    module.config.optim.thorough_steps, module.config.optim.thorough_first = 3, 1
    trainable(module)
    moved = []
    for step in range(9):
        before, critic = copy.deepcopy(module.generator), copy.deepcopy(module.critic)
        module.training_step((images(6, seed=step),), step)
        moved.append(_differ(before, module.generator))
        assert _differ(critic, module.critic), "each batch is a step of the critic"
    assert [step for step, did in enumerate(moved) if did] == [3, 5, 7]


def _differ(first, second):
    return any(not torch.equal(one, other) for one, other in zip(first.parameters(), second.parameters(), strict=True))


def test_a_critic_step_is_that_of_clipped_rmsprop_towards_a_greater_distance(composed):
    torch.manual_seed(0)
    words = ("model.network=mlp", "model.width=null", "model.critic_norm=null", "model.hidden=6", "optim.lr=0.01")
    module = trainable(Module(composed(TASK, *words, "optim.clip=0.1"), {"held_out": 1}))
    critic, real = copy.deepcopy(module.critic), images(5)
    torch.manual_seed(1)
    loss = module.training_step((real,), 0)
    torch.manual_seed(1)
    made = module(torch.randn(5, 32))
    distance = critic(real / 127.5 - 1).mean() - critic(made).mean()
    distance.backward()
    assert float(loss) == pytest.approx(-float(distance.detach()), rel=1e-5)
    for before, after in zip(critic.parameters(), module.critic.parameters(), strict=True):
        gradient = before.grad.double().numpy()
        expected = before.detach().numpy() + 0.01 * gradient / (np.sqrt(0.01 * gradient**2) + 1e-8)
        np.testing.assert_allclose(after.detach().numpy(), np.clip(expected, -0.1, 0.1), atol=1e-5)
    assert max(float(weight.detach().abs().max()) for weight in module.critic.parameters()) == pytest.approx(0.1)


def test_a_generator_step_raises_the_scores_of_what_it_makes(module):
    trainable(module)
    noise = torch.randn(64, 32)
    before = float(module.critic(module(noise)).mean().detach())
    critic = copy.deepcopy(module.critic)
    for _ in range(5):
        module._step_generator(64, module.optimizers()[0])
    assert float(module.critic(module(noise)).mean().detach()) > before
    assert not _differ(critic, module.critic)
    assert all(weight.requires_grad for weight in module.critic.parameters())


def test_a_resumed_run_goes_on_in_the_middle_of_a_group_and_of_the_smoothing(module):
    module.config.optim.thorough_first = 0
    trainable(module)
    for step in range(24):
        module.training_step((images(4, seed=step),), step)
    module.last_distances[-2:] = torch.tensor([3.0, 2.0])
    checkpoint = copy.deepcopy({"state_dict": module.state_dict()})
    module.on_save_checkpoint(checkpoint)
    states = copy.deepcopy([optimizer.state_dict() for optimizer in module.optimizers()])
    torch.manual_seed(99)
    resumed = trainable(Module(module.config, module.facts))
    resumed.load_state_dict(checkpoint["state_dict"])
    resumed.on_load_checkpoint(checkpoint)
    for optimizer, state in zip(resumed.optimizers(), states, strict=True):
        optimizer.load_state_dict(state)
    for each in (module, resumed):
        torch.manual_seed(5)
        for step in range(24, 36):
            each.training_step((images(4, seed=step),), step)
    assert (resumed.generator_steps, resumed.critic_steps) == (module.generator_steps, module.critic_steps)
    assert resumed.generator_steps == 4
    assert not _differ(module, resumed)
    assert resumed.last_distances[-2:].tolist() == [3.0, 2.0]


# What a user sees


def test_a_request_is_answered_with_as_many_new_images_as_the_batch_has(module):
    module.eval()
    torch.manual_seed(3)
    first, second = module.infer((images(5),)), module.infer((images(5),))
    torch.manual_seed(3)
    assert torch.equal(module.infer([images(5)]), first)
    assert not torch.equal(first, second)
    assert first.shape == (5, 1, 16, 16)
    assert first.dtype == torch.uint8


def test_what_a_user_gets_is_what_the_generator_made(module):
    module.eval()
    torch.manual_seed(3)
    answer = module.infer((images(5),))
    torch.manual_seed(3)
    with torch.no_grad():
        made = module(torch.randn(5, 32)).double().numpy()
    np.testing.assert_array_equal(answer.numpy(), np.rint(np.clip((made + 1) / 2, 0, 1) * 255).astype(np.uint8))


@pytest.mark.parametrize("count", [3, 16, 20])
def test_the_figure_has_generated_and_real_images_under_their_scores(module, count):
    module.eval()
    pictures = images(count)
    figure = module.render((pictures,))
    shown = [axes for axes in figure.get_axes() if axes.images]
    count = min(count, 16)
    assert len(shown) == 2 * count
    expected = [f"{score:.2f}" for score in module.scores(pictures[:count]).tolist()]
    assert [axes.get_title() for axes in shown[count:]] == expected
    assert np.array_equal(np.asarray(shown[count].images[0].get_array()).squeeze(), pictures[0, 0].numpy())
