"""3D object reconstruction: its losses, its metric, its answers and the values that it refuses."""

from __future__ import annotations

import copy
import functools
import math

import numpy as np
import pytest
import torch
from sklearn.metrics import jaccard_score

from aibench.composition.compose import composed
from aibench.config import ConfigError
from aibench.nn.decay import Annealing
from aibench.tasks.object_reconstruction_3d.config import CameraConfig, Supervision
from aibench.tasks.object_reconstruction_3d.data import Data
from aibench.tasks.object_reconstruction_3d.metric import VoxelIoU
from aibench.tasks.object_reconstruction_3d.module import Module
from aibench.training.loader import EvalBatches

TASK = "task=object_reconstruction_3d"
REFERENCE = (TASK, "scale=reference", "data.source=synthetic", "session=steps")
PTN_CAMERA = CameraConfig(views=24, elevation=30, focal_length=0.866, focal_range=1.732, size=32)


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


# The losses


@pytest.mark.parametrize("supervision", list(Supervision))
def test_the_loss_is_that_of_the_formula(supervision):
    config = mini(supervision=supervision, silhouette_weight=3.0, voxel_weight=0.5, full_weight=4.0)
    config.model.camera = CameraConfig(views=3, elevation=30, focal_length=5, focal_range=2.6, size=8)
    torch.manual_seed(0)
    module = Module(config, {"categories": []})
    pictures = torch.randint(256, (2, 3, 32, 32), dtype=torch.uint8)
    solids = torch.rand(2, 24, 24, 24) < 0.1
    with torch.no_grad():
        loss = float(module.training_step((pictures, solids), 0))
        logits = module(pictures)
        probability, true = logits.sigmoid(), solids.float()
        views = torch.arange(3)
        there, here = (module.projector(volume, views).double().numpy() for volume in (true, probability))
    p, t = probability.double().numpy(), true.double().numpy()
    silhouettes = sum(((here[i, v] - there[i, v]) ** 2).sum() / 2 for i in range(2) for v in range(3)) / 6
    voxels = -(4 * t * np.log(p) + (1 - t) * np.log(1 - p)).sum() / 2
    expected = (supervision != "voxels") * 3 * silhouettes + (supervision != "silhouettes") * 0.5 * voxels
    assert loss == pytest.approx(expected, rel=1e-4)


def test_the_reference_learns_from_all_silhouettes_and_from_nothing_else():
    model = composed(REFERENCE).model
    assert model.supervision is Supervision.silhouettes
    assert model.camera.views_per_step is None
    assert {**vars_of(model.camera), "views_per_step": None} == vars_of(PTN_CAMERA)


def vars_of(config):
    return {name: getattr(config, name) for name in config.__slots__}


def test_weights_decay_and_biases_do_not():
    config = mini()
    config.optim.weight_decay, config.optim.decay = 0.001, Annealing.none
    module = Module(config, {"categories": []})
    weights, biases = module.configure_optimizers().param_groups
    assert (weights["weight_decay"], biases["weight_decay"]) == (0.001, 0)
    assert all(weight.ndim > 1 for weight in weights["params"])
    assert len(weights["params"]) + len(biases["params"]) == len(list(module.parameters()))


def test_the_learning_rate_falls_along_half_a_cosine(module, rates):
    half = math.sqrt(0.5)
    found = rates(module, (0, 25, 50, 75, 100, 300), 10, 100)
    np.testing.assert_allclose(found, [1, (1 + half) / 2, 0.5, (1 - half) / 2, 0, 0], atol=1e-12)
    assert module.configure_optimizers()["lr_scheduler"]["scheduler"].base_lrs == [0.001, 0.001]


def test_channels_come_last_in_weights_that_have_four_dimensions(module):
    module.to(memory_format=torch.channels_last)
    assert module.network.encoder.convolution1.weight.is_contiguous(memory_format=torch.channels_last)
    assert module.to(torch.float64) is module
    assert module.network.decoder.linear.weight.dtype == torch.float64


# The metric


def test_the_metric_is_the_mean_over_pictures_with_a_short_last_batch(module):
    words = ("data.train_size=16", "data.val_size=9", "data.eval_batch_size=8")
    data = Data(composed([TASK, *words]))
    module.eval()
    logged = {}
    module.log = lambda name, value: logged.update({name: float(value)})
    for _ in range(2):  # the second evaluation starts from nothing
        predicted, true, sizes = [], [], []
        with torch.no_grad():
            for place, batch in enumerate(EvalBatches(data, data.dataset("val"))):
                noisy = (batch[0], batch[1] ^ (torch.rand(batch[1].shape) < 0.02))
                module.network.forward = lambda _, noisy=noisy: 8 * noisy[1].float() - 4
                module.validation_step(batch, place)
                predicted += list(noisy[1].flatten(1).numpy())
                true += list(batch[1].flatten(1).numpy())
                sizes.append(len(batch[0]))
        module.on_validation_epoch_end()
        assert sizes == [8, 8, 2]
        each = [jaccard_score(t, p) for t, p in zip(true, predicted, strict=True)]
        assert logged["val/iou"] == pytest.approx(np.mean(each), rel=1e-9)
        assert logged["val/iou_micro"] == pytest.approx(jaccard_score(np.concatenate(true), np.concatenate(predicted)))


