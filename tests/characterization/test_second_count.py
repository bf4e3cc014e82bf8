"""fvcore with our handles, FlopCounterMode and a sheet of paper find the same multiply-adds."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from aibench.characterization.second_count import second_count
from aibench.meters.flops import count

HEADS = 4


class Attention(nn.Module):
    def forward(self, query, key, value):
        return F.scaled_dot_product_attention(query, key, value)


class Packed(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, sequences):
        packed = nn.utils.rnn.pack_padded_sequence(sequences, torch.tensor([5, 3, 2]), batch_first=True)
        return self.layer(packed)[0].data


class Einsum(nn.Module):
    def forward(self, left, right):
        return torch.einsum("bij,bjk->bik", left, right)


class Odd(nn.Module):
    """What a module may be: arguments that are no tensors, a result of another class, a state beside its tensors."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 4)

    def get_extra_state(self):
        return {"images": 7}

    def forward(self, images, times):
        return {"twice": [self.linear(images) * times], "what": "nothing"}


def both_ways(gates, inputs, hidden):
    return 2 * gates * hidden * (inputs + hidden)


CASES = {
    "linear": (nn.Linear(7, 5), [(3, 7)], 3 * 7 * 5),
    "convolution": (nn.Conv2d(4, 6, 3, groups=2), [(2, 4, 10, 10)], 2 * 6 * 2 * 9 * 8 * 8),
    "transposed convolution": (nn.ConvTranspose2d(4, 6, 4, stride=2), [(1, 4, 5, 5)], 4 * 6 * 16 * 25),
    "padded convolution": (nn.Conv1d(4, 6, 3, padding="same"), [(2, 4, 10)], 2 * 6 * 4 * 3 * 10),
    "LSTM": (
        nn.LSTM(8, 16, 2, bidirectional=True, batch_first=True),
        [(3, 5, 8)],
        15 * (both_ways(4, 8, 16) + both_ways(4, 32, 16)),
    ),
    "GRU": (nn.GRU(8, 16, bidirectional=True), [(5, 3, 8)], 15 * both_ways(3, 8, 16)),
    "packed GRU": (Packed(nn.GRU(8, 16, batch_first=True)), [(3, 5, 8)], 10 * 3 * 16 * (8 + 16)),
    "LSTM cell": (nn.LSTMCell(8, 16), [(3, 8)], 3 * 4 * 16 * (8 + 16)),
    "attention": (Attention(), [(2, HEADS, 6, 8), (2, HEADS, 9, 8), (2, HEADS, 9, 10)], 2 * HEADS * 6 * 9 * (8 + 10)),
    "transformer layer": (
        nn.TransformerEncoderLayer(32, HEADS, 64, batch_first=True),
        [(1, 10, 32)],
        10 * (32 * 96 + 32 * 32 + 2 * 32 * 64) + 2 * 10 * 10 * 32,
    ),
    "einsum": (Einsum(), [(2, 3, 4), (2, 4, 5)], 2 * 3 * 4 * 5),
}


@pytest.mark.parametrize("case", CASES)
def test_both_counters_count_as_by_hand(case):
    layer, shapes, by_hand = CASES[case]
    arguments = tuple(torch.zeros(shape) for shape in shapes)
    with torch.no_grad():
        assert count(lambda: layer.eval()(*arguments)).flops == 2 * by_hand
    assert second_count(layer, arguments).macs == by_hand


def test_fvcore_as_it_ships_counts_a_recurrent_layer_as_nothing_and_weighs_norms():
    assert second_count(nn.LSTM(8, 16), (torch.zeros(5, 3, 8),)).as_shipped == 0
    norm = second_count(nn.BatchNorm2d(4), (torch.zeros(2, 4, 3, 3),))
    assert norm.macs == 0
    assert norm.as_shipped == 2 * 2 * 4 * 3 * 3


def test_what_is_no_product_is_listed_as_without_a_handle():
    found = second_count(nn.Tanh(), (torch.zeros(2, 3),))
    assert found.macs == 0
    assert found.without_handle == {"aten::tanh": 1}


def test_arguments_and_results_need_not_be_tensors():
    assert second_count(Odd(), (torch.zeros(2, 3), 5)).macs == 2 * 3 * 4
