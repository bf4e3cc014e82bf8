"""The caption generator: its networks, its metric and its answers."""

from __future__ import annotations

import contextlib
import copy
import functools
import math
from collections import Counter

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.utils.flop_counter import FlopCounterMode

from aibench.composition.compose import composed
from aibench.config import ConfigError
from aibench.contract import example_batch
from aibench.tasks.image_to_text import baseline
from aibench.tasks.image_to_text.data import Data
from aibench.tasks.image_to_text.model import Eye, Writer
from aibench.tasks.image_to_text.module import Module, bleu
from aibench.text.ngrams import KneserNey
from aibench.text.vocabulary import BOS, EOS, PAD, SPECIALS, UNK
from aibench.training.loader import EvalBatches

TASK = "task=image_to_text"
REFERENCE = (TASK, "scale=reference", "data.source=synthetic", "session=steps")
SMALL = (TASK, "data.train_size=40", "data.val_size=6", "data.batch_size=8", "data.eval_batch_size=4")


@functools.cache
def _composed_once(words):
    return composed(words)


def run(*words):
    """The run of `words`; Hydra takes a quarter of a second."""
    return copy.deepcopy(_composed_once(words))


@functools.cache
def small_data():
    return Data(run(*SMALL))


@pytest.fixture
def module():
    """A miniature."""
    torch.manual_seed(0)
    return Module(run(*SMALL), small_data().facts).eval()


# The reference's network


@contextlib.contextmanager
def without_fused_operators():
    """FlopCounterMode does not count the LSTM that oneDNN computes as one operator."""
    with torch.backends.mkldnn.flags(enabled=False):
        yield


@functools.cache
def on_meta(*words):
    config = run(*REFERENCE, *words)
    with torch.device("meta"):
        return Module(config, {"words": [*SPECIALS, *map(str, range(config.data.vocabulary - 4))]}).eval()


@pytest.mark.parametrize(
    ("words", "parameters", "learning"),
    [
        ((), 68_506_353, 10_362_545),
        (("model=image_to_text/inception_v3",), 34.2e6 - 2048 * 1000 - 1000, 10.36e6),  # counted with its classifier
    ],
)
def test_the_reference_has_the_parameters_of_the_papers_largest_model(words, parameters, learning):
    module = on_meta(*words)
    assert sum(weight.numel() for weight in module.parameters()) == pytest.approx(parameters, rel=1e-3)
    learned = sum(weight.numel() for weight in module.parameters() if weight.requires_grad)
    assert learned == pytest.approx(learning, rel=1e-3)


@pytest.mark.parametrize(("words", "multiply_adds"), [((), 11_604e6), (("model=image_to_text/inception_v3",), 5_749e6)])
def test_the_reference_multiplies_as_often_as_counted(words, multiply_adds):
    module = on_meta(*words)
    images, captions, owners = (tensor.to("meta") for tensor in module.example_input())
    with without_fused_operators(), FlopCounterMode(display=False) as counter:
        assert module(images, captions, owners).shape == (1, 12, 9956)
    assert counter.get_total_flops() / 2 == pytest.approx(multiply_adds, rel=0.01)


def test_the_decoder_multiplies_as_its_layers_say(module):
    captions = torch.ones(1, 7, dtype=torch.int64)
    model, words = module.config.model, len(module.vocabulary)
    with without_fused_operators(), FlopCounterMode(display=False) as counter:
        module.writer(torch.zeros(1, model.embedding), captions)
    lstm = 8 * 4 * model.hidden * (model.embedding + model.hidden)  # the image and seven words
    assert counter.get_total_flops() / 2 == lstm + 7 * model.hidden * words


# The frozen encoder


def frozen(module):
    """`module` with its encoder frozen, as the configuration does it for the reference."""
    config = copy.deepcopy(module.config)
    config.model.frozen = True
    return Module(config, module.facts)


def test_a_frozen_encoder_stays_as_it_is_in_every_bit(module):
    module = frozen(module).train()
    before = copy.deepcopy(module.state_dict())
    optimizer = torch.optim.AdamW([weight for weight in module.parameters() if weight.requires_grad], lr=0.1)
    for indices in torch.arange(40).split(8):
        optimizer.zero_grad()
        module.training_step(small_data().dataset("train").gather(indices), 0).backward()
        optimizer.step()
    changed = {name for name, value in module.state_dict().items() if not torch.equal(value, before[name])}
    assert all(weight.grad is None for weight in module.eye.network.parameters())
    assert changed == {name for name in before if not name.startswith("eye.network")}


