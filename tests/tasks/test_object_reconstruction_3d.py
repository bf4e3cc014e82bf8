"""3D object reconstruction: its network and its projector."""

from __future__ import annotations

import copy
import functools
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from aibench.composition.compose import composed
from aibench.tasks.object_reconstruction_3d.camera import Camera, lines_of_sight
from aibench.tasks.object_reconstruction_3d.config import CameraConfig
from aibench.tasks.object_reconstruction_3d.model import Network, Projector, he_std
from aibench.tasks.object_reconstruction_3d.module import Module

TASK = "task=object_reconstruction_3d"
REFERENCE = (TASK, "scale=reference", "data.source=synthetic", "session=steps")


@functools.cache
def composed_once(*words):
    return composed([TASK, *words])


def mini(**changes):
    """The miniature's configuration with other values of the model's keys."""
    config = copy.deepcopy(composed_once())
    for key, value in changes.items():
        setattr(config.model, key, value)
    return config


@pytest.fixture
def module():
    torch.manual_seed(0)
    return Module(mini(), {"categories": []})


# The network


@functools.cache
def reference_network():
    config = composed(REFERENCE)
    with torch.device("meta"):
        return Network(config.model, config.data.size, config.data.resolution)


def test_the_reference_has_the_parameters_of_the_authors_network_but_for_its_unused_unit():
    # 48.20 M counts the encoder's viewpoint unit (linear, 1024 to 512), which only the pretraining that is not a part
    # of this task looks at.
    parameters = sum(weight.numel() for weight in reference_network().parameters())
    assert parameters == 47_673_569
    assert parameters + 1025 * 512 == pytest.approx(48.20e6, rel=0.001)


def test_the_reference_multiplies_as_often_as_layers_counted_by_hand():
    with FlopCounterMode(display=False) as counter, torch.device("meta"):
        assert reference_network()(torch.empty(1, 3, 64, 64)).shape == (1, 32, 32, 32)
    convolutions = 32**2 * 3 * 64 * 25 + 16**2 * 64 * 128 * 25 + 8**2 * 128 * 256 * 25
    linear = 8 * 8 * 256 * 1024 + 1024 * 1024 + 1024 * 512 + 512 * 512 * 4**3
    # Each input of a transposed convolution is multiplied with the whole kernel.
    transposed = 4**3 * 512 * 256 * 4**3 + 8**3 * 256 * 96 * 5**3 + 16**3 * 96 * 6**3
    assert counter.get_total_flops() / 2 == pytest.approx(convolutions + linear + transposed, rel=1e-9)
    assert counter.get_total_flops() / 2 == pytest.approx(2.339e9, rel=0.01)
    # thop multiplies each output of a transposed convolution with the whole kernel: 8 times as much at stride 2.
    assert convolutions + linear + 8 * transposed == pytest.approx(17.703e9, rel=0.01)


def test_the_layers_have_the_shapes_of_yan_et_al():
    shapes = []
    network = copy.deepcopy(reference_network())
    for layer in network.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear, nn.ConvTranspose3d)):
            layer.register_forward_hook(lambda _, inputs, output: shapes.append(tuple(output.shape[1:])))
    network(torch.empty(1, 3, 64, 64, device="meta"))
    encoder = [(64, 32, 32), (128, 16, 16), (256, 8, 8), (1024,), (1024,), (512,)]
    assert shapes == [*encoder, (512 * 4**3,), (256, 8, 8, 8), (96, 16, 16, 16), (1, 32, 32, 32)]


@pytest.mark.parametrize("kernel", [2, 3, 4, 5, 6, 7])
def test_a_transposed_convolution_doubles_the_volume_whatever_its_kernel(kernel):
    config = mini(decoder_kernels=[kernel] * 3)
    assert Network(config.model, 32, 24)(torch.zeros(1, 3, 32, 32)).shape == (1, 24, 24, 24)


def test_first_weights_keep_the_strength_of_a_signal():
    torch.manual_seed(0)
    for layer, shape in (
        (nn.Conv2d(40, 30, 5), (8, 40, 9, 9)),
        (nn.Linear(900, 300), (50, 900)),
        (nn.ConvTranspose3d(60, 30, 4, stride=2), (4, 60, 8, 8, 8)),
    ):
        nn.init.normal_(layer.weight, std=he_std(layer))
        nn.init.zeros_(layer.bias)
        signal = torch.randn(shape).relu()
        inner = layer(signal).detach()
        inner = inner[..., 4:-4, 4:-4, 4:-4] if inner.ndim == 5 else inner
        assert inner.relu().square().mean() == pytest.approx(float(signal.square().mean()), rel=0.2)


def test_the_first_predictions_are_about_the_share_of_full_voxels(module):
    full = module(torch.randint(256, (8, 3, 32, 32), dtype=torch.uint8)).detach().sigmoid()
    assert full.mean() == pytest.approx(0.08, abs=0.02)


