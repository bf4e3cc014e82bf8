"""Speech recognition: its network, its loss and its answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from aibench.config import ConfigError
from aibench.tasks.speech_recognition.alphabet import decode, encode
from aibench.tasks.speech_recognition.config import ModelConfig
from aibench.tasks.speech_recognition.model import (
    BidirectionalGRU,
    DeepSpeech2,
    MaskedBatchNorm,
    reversal,
    within,
)
from aibench.tasks.speech_recognition.module import Module, loss_of

TASK = "task=speech_recognition"
REFERENCE = (TASK, "scale=reference", "data.source=synthetic", "session=steps")
TINY = ModelConfig(channels=3, kernels=[[5, 3], [3, 5]], strides=[[2, 2], [2, 1]], layers=2, hidden=4, beams=1)


@pytest.fixture
def network():
    """A tiny network whose batch norms have seen something."""
    torch.manual_seed(0)
    network = DeepSpeech2(TINY, bins=11)
    network(torch.randn(8, 20, 11), torch.full((8,), 20))
    return network.eval()


# The network


def test_the_reference_has_the_layers_of_the_authors_code(composed):
    """Counted by hand: 41.188 M parameters, 25.9 G multiply-adds for ten seconds; PyTorch counts a fiftieth of that."""
    with torch.device("meta"):
        module = Module(composed(*REFERENCE), {}).eval()
        spectra, _ = module.example_input()
        assert spectra.shape == (1, 1_000, 161)
        with FlopCounterMode(display=False) as counter:
            log_probabilities, _ = module(spectra[:, :20], torch.tensor([20]))
    assert log_probabilities.shape == (1, 10, 29)
    convolutions = 32 * 1 * 41 * 11 + 32, 32 * 32 * 21 * 11 + 32
    recurrent = [2 * 3 * (800 * (inputs + 800) + 2 * 800) for inputs in (1312, 800, 800, 800, 800)]
    norms = 2 * (32 + 32 + 5 * 800)
    expected = sum(convolutions) + sum(recurrent) + norms + 800 * 29
    assert sum(parameter.numel() for parameter in module.parameters()) == expected == 41_187_968
    assert expected == pytest.approx(41.188e6, rel=0.0001)
    products = 500 * (32 * 41 * 11 * 81 + 32 * 32 * 21 * 11 * 41 + 800 * 29)
    products += 500 * sum(2 * 3 * 800 * (inputs + 800) for inputs in (1312, 800, 800, 800, 800))
    assert counter.get_total_flops() / 2 == products / 50
    assert products == pytest.approx(25_940e6, rel=0.01)  # thop's, which counts batch norms too


def test_an_utterance_has_the_same_outputs_alone_and_in_a_batch_that_is_longer(network):
    lengths = torch.tensor([21, 9, 16])
    spectra = torch.randn(3, 21, 11) * within(lengths, 21)[:, :, None]
    together, steps = network(spectra, lengths)
    assert steps.tolist() == [11, 5, 8]
    for place, length in enumerate(lengths.tolist()):
        alone, _ = network(spectra[place : place + 1, :length], lengths[place : place + 1])
        torch.testing.assert_close(together[place, : steps[place]], alone[0])
    torch.testing.assert_close(together.exp().sum(2), torch.ones(3, 11))


def test_a_gru_in_both_directions_is_that_of_pytorch_on_packed_sequences():
    torch.manual_seed(0)
    ours, theirs = BidirectionalGRU(3, 4), nn.GRU(3, 4, batch_first=True, bidirectional=True)
    for path, values in [*ours.forwards.named_parameters(), *ours.backwards.named_parameters(prefix="reverse")]:
        name = f"{path.removeprefix('reverse.')}_reverse" if path.startswith("reverse.") else path
        getattr(theirs, name).data.copy_(values.data)
    x, lengths = torch.randn(3, 7, 3), torch.tensor([7, 2, 5])
    outputs = ours(x, reversal(lengths, 7))
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    expected, _ = nn.utils.rnn.pad_packed_sequence(theirs(packed)[0], batch_first=True)
    for row, other, length in zip(outputs, expected[:, :, :4] + expected[:, :, 4:], lengths, strict=True):
        torch.testing.assert_close(row[:length], other[:length])


@pytest.mark.parametrize("shape", [(4, 3, 7), (4, 3, 5, 7)])
def test_batch_norm_is_that_of_pytorch_on_what_is_not_filled_up(shape):
    torch.manual_seed(0)
    lengths = torch.tensor([7, 2, 5, 1])
    mask = within(lengths, 7).view(4, *[1] * (len(shape) - 2), 7)
    x = 3 * torch.randn(shape) + 5
    ours, theirs = MaskedBatchNorm(3), nn.BatchNorm1d(3)
    for norm in (ours, theirs):
        norm.weight.data.copy_(torch.tensor([1.0, 2.0, -0.5]))
        norm.bias.data.copy_(torch.tensor([0.0, 1.0, 3.0]))
    kept = mask.expand(shape).transpose(0, 1).reshape(3, -1)[0]
    x.requires_grad_(True)
    rows = x.transpose(0, 1).reshape(3, -1).T[kept]  # (places, channels)
    for _ in range(2):  # training, then with the running statistics
        found = ours(x, mask).transpose(0, 1).reshape(3, -1).T[kept]
        expected = theirs(rows)
        torch.testing.assert_close(found, expected)
        weights = torch.randn_like(found)
        gradients = [torch.autograd.grad((y * weights).sum(), x, retain_graph=True)[0] for y in (found, expected)]
        torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-4)
        ours.eval()
        theirs.eval()
    torch.testing.assert_close(ours.mean, theirs.running_mean)
    torch.testing.assert_close(ours.variance, theirs.running_var)


# The loss


def test_the_loss_is_that_of_all_ways_to_spread_the_labels_over_the_steps():
    torch.manual_seed(0)
    log_probabilities = torch.randn(2, 4, 3).double().log_softmax(2)
    labels, steps = torch.tensor([[1, 1], [2, 0]]), torch.tensor([4, 3])
    loss = loss_of(log_probabilities, steps, labels)
    expected = 0.0
    for table, wanted, count in zip(log_probabilities.numpy(), [(1, 1), (2,)], steps.tolist(), strict=True):
        ways = (way for way in np.ndindex(*[3] * count) if _joined(way) == wanted)
        expected -= math.log(sum(math.exp(sum(table[at, label] for at, label in enumerate(way))) for way in ways))
    assert loss.item() == pytest.approx(expected / 2)


def test_an_utterance_too_short_for_its_labels_has_no_loss_and_no_gradient():
    log_probabilities = torch.randn(1, 2, 29).log_softmax(2).requires_grad_()
    loss = loss_of(log_probabilities, torch.tensor([2]), torch.tensor([[1, 1, 1]]))
    loss.backward()
    assert loss.item() == 0
    assert not log_probabilities.grad.any()


def _joined(way):
    kept = [label for at, label in enumerate(way) if at == 0 or label != way[at - 1]]
    return tuple(label for label in kept if label)


# Training


def test_long_gradients_are_shortened(composed):
    module = Module(composed(TASK, "optim.clip=2"), {})
    for parameter in module.parameters():
        parameter.grad = torch.full_like(parameter, 7.0)
    module.configure_gradient_clipping(None)
    norm = torch.cat([parameter.grad.flatten() for parameter in module.parameters()]).norm()
    assert norm.item() == pytest.approx(2, rel=1e-3)


def test_the_learning_rate_is_divided_after_each_epoch(composed):
    module = Module(composed(TASK, "optim.lr=0.5", "optim.anneal=2", "optim.optimizer=sgd"), {})
    module._trainer = type("Trainer", (), {"estimated_stepping_batches": 9, "num_training_batches": 3})()
    made = module.configure_optimizers()
    optimizer, schedule = made["optimizer"], made["lr_scheduler"]["scheduler"]
    assert optimizer.param_groups[0]["nesterov"]
    rates = []
    for _ in range(7):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    assert rates == [0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125]


# The alphabet and the configuration


def test_labels_are_those_of_the_authors_code():
    authors = "_'ABCDEFGHIJKLMNOPQRSTUVWXYZ "
    text = "DON'T GO JUMPY QUIZ"
    assert encode(text) == [authors.index(character) for character in text]
    assert decode(encode(text)) == text
    assert decode([0, 5, 0]) == "D"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("model.strides=[[2,2]]",), r"model\.strides=\[\[2, 2\]\]: needs as many pairs as model\.kernels="),
        (("model.kernels=[[7,10],[5,11]]",), r"each must be odd"),
        (("model.strides=[[2,2],[2,0]]",), r"each must be at least 1"),
        (("model.beams=0",), r"model\.beams=0: must be at least 1"),
        (("data.mels=600",), r"data\.mels=600: too many for data\.window=1024\. Set data\.mels to 512 or less"),
        (("data.longest=1",), r"data\.longest=1\.0: must be greater than data\.shortest=1\.0"),
        (("data.sample_rate=16000",), r"the embedded voices have 22050\. Set data\.sample_rate=22050"),
        (("data.held_out_sets=[train-clean-100]",), r"each must name a set, and none twice"),
        (("data.held_out_sets=[]",), r"data\.held_out_sets=\[\]: needs one value or more"),
        (("target.metric=val/wer_dev",), r"target\.metric=val/wer_dev: no such metric\. Set target\.metric to one of"),
        (("optim.momentum=1",), r"optim\.momentum=1\.0: must lie in 0 to 1"),
        (("optim.clip=0",), r"optim\.clip=0\.0: must be greater than 0"),
        (("optim.anneal=0.5",), r"optim\.anneal=0\.5: must be at least 1"),
    ],
)
def test_what_cannot_run_is_refused(words, said, composed):
    with pytest.raises(ConfigError, match=said):
        composed(TASK, *words)


def test_a_single_set_on_disk_has_a_rate_of_its_own_name(composed):
    config = composed(*REFERENCE, "data.held_out_sets=[test-clean]")
    assert config.target.metric == "val/wer_test-clean"
    assert config.metrics == ("val/wer", "val/cer", "val/wer_test-clean")


def test_without_the_voices_the_extra_is_named(composed, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"espeakng-loader, which is not installed\. .*pip install -e '\.\[speech\]'"):
        composed(TASK)
    composed(*REFERENCE)
