"""Operations are counted alike however they are computed, and as by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from aibench.composition.registry import data_class, module_class
from aibench.meters.flops import TooLong, count, on_meta
from aibench.meters.operations import forward_count, step_count


def flops(layer, *arguments):
    with torch.no_grad():
        return count(lambda: layer(*arguments)).flops


def test_layers_are_counted_as_by_hand():
    assert flops(nn.Linear(7, 5), torch.zeros(3, 7)) == 2 * 3 * 7 * 5
    assert flops(nn.Conv2d(4, 6, 3, groups=2), torch.zeros(2, 4, 10, 10)) == 2 * 2 * 6 * 2 * 9 * 8 * 8
    assert flops(nn.ConvTranspose2d(4, 6, 4, stride=2), torch.zeros(1, 4, 5, 5)) == 2 * 4 * 6 * 16 * 25


@pytest.mark.parametrize(("layer", "gates"), [(nn.LSTM, 4), (nn.GRU, 3), (nn.RNN, 1)])
def test_recurrent_layers_are_counted_as_by_hand(layer, gates):
    both_ways = layer(8, 16, num_layers=2, bidirectional=True, batch_first=True).eval()
    first, second = 2 * gates * 16 * (8 + 16), 2 * gates * 16 * (32 + 16)
    assert flops(both_ways, torch.zeros(3, 5, 8)) == 2 * 3 * 5 * (first + second)


def test_fused_attention_is_counted_in_evaluation_as_in_training():
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    positions = 10
    by_hand = 2 * positions * (32 * 96 + 32 * 32 + 2 * 32 * 64) + 2 * 2 * positions * positions * 32
    sequence = torch.zeros(1, positions, 32)
    assert flops(layer.eval(), sequence) == flops(layer.train(), sequence) == by_hand


def test_what_has_no_formula_is_listed():
    found = count(lambda: torch.relu(nn.Embedding(5, 3)(torch.tensor([1, 2]))))
    assert found.flops == 0
    assert found.uncounted["aten.embedding"] == (1, 6)
    assert found.uncounted["aten.relu"] == (1, 6)


def test_a_step_is_counted_on_shapes_as_on_numbers(composed):
    config = composed("task=image_classification", "data.train_size=64", "data.val_size=32", "data.batch_size=16")
    data = data_class(config.task)(config)
    batch = data.dataset("train").gather(torch.arange(16))

    def build():
        return module_class(config.task)(config, data.facts)

    with torch.device("meta"):
        shapes = build().to("meta")
    assert step_count(shapes, on_meta(batch)).flops == step_count(build(), batch).flops
    assert forward_count(build()).flops > 0


def test_counting_ends_when_it_takes_too_long():
    with pytest.raises(TooLong):
        count(lambda: [torch.zeros(2) + 1 for _ in range(10**6)], seconds=0.05)