def test_the_references_first_weights_are_the_authors():
    config = composed(REFERENCE)
    network = Network(mini(initial_std=config.model.initial_std).model, 32, 24)
    weights = torch.cat([weight.detach().flatten() for weight in network.parameters() if weight.ndim > 1])
    assert weights.abs().max() <= 0.04
    assert weights.std() == pytest.approx(0.02 * 0.88, rel=0.02)  # of a normal distribution cut off at two
    assert all(not bias.any() for bias in network.parameters() if bias.ndim == 1)


def test_pictures_are_scaled_to_minus_1_to_1(module):
    seen = []
    module.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    module(torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 3, 1, 1).expand(1, 3, 32, 32))
    torch.testing.assert_close(seen[0][0, :, 0, 0], torch.tensor([-1.0, -0.6, 1.0]))


# The projector


def ptn_points(degrees, size, focal, depth):
    """The points that Yan et al.'s transformer samples, by their matrices; axes (towards the back, up, right)."""
    phi, theta = math.radians(30), math.radians(-degrees)
    turn = np.array([[math.cos(theta), 0, -math.sin(theta)], [0, 1, 0], [math.sin(theta), 0, math.cos(theta)]])
    rise = np.array([[math.cos(phi), math.sin(phi), 0], [-math.sin(phi), math.cos(phi), 0], [0, 0, 1]])
    extrinsic, intrinsic = np.eye(4), np.diag([1, 1 / focal, 1 / focal, 1])
    extrinsic[:3, :3] = turn @ rise
    extrinsic[:3, 3] = -(turn @ rise @ [focal + depth / 2, 0, 0])
    distance, y, x = np.meshgrid(
        np.linspace(focal, focal + depth, size), np.linspace(-1, 1, size), np.linspace(-1, 1, size), indexing="ij"
    )
    grid = np.stack([distance, y * distance, x * distance, np.ones_like(x)]).reshape(4, -1)
    points = (extrinsic @ intrinsic @ grid)[:3].T.reshape(size, size, size, 3)
    return points[:, ::-1]  # their projector turns the picture upside down at the end


@pytest.mark.parametrize("degrees", [0, 15, 90, 200])
def test_lines_of_sight_are_those_of_the_authors_transformer(degrees):
    camera = Camera(30, 0.866, 1.732, size=9, samples=9)
    theirs = ptn_points(degrees, 9, 0.866, 1.732)
    ours = lines_of_sight(camera, [-degrees])[0]  # their azimuths run the other way around
    np.testing.assert_allclose(ours, theirs * [-1, 1, -1], atol=1e-12)


def interpolated(volume, point):
    """The volume at a point, between the middles of eight voxels; empty outside."""
    place = [(value + 1) / 2 * len(volume) - 0.5 for value in point]
    below = [math.floor(value) for value in place]
    total = 0.0
    for corner in np.ndindex(2, 2, 2):
        index = [low + step for low, step in zip(below, corner, strict=True)]
        if all(0 <= value < len(volume) for value in index):
            total += volume[tuple(index)] * math.prod(1 - abs(at - i) for at, i in zip(place, index, strict=True))
    return total


def test_a_silhouette_is_the_fullest_point_of_each_line_of_sight():
    config = CameraConfig(views=5, elevation=20, focal_length=1.5, focal_range=2.0, size=6)
    volumes = torch.from_numpy(np.random.default_rng(0).random((2, 7, 7, 7))).float()
    silhouettes = Projector(config)(volumes, torch.tensor([3, 1]))
    points = lines_of_sight(Camera(20, 1.5, 2.0, size=6, samples=6), [3 * 72, 72])
    for sample, view in np.ndindex(2, 2):
        volume = volumes[sample].numpy().astype(float)
        by_hand = [
            [max(interpolated(volume, points[view, depth, row, column]) for depth in range(6)) for column in range(6)]
            for row in range(6)
        ]
        np.testing.assert_allclose(silhouettes[sample, view].numpy(), by_hand, atol=1e-5)


def test_a_silhouette_teaches_the_fullest_points_alone():
    volumes = torch.zeros(1, 8, 8, 8)
    volumes[0, 3, 4, 5] = 1
    volumes.requires_grad_()
    projector = Projector(CameraConfig(views=1, elevation=0, focal_length=6, focal_range=2.4, size=16))
    projector(volumes, torch.tensor([0]))[0, 0, 7, 5].backward()
    assert volumes.grad[0, 3, 4, 5] > 0
    assert volumes.grad.count_nonzero() <= 8


def test_a_step_draws_distinct_views(module):
    torch.manual_seed(1)
    drawn = torch.stack([module._views() for _ in range(200)])
    assert drawn.shape == (200, module.config.model.camera.views_per_step)
    assert (drawn.sort(1).values.diff(dim=1) > 0).all()
    assert set(drawn.flatten().tolist()) == set(range(24))
    module.config.model.camera.views_per_step = None
    assert module._views().tolist() == list(range(24))
