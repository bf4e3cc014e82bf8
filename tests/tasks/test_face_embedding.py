"""Face embedding: its networks, loss, learning rate, metric and answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from aibench.contract import example_batch
from aibench.nn.decay import Decay
from aibench.tasks.face_embedding.data import Data
from aibench.tasks.face_embedding.inception import ROWS, Inception, RootMeanSquare
from aibench.tasks.face_embedding.module import Module
from aibench.tasks.face_embedding.triplets import triplet_loss
from aibench.tasks.face_embedding.verification import People, verify

TASK = "task=face_embedding"
REFERENCE = (TASK, "scale=reference", "data.source=synthetic", "session=steps")
FACTS = {"pairs": [[0, 1, 1, 0], [0, 2, 0, 1]], "triplets": [[0, 1, 1, 0], [0, 2, 0, 1]]}


@pytest.fixture
def module(composed):
    torch.manual_seed(0)
    return Module(composed(TASK), FACTS)


# The networks


def parameters_and_multiply_adds(config):
    with torch.device("meta"):
        module = Module(config, FACTS).eval()
        (images,) = module.example_input()
    with FlopCounterMode(display=False) as counter:
        assert module(images).shape == (1, 128)
    return sum(parameter.numel() for parameter in module.parameters()), counter.get_total_flops() / 2


def test_the_reference_model_has_the_parameters_and_multiply_adds_of_facenets_nn2(composed):
    parameters, multiply_adds = parameters_and_multiply_adds(composed(*REFERENCE))
    assert parameters == pytest.approx(7.5e6, rel=0.01)  # FaceNet's table 2, in all; its "FLOPS" are multiply-adds
    assert multiply_adds == pytest.approx(1.6e9, rel=0.01)
    # OpenFace counts 7,472,144 for its copy (docs/models-and-accuracies.md), whose 7,920 outputs of convolutions have
    # biases; here batch normalisation's take their place.
    assert parameters == 7_472_144 - 7_920


def test_the_rows_of_nn2_have_the_parameters_and_multiply_adds_of_facenets_table():
    table = {  # parameters in thousands, multiply-adds in millions, as printed
        "3a": (164, 128),
        "3b": (228, 179),
        "3c": (398, 108),
        "4a": (545, 107),
        "4b": (595, 117),
        "4c": (654, 128),
        "4d": (722, 142),
        "4e": (717, 56),
        "5a": (1600, 78),
        "5b": (1600, 78),
    }
    channels, side = 192, 28
    for row in ROWS:
        layer = Inception(channels, row).to("meta").eval()
        with FlopCounterMode(display=False) as counter:
            out = layer(torch.empty(1, channels, side, side, device="meta"))
        weights = sum(parameter.numel() for parameter in layer.parameters() if parameter.ndim == 4)
        assert out.shape == (1, row.outputs(channels), side // row.stride, side // row.stride)
        parameters, multiply_adds = table[row.name]
        assert weights == pytest.approx(1e3 * parameters, rel=0.03)
        assert counter.get_total_flops() / 2 == pytest.approx(1e6 * multiply_adds, rel=0.03)
        channels, side = row.outputs(channels), side // row.stride
    assert (channels, side) == (1024, 7)


def test_the_authors_network_has_the_parameters_and_multiply_adds_that_were_counted(composed):
    parameters, multiply_adds = parameters_and_multiply_adds(composed(*REFERENCE, "model=face_embedding/resnet34_182"))
    classifier = 128 * 10_000 + 10_000  # of the authors' code; it never enters the loss
    assert parameters == pytest.approx(23.64e6, rel=1e-3)
    assert parameters + classifier == pytest.approx(24.93e6, rel=1e-3)
    assert multiply_adds == pytest.approx(2.601e9, rel=0.01)  # counted with OpCounter (thop), normalisation included


def test_root_mean_square_pooling_is_that_of_the_neighbours():
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 4)).astype(np.float32)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    expected = [[(padded[:, :, i : i + 3, j : j + 3] ** 2).mean((2, 3)) ** 0.5 for j in range(4)] for i in range(5)]
    found = RootMeanSquare()(torch.from_numpy(x))
    np.testing.assert_allclose(found, np.moveaxis(np.array(expected), (0, 1), (2, 3)), atol=1e-4)
    zeros = torch.zeros(1, 1, 3, 3, requires_grad=True)
    RootMeanSquare()(zeros).sum().backward()
    assert torch.equal(zeros.grad, torch.zeros(1, 1, 3, 3)), "a rectifier's zeros must not make NaN"


def test_images_are_normalised_and_embeddings_have_length_one(module):
    images = torch.randint(256, (3, 3, 32, 32), dtype=torch.uint8)
    seen = []
    module.network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    embeddings = module(images)
    mean, std = module.config.data.mean, module.config.data.std
    by_hand = np.stack([(images.numpy()[:, c] / 255.0 - mean[c]) / std[c] for c in range(3)], axis=1)
    np.testing.assert_allclose(seen[0].numpy(), by_hand, atol=1e-5)
    assert embeddings.shape == (3, 64)
    np.testing.assert_allclose(embeddings.detach().norm(dim=1), 1, atol=1e-5)


# The loss


def brute_force(embeddings, labels, margin, squared):
    """Triplet by triplet, as FaceNet's 3.2 has it."""
    losses = []
    for anchor in range(len(labels)):
        away = [float(((embeddings[anchor] - other) ** 2).sum()) for other in embeddings]
        away = away if squared else [math.sqrt(value) for value in away]
        others = sorted(away[i] for i in range(len(labels)) if labels[i] != labels[anchor])
        for positive in range(len(labels)):
            if positive == anchor or labels[positive] != labels[anchor] or not others:
                continue
            farther = [value for value in others if value > away[positive]]
            losses.append(max(0.0, away[positive] - (farther[0] if farther else others[-1]) + margin))
    return sum(losses) / max(1, len(losses))