def test_voxels_are_full_above_one_half_and_empty_volumes_agree():
    generator = np.random.default_rng(0)
    probabilities = generator.choice([0.0, 0.4, 0.5, 0.5000001, 0.9], size=(4, 3, 3, 3))
    solids = generator.random((4, 3, 3, 3)) < 0.4
    probabilities[3], solids[3] = 0.5, False
    metric = VoxelIoU()
    metric.update(torch.from_numpy(probabilities[:3]), torch.from_numpy(solids[:3]))
    metric.update(torch.from_numpy(probabilities[3:]), torch.from_numpy(solids[3:]))
    each, common, all_of_them = [], 0, 0
    for volume, solid in zip(probabilities, solids, strict=True):
        both = either = 0
        for place in np.ndindex(3, 3, 3):
            both += volume[place] > 0.5 and solid[place]
            either += volume[place] > 0.5 or solid[place]
        each.append(both / either if either else 1)
        common, all_of_them = common + both, all_of_them + either
    assert each[3] == 1
    assert float(metric.compute()["iou"]) == pytest.approx(sum(each) / 4)
    assert float(metric.compute()["iou_micro"]) == pytest.approx(common / all_of_them)


# What a user sees


def test_a_request_is_answered_with_a_solid_for_each_picture(module):
    pictures = torch.randint(256, (3, 3, 32, 32), dtype=torch.uint8)
    with torch.no_grad():
        module.network.decoder.transposed2.bias.zero_()
        expected = 1 / (1 + np.exp(-module(pictures).double().numpy())) > 0.5
    solids = module.infer((pictures, torch.zeros(3, 24, 24, 24, dtype=torch.bool)))
    assert len(solids) == 3
    assert 0 < np.mean(solids) < 1
    np.testing.assert_array_equal(solids, expected)


def test_the_figure_shows_the_picture_and_tells_the_overlap(module):
    pictures = torch.randint(256, (7, 3, 32, 32), dtype=torch.uint8)
    solids = torch.zeros(7, 24, 24, 24, dtype=torch.bool)
    solids[:, 8:16, 8:16, 8:16] = True
    solids[4:, 16, 10, 10] = True  # another solid
    module.infer = lambda batch: [solid.numpy() for solid in solids.roll(2, 1)]
    figure = module.render((pictures, solids))
    assert len(figure.axes) == 5 * 6
    rows = [axes.images[0].get_array() for axes in figure.axes[::6]]
    for row, place in zip(rows, (0, 4, 1, 2, 3), strict=True):  # different solids come first
        np.testing.assert_array_equal(row, pictures[place].permute(1, 2, 0).numpy())
    assert [axes.texts[0].get_text() for axes in figure.axes[5::6]] == ["IoU 0.60"] * 5


# Refused values


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("model.hidden=0", "model.hidden=0: must be at least 1."),
        ("model.silhouette_weight=0", "model.silhouette_weight=0.0: must be greater than 0."),
        ("model.initial_std=-1", "model.initial_std=-1.0: must be greater than 0."),
        ("model.encoder_channels=[4,8]", "model.encoder_channels=[4, 8]: needs three values."),
        ("model.decoder_kernels=[1,4,4]", "model.decoder_kernels=[1, 4, 4]: each must be at least 2."),
        ("model.camera.focal_length=0", "model.camera.focal_length=0.0: must be greater than 0."),
        ("model.camera.views_per_step=25", "model.camera.views_per_step=25: more than the 24 of model.camera.views."),
        ("data.size=36", "data.size=36: must be a multiple of 8"),
        ("data.resolution=0", "data.resolution=0: must be a multiple of 8"),
        ("data.views=25", "data.views=25: an object has 24 pictures. Set data.views to 24 or less."),
        ("data.categories=[]", "data.categories=[]: needs one value or more."),
        ("data.categories=[car,ship]", "data.categories=['car', 'ship']: there are no generated solids named ship."),
    ],
)
def test_values_that_make_no_sense_are_refused(word, said):
    with pytest.raises(ConfigError) as caught:
        composed([TASK, word])
    assert str(caught.value).startswith(said)
