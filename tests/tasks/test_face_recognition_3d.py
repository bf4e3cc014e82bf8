"""3D face recognition: its networks, weights, augmentation, learning rate, metric and answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, top_k_accuracy_score
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import resnet18, resnet50

from aibench.config import ConfigError
from aibench.contract import example_batch
from aibench.nn.decay import Decay
from aibench.tasks.face_recognition_3d.config import Channels
from aibench.tasks.face_recognition_3d.data import Data
from aibench.tasks.face_recognition_3d.module import Module

TASK = "task=face_recognition_3d"
REFERENCE = (TASK, "scale=reference", "data.source=synthetic", "session=steps")


def names(count):
    return {"classes": [f"person {index}" for index in range(count)]}


@pytest.fixture
def module(composed):
    """A miniature with its 40 people."""
    torch.manual_seed(0)
    return Module(composed(TASK), names(40))


# The networks


@pytest.mark.parametrize(("classes", "parameters"), [(253, 24.030e6), (1200, 25.970e6)])
def test_the_reference_model_has_the_parameters_and_multiply_adds_of_a_resnet_50_with_four_channels(
    composed, classes, parameters
):
    config = composed(*REFERENCE, f"data.classes={classes}")
    with torch.device("meta"):
        module = Module(config, names(classes)).eval()
        (images,) = (tensor.to("meta") for tensor in module.example_input())
    with FlopCounterMode(display=False) as counter:
        assert module(images).shape == (1, classes)
    assert images.shape == (1, 4, 224, 224)
    assert sum(parameter.numel() for parameter in module.parameters()) == pytest.approx(parameters, rel=1e-4)
    # Convolutions and the classifier. OpCounter (thop), with which 4,173 M was counted, adds normalisation and pooling.
    of_colour_images, of_depth = 4.0871e9 + 2048 * classes, 64 * 7 * 7 * 112 * 112
    assert counter.get_total_flops() / 2 == pytest.approx(of_colour_images + of_depth, rel=1e-4)
    assert counter.get_total_flops() / 2 == pytest.approx(4.173e9, rel=0.012)


@pytest.mark.parametrize("channels", ["rgbd", "rgb", "depth"])
def test_the_network_sees_the_channels_that_it_is_asked_to_and_normalises_them(composed, channels):
    module = Module(composed(TASK, f"model.channels={channels}"), names(40))
    images = torch.randint(256, (2, 4, 32, 32), dtype=torch.uint8)
    seen = []
    module.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    module(images)
    mean, std = module.config.data.mean, module.config.data.std
    used = {"rgbd": [0, 1, 2, 3], "rgb": [0, 1, 2], "depth": [3]}[channels]
    by_hand = np.stack([(images.numpy()[:, c] / 255.0 - mean[c]) / std[c] for c in used], axis=1)
    np.testing.assert_allclose(seen[0].numpy(), by_hand, atol=1e-5)


def test_the_small_network_halves_the_image_and_doubles_the_channels_with_each_block(composed):
    module = Module(composed(TASK, "model.width=4", "model.blocks=3"), names(40))
    shapes = []
    for block in module.network.blocks:
        block.register_forward_hook(lambda _, inputs, output: shapes.append(tuple(output.shape)))
    module(torch.zeros(2, 4, 32, 32, dtype=torch.uint8))
    assert shapes == [(2, 4, 32, 32), (2, 8, 16, 16), (2, 16, 8, 8), (2, 32, 4, 4)]


# Loaded weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch.manual_seed(3)
    state = resnet50().state_dict()
    path = tmp_path_factory.mktemp("weights") / "resnet50.pth"
    torch.save(state, path)
    return path, state


@pytest.mark.parametrize("channels", list(Channels))
def test_the_filters_for_depth_are_the_mean_of_those_for_colour(composed, weights, channels):
    path, state = weights
    module = Module(composed(*REFERENCE, f"model.weights={path}", f"model.channels={channels}"), names(253))
    loaded = module.network.state_dict()
    colour = state["conv1.weight"].numpy()
    mean = (colour[:, :1] + colour[:, 1:2] + colour[:, 2:]) / 3
    expected = {"rgbd": np.concatenate([colour, mean], axis=1), "rgb": colour, "depth": mean}[str(channels)]
    np.testing.assert_allclose(loaded["conv1.weight"].numpy(), expected, atol=1e-6)
    for name in ("layer1.0.conv1.weight", "layer4.2.bn3.running_var"):
        assert torch.equal(loaded[name], state[name])
    assert loaded["fc.weight"].shape == (253, 2048)
    assert module.initialisation.startswith(f"ImageNet weights of {path}")
    assert ("mean of those for colour" in module.initialisation) == (channels is not Channels.rgb)


def test_without_a_file_the_network_begins_from_scratch(module):
    assert module.initialisation == "from scratch"


def test_weights_of_another_network_are_refused_in_one_line(composed, tmp_path):
    path = tmp_path / "weights.pth"
    torch.save(resnet18().state_dict(), path)
    with pytest.raises(ConfigError, match=rf"^model.weights={path}: \d+ entries missing, unknown or of another shape"):
        Module(composed(*REFERENCE, f"model.weights={path}"), names(253))
    path.write_bytes(b"no weights")
    with pytest.raises(ConfigError, match=rf"^model.weights={path}: not a state_dict"):
        Module(composed(*REFERENCE, f"model.weights={path}"), names(253))


# Refused values


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("model.width=0", "model.width=0: must be at least 1."),
        ("model.blocks=null", "model.blocks=null: model.network=small needs a number of at least 1."),
        ("model.network=resnet50", "model.width=48: model.network=resnet50 has a fixed shape."),
        ("model.dropout=1", "model.dropout=1.0: must lie in 0 to 1, 1 left out."),
        ("model.weights=/nowhere", "model.weights=/nowhere: these fit a ResNet-50."),
        ("data.size=64", "data.size=64: the embedded heads have 32x32 pixels."),
        ("data.train_size=null", "data.train_size, data.val_size: no value, and generated heads have no end."),
        ("data.classes=1", "data.classes=1: must be at least 2."),
        ("data.near=0", "data.near=0.0: must differ from data.far."),
        ("data.shift=-1", "data.shift=-1: must be at least 0."),
        ("data.mean=[0.5,0.5,0.5]", "data.mean=[0.5, 0.5, 0.5]: needs four values, of red, green, blue and depth."),
        ("data.std=[0,1,1,1]", "data.std=[0.0, 1.0, 1.0, 1.0]: each must be greater than 0."),
        ("optim.decay_epochs=0", "optim.decay_epochs=0: must be at least 1."),
        ("optim.momentum=0", "optim.nesterov=true: needs momentum."),
    ],
)
def test_values_that_make_no_sense_are_refused(refusal, word, said):
    assert refusal(TASK, word).startswith(said)


def test_a_file_of_weights_that_is_not_there_is_refused_with_its_key(composed):
    with pytest.raises(ConfigError, match=r"^model.weights=/nowhere/a.pth: no such file."):
        composed(*REFERENCE, "model.weights=/nowhere/a.pth")


# The learning rate


def test_the_learning_rate_falls_every_few_epochs_or_along_half_a_cosine(module, rates):
    falling = {"decay": Decay.step, "decay_epochs": 7, "gamma": 0.1, "warmup_epochs": 0}
    np.testing.assert_allclose(
        rates(module, (0, 69, 70, 139, 140, 499), 10, 500, **falling), [1, 1, 0.1, 0.1, 0.01, 1e-7]
    )
    found = rates(module, (0, 9, 10, 35, 60, 85, 110), 10, 110, decay=Decay.cosine, warmup_epochs=1)
    half = math.sqrt(0.5)
    np.testing.assert_allclose(found, [1 / 11, 10 / 11, 1, (1 + half) / 2, 0.5, (1 - half) / 2, 0], atol=1e-12)


# The metric


def test_accuracy_is_that_of_scikit_learn_with_a_short_last_batch(composed, module, evaluated):
    data = Data(composed(TASK, "data.train_size=64", "data.val_size=90", "data.eval_batch_size=40"))
    logged, sizes = evaluated(module, data, times=2)
    images, labels = example_batch(data, "val", 90)
    with torch.no_grad():
        logits = module(images).numpy()
    assert sizes == [40, 40, 10]
    assert logged["val/accuracy"] == pytest.approx(accuracy_score(labels, logits.argmax(1)))
    top = top_k_accuracy_score(labels, logits, k=5, labels=np.arange(40))
    assert logged["val/accuracy_top5"] == pytest.approx(top)


# What a user sees


def test_a_request_is_answered_with_the_likeliest_people(module):
    module.eval()
    images = torch.randint(256, (3, 4, 32, 32), dtype=torch.uint8)
    answers = module.infer((images, torch.zeros(3, dtype=torch.int64)))
    with torch.no_grad():
        logits = module(images).double().numpy()
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    for answer, row in zip(answers, probabilities, strict=True):
        best = sorted(range(40), key=lambda index: -row[index])[:5]
        assert [name for name, _ in answer] == [f"person {index}" for index in best]
        assert [probability for _, probability in answer] == pytest.approx(row[best].tolist(), rel=1e-4)


def test_the_figure_tells_right_from_wrong(module):
    module.eval()
    images = torch.randint(256, (6, 4, 32, 32), dtype=torch.uint8)
    images[5, 3] = 0  # a sensor that saw nothing
    answers = module.infer((images, torch.zeros(6, dtype=torch.int64)))
    predicted = [int(answer[0][0].split()[1]) for answer in answers]
    labels = torch.tensor([predicted[0]] + [(index + 1) % 40 for index in predicted[1:]])
    axes = [axes for axes in module.render((images, labels)).axes if axes.get_title()]
    assert [panel.title.get_color() for panel in axes] == ["green"] + ["red"] * 5
    assert axes[1].get_title().endswith(f"is person {labels[1]}")
    shown = np.asarray(axes[0].images[0].get_array())
    np.testing.assert_array_equal(shown[:, :32], images[0, :3].permute(1, 2, 0).numpy())