@pytest.mark.parametrize("squared", [True, False])
@pytest.mark.parametrize("people", [1, 2, 5, 12])
def test_the_loss_is_that_of_semi_hard_triplets(squared, people):
    generator = np.random.default_rng(people)
    embeddings, labels = generator.normal(size=(12, 4)), generator.permutation(np.arange(12) % people)
    found = triplet_loss(torch.tensor(embeddings), torch.tensor(labels), 0.7, squared)
    assert float(found) == pytest.approx(brute_force(embeddings, labels, 0.7, squared), rel=1e-4)


def test_the_loss_has_a_gradient_that_differences_confirm():
    generator = np.random.default_rng(0)
    values, labels = generator.normal(size=(8, 3)), np.array([0, 0, 0, 1, 1, 2, 2, 2])
    embeddings = torch.tensor(values, requires_grad=True)
    triplet_loss(embeddings, torch.tensor(labels), 1.0, True).backward()
    for place in ((0, 0), (3, 1), (7, 2)):
        step = np.zeros_like(values)
        step[place] = 1e-4
        around = [brute_force(values + sign * step, labels, 1.0, True) for sign in (1, -1)]
        assert float(embeddings.grad[place]) == pytest.approx((around[0] - around[1]) / 2e-4, abs=1e-3)


@pytest.mark.parametrize("labels", [[0, 1, 2], [0, 0, 0]])
def test_a_batch_without_triplets_has_no_loss_and_no_gradient(labels):
    embeddings = torch.randn(3, 4, requires_grad=True)
    loss = triplet_loss(embeddings, torch.tensor(labels), 0.2, False)
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(embeddings.grad, torch.zeros(3, 4))


# The learning rate


def test_the_learning_rate_falls_every_few_epochs_or_along_half_a_cosine(module, rates):
    falling = {"decay": Decay.step, "decay_epochs": 2.5, "gamma": 0.1, "warmup_epochs": 0}
    np.testing.assert_allclose(rates(module, (0, 24, 25, 49, 50), 10, 200, **falling), [1, 1, 0.1, 0.1, 0.01])
    found = rates(module, (0, 10, 35, 60, 110), 10, 110, decay=Decay.cosine, warmup_epochs=1)
    np.testing.assert_allclose(found, [1 / 11, 1, (1 + math.sqrt(0.5)) / 2, 0.5, 0], atol=1e-12)


# The metric


def ten_fold(distances, same, fold):
    """The protocol of LFW, pair by pair and threshold by threshold."""
    accuracies, used = [], []
    for left_out in range(max(fold) + 1):
        best, most = None, -1
        for step in range(400):
            right = sum(
                (distance < step / 100) == is_same
                for distance, is_same, part in zip(distances, same, fold, strict=True)
                if part != left_out
            )
            if right > most:
                best, most = step / 100, right
        own = [pair for pair in range(len(same)) if fold[pair] == left_out]
        accuracies.append(sum((distances[pair] < best) == same[pair] for pair in own) / len(own))
        used.append(best)
    return accuracies, used


@pytest.mark.parametrize("seed", range(4))
def test_verification_is_that_of_the_protocol_pair_by_pair(seed):
    generator = np.random.default_rng(seed)
    same = generator.random(90) < 0.5
    distances = np.round(np.clip(generator.normal(np.where(same, 0.9, 1.5), 0.4), 0, 4), 2)  # many on a threshold
    fold = np.sort(generator.integers(0, 5, 90))
    found = verify(*(torch.from_numpy(part) for part in (distances, same, fold)))
    accuracies, thresholds = ten_fold(distances.tolist(), same.tolist(), fold.tolist())
    assert found.accuracies.tolist() == pytest.approx(accuracies)
    assert found.thresholds.tolist() == pytest.approx(thresholds)
    assert float(found.accuracy) == pytest.approx(np.mean(accuracies))