def test_a_frozen_encoder_does_not_normalise_with_the_batch(module):
    eye = frozen(module).train().eye
    images = torch.rand(6, 3, 32, 32)
    torch.testing.assert_close(eye.network(images)[:1], eye.network(images[:1]))
    assert not torch.allclose(module.train().eye.network(images)[:1], eye.network(images)[:1])


def test_all_of_the_miniature_learns(module):
    module.train().training_step(example_batch(small_data(), "train", 8), 0).backward()
    assert all(weight.grad is not None and bool(weight.grad.any()) for weight in module.parameters())


# Weights from a file


@functools.cache
def inception_state():
    from torchvision.models import inception_v3

    torch.manual_seed(1)
    return inception_v3(init_weights=False).state_dict()


@pytest.mark.slow
def test_the_weights_of_a_file_are_the_encoders(tmp_path):
    state = inception_state()
    torch.save(state, tmp_path / "inception.pth")
    words = ("model=image_to_text/inception_v3", "model.size=75", f"model.weights={tmp_path / 'inception.pth'}")
    module = Module(run(*REFERENCE, *words), {"words": [*SPECIALS, "a"]})
    assert module.initialisation == f"encoder with the weights of {tmp_path / 'inception.pth'}"
    kept = module.eye.network.state_dict()
    assert {name for name in state if name not in kept} == {
        name for name in state if name.startswith(("fc.", "AuxLogits."))
    }
    assert all(torch.equal(value, state[name]) for name, value in kept.items())


@pytest.mark.slow
def test_the_pixels_of_each_channel_come_to_inception_between_minus_one_and_one():
    module = Module(run(*REFERENCE, "model=image_to_text/inception_v3", "model.size=75"), {"words": [*SPECIALS, "a"]})
    seen = []
    module.eye.network.Conv2d_1a_3x3.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    images = torch.randint(256, (2, 3, 75, 75), dtype=torch.uint8)
    module.eval().seen(images)
    torch.testing.assert_close(seen[0], images / 127.5 - 1, atol=1e-4, rtol=0)


def test_a_file_of_other_weights_is_named(tmp_path):
    torch.save({"conv1.weight": torch.zeros(3)}, tmp_path / "wrong.pth")
    config = run(*REFERENCE, f"model.weights={tmp_path / 'wrong.pth'}")
    with (
        torch.device("meta"),
        pytest.raises(ConfigError, match=r"wrong\.pth: \d+ entries missing, unknown or of anoth"),
    ):
        Eye(config.model)


# The decoder


