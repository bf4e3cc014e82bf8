"""Image-to-image translation: its networks, its scores and its answers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, jaccard_score, recall_score
from torch.utils.flop_counter import FlopCounterMode

from aibench.contract import example_batch
from aibench.tasks.image_to_image.data import Data
from aibench.tasks.image_to_image.module import Module
from aibench.tasks.image_to_image.scores import nearest_colour, scores

TASK = "task=image_to_image"
SMALL = ("data.train_size=24", "data.val_size=20", "data.batch_size=6", "data.eval_batch_size=8", "model.width=4")
TINY = (*SMALL, "model.discriminator_width=4", "model.blocks=1", "hardware=cpu", "hardware.threads=1", "progress=false")


@pytest.fixture
def data(composed):
    return Data(composed(TASK, *TINY))


@pytest.fixture
def module(composed, data):
    torch.manual_seed(0)
    return Module(composed(TASK, *TINY), data.facts)


# The networks


def test_the_reference_networks_have_the_parameters_and_multiply_adds_of_cyclegan(composed):
    config = composed(TASK, "scale=reference", "data.source=synthetic", "session=steps", "optim.pool=0")
    with torch.device("meta"):
        module = Module(config, {"classes": ["road"], "palette": [[0, 0, 0]], "segmenter": None})
        (labels,) = (tensor.to("meta") for tensor in module.example_input())
    enlarging = [layer for layer in module.to_photo if isinstance(layer, torch.nn.ConvTranspose2d)]
    places = []
    for layer in enlarging:
        layer.register_forward_hook(lambda _, inputs, output: places.append((inputs[0][0, 0], output[0, 0])))
    with FlopCounterMode(display=False) as counter:
        photos = module(labels)
    assert labels.shape == photos.shape == (1, 3, 256, 256)
    multiply_adds = counter.get_total_flops() / 2
    assert multiply_adds == pytest.approx(49_552e6, rel=0.001)
    # The published count applies the filters of a transposed convolution at each pixel of its output, not of its input.
    weights = [layer.weight.numel() for layer in enlarging]
    more = sum(size * (out.numel() - came.numel()) for size, (came, out) in zip(weights, places, strict=True))
    assert multiply_adds + more == pytest.approx(56_860e6, rel=0.01)
    with FlopCounterMode(display=False) as counter:
        assert module.photo_critic(photos).shape == (1, 1, 30, 30)
    assert counter.get_total_flops() / 2 == pytest.approx(3_149e6, rel=0.01)
    for network, expected in (
        (module.to_photo, 11.378e6),
        (module.to_labels, 11.378e6),
        (module.photo_critic, 2.765e6),
        (module.labels_critic, 2.765e6),
        (module, 28.286e6),
    ):
        assert sum(weight.numel() for weight in network.parameters()) == pytest.approx(expected, rel=0.001)


@pytest.mark.parametrize(("layers", "patch"), [(1, 16), (2, 34), (3, 70)])
def test_a_verdict_covers_a_patch(composed, layers, patch):
    words = ("scale=reference", "data.source=synthetic", "session=steps", "optim.pool=0", "model.width=2")
    config = composed(TASK, *words, "model.discriminator_width=2", f"model.discriminator_layers={layers}")
    module = Module(config, {"classes": ["road"], "palette": [[0, 0, 0]], "segmenter": None})
    critic = torch.nn.Sequential(
        *[part for part in module.photo_critic if not isinstance(part, torch.nn.InstanceNorm2d)]
    )
    images = torch.rand(1, 3, 128, 128, requires_grad=True)
    verdicts = critic(images)
    middle = verdicts.shape[2] // 2
    verdicts[0, 0, middle, middle].backward()
    rows, columns = images.grad[0].abs().sum(0).nonzero().T
    assert (rows.max() - rows.min() + 1, columns.max() - columns.min() + 1) == (patch, patch)


def test_first_weights_are_drawn_from_a_narrow_normal_distribution(composed):
    config = composed(
        TASK, "scale=reference", "data.source=synthetic", "session=steps", "optim.pool=0", "model.blocks=1"
    )
    torch.manual_seed(0)
    module = Module(config, {"classes": ["road"], "palette": [[0, 0, 0]], "segmenter": None})
    for name, weight in module.named_parameters():
        if name.endswith("bias"):
            assert not weight.any()
        elif weight.numel() > 50_000:
            assert weight.std().item() == pytest.approx(0.02, rel=0.02)
            assert abs(weight.mean().item()) < 0.001


# Refused values


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("model.blocks=0", "model.blocks=0: must be at least 1."),
        ("model.kernel=4", "model.kernel=4: must be odd."),
        ("model.halvings=6", "data.size=32: model.halvings=6 needs a multiple of 64."),
        ("model.discriminator_layers=4", "data.size=32: too small for these networks. Set it to at least 48"),
        ("data.size=64", "data.load=32: must be at least 64."),
        ("data.load=40", "data.load=40 data.size=32: the embedded images have 32x32 pixels."),
        ("data.train_size=null", "data.train_size, data.val_size: no value, and generated scenes have no end."),
        ("data.segmenter=weights.pt", "data.segmenter=weights.pt: the embedded data bring their own."),
        ("data.segmenter_size=[32]", "data.segmenter_size=[32]: needs two values, of height and width."),
        ("optim.beta1=1", "optim.beta1=1.0: must lie in 0 to 1, 1 left out."),
        ("optim.constant=2", "optim.constant=2.0: must lie in 0 to 1."),
        ("optim.pool=4", "optim.pool=4: less than data.batch_size=8. Set optim.pool to that or 0."),
        ("target.class_iou=0", "target.class_iou=0.0: must lie in 0 to 1, 0 left out."),
    ],
)
def test_values_that_make_no_sense_are_refused(refusal, word, said):
    assert refusal(TASK, word).startswith(said)


# The metric


def _scikit_learn(true, said):
    """The three scores of flat arrays, over the classes that are in either."""
    classes = sorted(set(true) | set(said))
    recalls = recall_score(true, said, labels=classes, average=None, zero_division=0)
    return accuracy_score(true, said), np.mean(recalls), jaccard_score(true, said, labels=classes, average="macro")


@pytest.mark.parametrize(("true", "said"), [(7, 7), (4, 4), (4, 7), (7, 4)], ids=str)
def test_scores_are_those_of_scikit_learn_whichever_classes_are_absent(true, said):
    generator = np.random.default_rng(0)
    truth = generator.integers(0, true, 3000)
    answer = np.where(generator.random(3000) < 0.6, np.minimum(truth, said - 1), generator.integers(0, said, 3000))
    confusion = np.zeros((7, 7), dtype=np.int64)
    for row, column in zip(truth, answer, strict=True):
        confusion[row, column] += 1
    found = [float(score) for score in scores(torch.from_numpy(confusion))]
    assert found == pytest.approx(_scikit_learn(truth, answer), abs=1e-12)


def test_a_pixel_has_the_class_of_the_nearest_colour():
    generator = np.random.default_rng(0)
    palette = generator.integers(0, 256, (9, 3), dtype=np.uint8)
    images = generator.integers(0, 256, (2, 3, 5, 4), dtype=np.uint8)
    found = nearest_colour(torch.from_numpy(images), torch.from_numpy(palette)).numpy()
    for image, rows, columns in itertools.product(range(2), range(5), range(4)):
        distances = [
            sum((int(a) - int(b)) ** 2 for a, b in zip(images[image, :, rows, columns], c, strict=True))
            for c in palette
        ]
        assert distances[found[image, rows, columns]] == min(distances)


def test_an_evaluation_scores_what_the_segmenter_sees_in_the_generated_photos(module, data, evaluated):
    logged, _ = evaluated(module, data, times=2)
    labels, photos, classes = example_batch(data, "val", 20)
    truth, shape = classes.numpy().ravel(), classes.shape[1:]
    with torch.no_grad():
        back = ((module.to_labels(photos / 127.5 - 1) + 1) * 127.5).round().to(torch.uint8)
    answers = {
        "": module.segmenter(module.infer((labels,)), shape),
        "real_": module.segmenter(photos, shape),
        "label_": nearest_colour(back, torch.tensor(data.facts["palette"])),
    }
    for prefix, answer in answers.items():
        found = [logged[f"val/{prefix}{name}"] for name in ("pixel_accuracy", "class_accuracy", "class_iou")]
        assert found == pytest.approx(_scikit_learn(truth, answer.numpy().ravel()), abs=1e-6)
    assert logged["val/real_pixel_accuracy"] > 0.95, "the segmenter knows real photos"


@pytest.mark.parametrize(
    "criteria", [(0.2, 0.2, 0.2), (0.9, 0.01, 0.01), (0.01, 0.9, 0.01), (0.01, 0.01, 0.9)], ids=str
)
def test_the_target_is_reached_when_all_three_criteria_are(composed, data, criteria, evaluated):
    names = ("pixel_accuracy", "class_accuracy", "class_iou")
    words = [f"target.{name}={value}" for name, value in zip(names, criteria, strict=True)]
    torch.manual_seed(0)
    logged, _ = evaluated(Module(composed(TASK, *TINY, *words), data.facts), data, times=2)
    met = all(logged[f"val/{name}"] >= value for name, value in zip(names, criteria, strict=True))
    assert met == (max(criteria) < 0.5)
    assert (logged["val/criteria"] >= 1) == met
    assert logged["val/criteria"] == pytest.approx(
        min(logged[f"val/{name}"] / value for name, value in zip(names, criteria, strict=True))
    )


def test_the_segmenter_is_no_part_of_the_model_and_of_its_checkpoints(module):
    inside = {id(weight) for weight in module.parameters()} | {id(tensor) for tensor in module.state_dict().values()}
    assert not inside & {id(weight) for weight in module.segmenter.network.parameters()}
    module.train()
    assert not module.segmenter.network.training


# What a user sees


def test_a_request_is_answered_with_photos(module):
    module.eval()
    labels = torch.randint(256, (3, 3, 32, 32), dtype=torch.uint8)
    with torch.no_grad():
        photos = module(labels).numpy().astype(np.float64)
    np.testing.assert_allclose(module.infer((labels,)).numpy(), np.rint((photos + 1) / 2 * 255), atol=1)
    assert module.infer((labels,)).dtype == torch.uint8


def test_the_figure_shows_a_scene_in_each_column(module, data):
    module.eval()
    batch = example_batch(data, "val", 4)
    figure = module.render(batch)
    shown = [axes.images[0].get_array() for axes in figure.axes]
    titles = [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()]
    assert titles == ["label map", "generated photo", "its segmentation", "real photo"]
    np.testing.assert_array_equal(shown[0], batch[0][0].permute(1, 2, 0))
    np.testing.assert_array_equal(shown[15], batch[1][3].permute(1, 2, 0))
    assert {tuple(colour) for colour in np.asarray(shown[8]).reshape(-1, 3).tolist()} <= {
        tuple(colour) for colour in data.facts["palette"]
    }