def test_the_logged_qualities_are_those_of_all_embeddings_with_a_short_last_batch(composed, module, evaluated):
    sizes_of_data = ("data.train_size=64", "data.val_size=90", "data.pairs=200", "data.triplets=100")
    data = Data(composed(TASK, *sizes_of_data, "data.eval_batch_size=40"))
    module = Module(module.config, data.facts).eval()
    logged, sizes = evaluated(module, data, times=2)
    assert sizes == [40, 40, 10]
    with torch.no_grad():
        embeddings = module(example_batch(data, "val", 90)[0]).numpy().astype(float)
    expected = {}
    for fact in ("pairs", "triplets"):
        first, second, same, fold = np.array(data.facts[fact]).T
        distances = ((embeddings[first] - embeddings[second]) ** 2).sum(1)
        expected[fact] = ten_fold(distances.tolist(), (same == 1).tolist(), fold.tolist())
    accuracies, thresholds = expected["pairs"]
    assert logged == {
        "val/accuracy": pytest.approx(np.mean(accuracies)),
        "val/accuracy_std": pytest.approx(np.std(accuracies)),
        "val/triplet_accuracy": pytest.approx(np.mean(expected["triplets"][0])),
    }
    assert float(module.threshold) == pytest.approx(np.mean(thresholds))
    people = module.sample_scores()
    assert len(people) == 15
    assert people.value(np.arange(15)) == pytest.approx(np.mean(accuracies))


def test_people_who_are_drawn_twice_have_their_pairs_as_often_as_both_were_drawn():
    generator = np.random.default_rng(1)
    people = generator.integers(0, 9, (2, 200))
    people[1, :100] = people[0, :100]
    distances = np.clip(generator.normal(np.where(people[0] == people[1], 0.9, 1.5), 0.4), 0, 4)
    fold = np.arange(200) % 5
    drawn = np.array([0, 1, 1, 2, 3, 3, 3, 4, 8])
    times = np.bincount(drawn, minlength=9)
    repeated = [
        pair
        for pair, (one, other) in enumerate(people.T)
        for _ in range(times[one] * (1 if one == other else times[other]))
    ]
    same = people[0] == people[1]
    expected, _ = ten_fold(distances[repeated].tolist(), same[repeated].tolist(), fold[repeated].tolist())
    assert People(distances, people, fold).value(drawn) == pytest.approx(np.mean(expected))


# What a user sees


def test_a_request_is_answered_with_whom_each_face_is_the_same_as(module):
    module.eval()
    images = torch.randint(256, (4, 3, 32, 32), dtype=torch.uint8)
    images[2] = images[0]
    module.threshold.fill_(1e-4)
    answers = module.infer((images, torch.zeros(4, dtype=torch.int64)))
    assert [answer["same"] for answer in answers] == [[2], [], [0], []]
    assert np.square(answers[0]["embedding"]).sum() == pytest.approx(1, abs=1e-4)
    assert len(answers[0]["embedding"]) == 64


def test_the_figure_frames_wrong_verdicts(module):
    module.eval()
    images = torch.randint(256, (4, 3, 32, 32), dtype=torch.uint8)
    images[2] = images[0]
    module.threshold.fill_(1e-4)
    axes = module.render((images, torch.tensor([0, 1, 2, 1]))).axes[0]
    frames = {(round(patch.get_x() + 0.46), round(patch.get_y() + 0.46)) for patch in axes.patches}
    assert frames == {(0, 2), (2, 0), (1, 3), (3, 1)}, "one pair taken for the same person, one for two"
    assert axes.get_title() == "One person below 0.00: 2 of 6 pairs wrong, in red"


# Refused values


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("model.width=0", "model.width=0: must be at least 1."),
        ("model.blocks=null", "model.blocks=null: model.network=small needs a number of at least 1."),
        (
            "model.network=inception",
            "model.width=40: model.network=inception has a fixed shape. Set model.width=null",
        ),
        ("model.margin=0", "model.margin=0.0: must be greater than 0."),
        ("model.norm=-1", "model.norm=-1.0: must be greater than 0."),
        ("model.size=64", "model.size=64: the embedded heads have 32x32 pixels."),
        ("data.per_identity=1", "data.per_identity=1: must be at least 2."),
        ("data.folds=1", "data.folds=1: must be at least 2."),
        ("data.pairs=10", "data.pairs=10: must be at least 20."),
        ("data.batch_size=3", "data.batch_size=3: a triplet needs two pictures of one person and one of another."),
        ("data.val_size=null", "data.train_size, data.val_size: no value, and generated heads have no end."),
        ("data.std=[0,1,1]", "data.std=[0.0, 1.0, 1.0]: each must be greater than 0."),
        ("data.mean=[0]", "data.mean=[0.0]: needs three values, of red, green and blue."),
        ("optim.decay_epochs=0", "optim.decay_epochs=0.0: must be greater than 0."),
    ],
)
def test_values_that_make_no_sense_are_refused(refusal, word, said):
    assert refusal(TASK, word).startswith(said)