def test_the_image_is_read_before_the_words_and_each_logit_follows_its_word(module):
    """The same LSTM, cell by cell."""
    writer = module.writer
    seen, captions = torch.randn(2, 96), torch.tensor([[BOS, 5, 7, 9], [BOS, 6, EOS, PAD]])
    cell = torch.nn.LSTMCell(writer.lstm.input_size, writer.lstm.hidden_size)
    cell.load_state_dict({name.removesuffix("_l0"): value for name, value in writer.lstm.state_dict().items()})
    state = cell(seen)
    expected = []
    for place in range(4):
        state = cell(writer.embedding(captions[:, place]), state)
        expected.append(writer.linear(state[0]))
    torch.testing.assert_close(writer(seen, captions), torch.stack(expected, 1), atol=1e-5, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("bias", [0.0, 1.0])
def test_the_forget_gates_begin_open(bias):
    config = run(*SMALL, "model.embedding=64")
    config.model.forget_bias = bias
    lstm = Writer(20, config.model).lstm
    inputs, forget, cell, output = (lstm.bias_ih_l0 + lstm.bias_hh_l0).chunk(4)  # PyTorch's order of the gates
    assert float(forget.mean()) == pytest.approx(bias, abs=0.05)
    assert all(float(gate.mean()) == pytest.approx(0, abs=0.05) for gate in (inputs, cell, output))


def test_no_word_tells_of_those_after_it(module):
    seen, captions = torch.randn(1, 96), torch.tensor([[BOS, 5, 7, 9, 8]])
    other = torch.tensor([[BOS, 5, 7, 4, 6]])
    torch.testing.assert_close(module.writer(seen, captions)[:, :3], module.writer(seen, other)[:, :3])


def test_padding_costs_nothing_in_training(module):
    images, captions, owners = example_batch(small_data(), "train", 8)
    wider = torch.cat([captions, torch.full((8, 5), PAD)], dim=1)
    losses = [module.training_step((images, rows, owners), 0) for rows in (captions, wider)]
    torch.testing.assert_close(*losses)


def test_one_beam_writes_the_likeliest_word_each_time(module):
    seen = module.seen(example_batch(small_data(), "val", 4)[0])
    for row, written in zip(seen, module.writer.written(seen, 1, 10), strict=True):
        words = [BOS]
        while len(words) <= 10:
            logits = module.writer(row[None], torch.tensor([words]))[0, -1]
            logits[[PAD, BOS, UNK]] = -math.inf
            words.append(int(logits.argmax()))
            if words[-1] == EOS:
                break
        assert [word for word in words[1:] if word != EOS] == written


@torch.no_grad()
def test_many_beams_find_the_likeliest_caption_of_all():
    config = run(*SMALL)
    config.model.hidden = config.model.embedding = 8
    torch.manual_seed(3)
    writer = Writer(6, config.model).eval()  # two words, `4` and `5`
    writer.linear.weight.data *= 4
    captions = [[], *([a] for a in (4, 5)), *([a, b] for a in (4, 5) for b in (4, 5))]
    for seen in 3 * torch.randn(5, 1, 8):
        assert writer.written(seen, 8, 2) == [max(captions, key=lambda words: log_probability(writer, seen, words))]


def log_probability(writer, seen, words):
    logits = writer(seen, torch.tensor([[BOS, *words]]))[0]
    logits[:, [PAD, BOS, UNK]] = -math.inf
    return float(logits.log_softmax(1)[range(len(words) + 1), [*words, EOS]].sum())


def test_an_unknown_word_is_never_written(module):
    module.writer.linear.bias.data[[PAD, BOS, UNK]] = 100.0
    answer = module.infer(example_batch(small_data(), "val", 3))
    assert len(answer) == 3
    assert not set(SPECIALS) & set(" ".join(answer).split())


# The metric


@torch.no_grad()
def test_the_perplexity_is_that_of_single_captions_one_by_one(module):
    logged = evaluated(module)
    costs = []
    dataset = small_data().dataset("val")
    for image, captions in (dataset[index] for index in range(6)):
        for caption in captions:
            inputs = (image[None], caption[None, :-1], torch.tensor([0]))
            odds = module(*inputs)[0].double().softmax(1)
            costs += [-math.log(float(odds[place, word])) for place, word in enumerate(caption[1:].tolist())]
    assert len(costs) == sum(len(caption) - 1 for index in range(6) for caption in dataset[index][1])
    assert logged["val/perplexity"] == pytest.approx(math.exp(math.fsum(costs) / len(costs)), rel=1e-5)


@torch.no_grad()
def test_the_scores_of_the_images_are_the_losses_and_words_of_their_captions(module):
    logged = evaluated(module)
    scores, dataset = module.sample_scores(), small_data().dataset("val")
    assert scores.value(np.arange(6)) == pytest.approx(logged["val/perplexity"])
    for index, (image, captions) in enumerate(dataset[at] for at in range(6)):
        costs = [
            float(
                cross_entropy(
                    module(image[None], caption[None, :-1], torch.tensor([0]))[0], caption[1:], reduction="sum"
                )
            )
            for caption in captions
        ]
        assert scores.numerators[index] == pytest.approx(sum(costs), rel=1e-4)
        assert scores.denominators[index] == sum(len(caption) - 1 for caption in captions)


def evaluated(module):
    logged = {}
    module.log = lambda name, value: logged.update({name: float(value)})
    with torch.no_grad():
        for place, batch in enumerate(EvalBatches(small_data(), small_data().dataset("val"))):
            module.validation_step(batch, place)
    module.on_validation_epoch_end()
    return logged


def test_an_evaluation_begins_anew_each_time(module):
    assert evaluated(module) == evaluated(module)


def test_bleu_is_of_the_first_images_alone(module):
    module.config.data.described = 5
    dataset = small_data().dataset("val")
    module.eye.linear.weight.data.zero_()  # every image gets the same caption
    logged = evaluated(module)
    (caption,) = set(module.infer(dataset.gather(torch.arange(6))))
    references = [[module.text(text.tolist()) for text in dataset[index][1]] for index in range(5)]
    assert logged["val/bleu"] == pytest.approx(bleu([caption] * 5, references))


def test_bleu_equals_its_definition_counted_by_hand():
    generator = np.random.default_rng(2)
    texts = [" ".join(generator.choice(list("abcd"), 9)) for _ in range(30)]
    references = [
        [" ".join(generator.choice(list("abcd"), generator.integers(5, 13))) for _ in range(generator.integers(1, 6))]
        for _ in texts
    ]
    matched, total, length, closest = [0] * 4, [0] * 4, 0, 0
    for text, row in zip(texts, references, strict=True):
        words, rows = text.split(), [reference.split() for reference in row]
        length += len(words)
        closest += min((abs(len(other) - len(words)), len(other)) for other in rows)[1]
        for size in range(1, 5):
            allowed = Counter()
            for other in rows:
                allowed |= grams(other, size)
            matched[size - 1] += sum((grams(words, size) & allowed).values())
            total[size - 1] += sum(grams(words, size).values())
    precision = math.exp(sum(math.log(part / whole) for part, whole in zip(matched, total, strict=True)) / 4)
    assert bleu(texts, references) == pytest.approx(100 * precision * min(1, math.exp(1 - closest / length)))


def grams(words, size):
    return Counter(tuple(words[at : at + size]) for at in range(len(words) - size + 1))


# Baselines


def test_the_baseline_of_the_nearest_pictures_is_that_of_a_plain_search():
    """With a loop over pictures and words, and the n-grams that tests/text/test_ngrams.py holds."""
    data = Data(run(*SMALL, "data.train_size=600", "data.val_size=8"))
    train, val = data.dataset("train"), data.dataset("val")
    words, said = len(data.vocabulary), lambda part, at: [row.tolist()[1:] for row in part[at][1]]
    of_picture = [
        [caption for index in range(5 * at, 5 * at + 5) for caption in said(train, index)] for at in range(120)
    ]
    every = KneserNey([caption for captions in of_picture for caption in captions], 6, words)

    def losses(image, captions, without=None):
        distances = ((train.images.double() - image.double()) ** 2).sum((1, 2, 3))
        order = [at for at in distances.argsort().tolist() if at != without][: baseline.NEIGHBOURS]
        near = KneserNey([caption for at in order for caption in of_picture[at]], baseline.NEAR_ORDER, words)
        return near.probabilities(captions), every.probabilities(captions)

    tuned = [losses(train.images[at], of_picture[at], at) for at in range(120)]
    judged = [losses(val.images[at], said(val, at)) for at in range(8)]
    costs = {
        share: -sum(np.log(share * near + (1 - share) * far).sum() for near, far in tuned) for share in baseline.SHARES
    }
    share = min(costs, key=costs.get)
    cost = np.concatenate([-np.log(share * near + (1 - share) * far) for near, far in judged])
    found = {one.name: one.quality for one in data.baselines()}
    assert found["captions of the nearest pictures"]["val"] == pytest.approx(math.exp(cost.mean()))
    assert set(found["captions of the nearest pictures"]) == {"val", "test"}


# Learning, and the figure


def test_learns_a_few_pictures_by_heart():
    torch.manual_seed(0)
    module = Module(run(*SMALL), small_data().facts).train()
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.005)
    batch = small_data().dataset("train").gather(torch.arange(0, 40, 5))  # a caption of each of eight pictures
    for _ in range(60):
        optimizer.zero_grad()
        module.training_step(batch, 0).backward()
        optimizer.step()
    module.eval()
    assert module.infer(batch) == [module.text(caption) for caption in batch[1].tolist()]


