"""Speech recognition: decoders, error rates, requests and pictures."""

from __future__ import annotations

import random
from collections import defaultdict

import jiwer
import numpy as np
import pytest
import torch
from torchmetrics.text import CharErrorRate, WordErrorRate

from aibench.contract import example_batch
from aibench.tasks.speech_recognition.alphabet import decode, encode
from aibench.tasks.speech_recognition.data import Data
from aibench.tasks.speech_recognition.decoding import beam_search, greedy, transcripts
from aibench.tasks.speech_recognition.metric import ErrorRates, edits
from aibench.tasks.speech_recognition.module import Module

SMALL = ("task=speech_recognition", "data.train_size=64", "data.val_size=32", "data.batch_size=16")
WORDS = ("ONE", "TWO", "THREE", "FOUR", "DON'T")


@pytest.fixture
def sayings():
    """Transcripts and references of 60 utterances, a hypothesis without words among them."""
    rng = random.Random(0)
    pairs = [([rng.choice(WORDS) for _ in range(rng.randint(0, 7))], rng.choices(WORDS, k=3)) for _ in range(60)]
    return [" ".join(heard) for heard, _ in pairs], [" ".join(said) for _, said in pairs]


# Error rates


def test_error_rates_are_those_of_jiwer_and_torchmetrics(sayings):
    heard, said = sayings
    assert "" in heard
    rates = ErrorRates(1)
    for start in range(0, 60, 25):  # in batches
        part = slice(start, start + 25)
        rates.update(heard[part], said[part], [0] * len(heard[part]))
    found = rates.compute()
    assert found["wer"].item() == pytest.approx(jiwer.wer(said, heard))
    assert found["wer"].item() == pytest.approx(WordErrorRate()(heard, said).item(), rel=1e-6)
    assert found["cer"].item() == pytest.approx(jiwer.cer(said, heard))
    assert found["cer"].item() == pytest.approx(CharErrorRate()(heard, said).item(), rel=1e-6)
    assert found["wer"].item() > 1  # more insertions than words


def test_each_set_has_its_own_rate_and_a_set_without_utterances_none(sayings):
    heard, said = sayings
    places = [0] * 20 + [2] * 40
    rates = ErrorRates(3)
    rates.update(heard, said, places)
    by_set = rates.compute()["wer_by_set"]
    assert by_set[0].item() == pytest.approx(jiwer.wer(said[:20], heard[:20]))
    assert by_set[2].item() == pytest.approx(jiwer.wer(said[20:], heard[20:]))
    assert by_set[1].isnan()
    assert [row[0] for row in rates.counted] == places
    wrong, words = np.array(rates.counted)[20:, 1:3].sum(0)
    assert wrong / words == pytest.approx(jiwer.wer(said[20:], heard[20:]))


def test_it_is_not_the_mean_over_utterances():
    rates = ErrorRates(1)
    rates.update(["A", "A B C X"], ["B", "A B C D"], [0, 0])
    assert rates.compute()["wer"].item() == pytest.approx(2 / 5)


@pytest.mark.parametrize(("one", "other", "expected"), [("", "", 0), ("", "AB", 2), ("KITTEN", "SITTING", 3)])
def test_edits_of_known_words(one, other, expected):
    assert edits(one, other) == edits(other, one) == expected


# Decoders


def _joined(way):
    kept = [label for at, label in enumerate(way) if at == 0 or label != way[at - 1]]
    return tuple(label for label in kept if label)


@pytest.mark.parametrize("seed", range(6))
def test_a_wide_beam_finds_the_likeliest_labels_of_all(seed):
    logits = np.random.default_rng(seed).normal(size=(5, 4))
    table = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    likelihood = defaultdict(float)
    for way in np.ndindex(*[4] * 5):
        likelihood[_joined(way)] += np.exp(sum(table[at, label] for at, label in enumerate(way)))
    assert beam_search(table, 2_000) == max(likelihood, key=likelihood.get)


def test_greedy_takes_the_likeliest_label_of_each_step_and_stops_at_the_end():
    likeliest = torch.tensor([[3, 3, 0, 3, 5, 5, 5], [0, 7, 7, 0, 0, 8, 8]])
    log_probabilities = torch.nn.functional.one_hot(likeliest, 29).float().log_softmax(2)
    assert greedy(log_probabilities, torch.tensor([7, 5])) == [[3, 3, 5], [7]]
    assert greedy(log_probabilities, torch.tensor([3, 0])) == [[3], []]
    random_ones = torch.randn(3, 9, 29, generator=torch.Generator().manual_seed(0))
    found = greedy(random_ones, torch.tensor([9, 4, 1]))
    expected = [
        list(_joined(row[:count].argmax(1).tolist())) for row, count in zip(random_ones, (9, 4, 1), strict=True)
    ]
    assert found == expected


def test_a_beam_sums_over_ways_where_greedy_takes_the_best_one():
    """Blank is the likeliest label of both steps, but the three ways to say A are likelier together."""
    table = torch.full((1, 2, 29), -30.0)
    table[0, :, 0], table[0, :, 1] = np.log(0.6), np.log(0.4)
    assert transcripts(table, torch.tensor([2])) == [""]
    assert transcripts(table, torch.tensor([2]), beams=4) == ["'"]


# Requests and pictures


def _told(module, text):
    """Make `module` hear `text`, a label in every third step."""
    labels = encode(text)

    def forward(spectra, lengths):
        steps = torch.tensor([0, *(each for label in labels for each in (label, 0, 0))])
        table = torch.nn.functional.one_hot(steps, 29).float().mul(20).log_softmax(1)
        return table.expand(len(spectra), -1, -1), torch.full((len(spectra),), len(steps))

    module.network.forward = forward


@pytest.mark.parametrize("beams", [1, 3])
def test_a_request_is_answered_with_what_was_heard(beams, composed):
    config = composed(*SMALL, f"model.beams={beams}")
    module, batch = Module(config, {}).eval(), example_batch(Data(config), "val", 2)
    _told(module, "GO LEFT")
    assert module.infer(batch) == ["GO LEFT", "GO LEFT"]


def test_an_evaluation_measures_the_decoded_words(composed, monkeypatch):
    config = composed(*SMALL)
    module, batch = Module(config, {}).eval(), example_batch(Data(config), "val", 32)
    logged = {}
    monkeypatch.setattr(module, "log_dict", logged.update)
    _told(module, "GO LEFT")
    module.validation_step(batch, 0)
    module.on_validation_epoch_end()
    said = [decode(row) for row in batch[2].tolist()]
    assert set(logged) == {"val/wer", "val/cer"}
    assert logged["val/wer"].item() == pytest.approx(jiwer.wer(said, ["GO LEFT"] * 32))
    assert module.rates.words.sum() == 0  # ready for the next one


def test_the_picture_says_what_was_said_and_heard(composed):
    config = composed(*SMALL)
    module, batch = Module(config, {}).eval(), example_batch(Data(config), "val", 6)
    _told(module, "GO LEFT")
    figure = module.render(batch)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert len(titles) == 4
    assert all("heard: go left" in title for title in titles)
    assert f"said: {decode(batch[2][0].tolist()).lower()}" in titles[0]