def test_the_figure_has_a_picture_and_two_texts_for_each_image(module):
    figure = module.render(example_batch(small_data(), "val", 6))
    drawn = [axes for axes in figure.axes if axes.images]
    assert len(drawn) == 6
    assert all(axes.get_title(loc="left") and axes.texts[0].get_text().startswith(("a ", "the")) for axes in drawn)


# Refused values


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("model.width=null",), "model.width=null: model.encoder=small needs a number of at least 1."),
        (
            ("model.encoder=resnet152",),
            "model.width=16: model.encoder=resnet152 has a fixed shape. Set model.width=null, or model.",
        ),
        (("model.frozen=true",), "model.frozen=true: an encoder that begins at random and stays so sees nothing."),
        (("model.weights=/x",), "model.weights=/x: model.encoder=small has no ImageNet weights."),
        (("model.hidden=0",), "model.hidden=0: must be at least 1."),
        (("model.beams=0",), "model.beams=0: must be at least 1."),
        (("model.momentum=0",), "model.momentum=0.0: must lie in 0 to 1, 0 left out."),
        (("model.size=31",), "model.size=31: embedded scenes have 32 to 80 pixels."),
        (("data.train_size=null",), "data.train_size, data.val_size: no value"),
        (("data.described=0",), "data.described=0: must be at least 1."),
        (("data.std=[1,0,1]",), "data.std=[1.0, 0.0, 1.0]: each must be greater than 0."),
        (("data.mean=[1]",), "data.mean=[1.0]: needs three values"),
        ((*REFERENCE[1:], "model.weights=/nowhere/a.pth"), "model.weights=/nowhere/a.pth: no such file."),
        (
            (*REFERENCE[1:], "model=image_to_text/inception_v3", "model.size=74"),
            "model.size=74: must be at least 75.",
        ),
    ],
)
def test_values_that_make_no_sense_are_refused(words, said):
    with pytest.raises(ConfigError) as caught:
        composed((TASK, *words))
    assert str(caught.value).startswith(said)
