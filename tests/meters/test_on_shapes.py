"""Recurrent layers counted by formula take as many operations as those decomposed step by step."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from aibench.meters.flops import count


def passes(layer, sequence, **states):
    def run():
        out, _ = layer(sequence, **states)
        out.sum().backward()

    return count(run).flops


@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize(
    "options", [{}, {"num_layers": 3, "bidirectional": True}, {"bias": False, "batch_first": True}]
)
@pytest.mark.parametrize("input_wanted", [False, True])
def test_a_formula_counts_what_the_steps_take(layer, options, input_wanted):
    found = {}
    for device in ("cpu", "meta"):
        sequence = torch.zeros(7, 5, 8, device=device, requires_grad=input_wanted)
        found[device] = passes(layer(8, 16, **options).to(device), sequence)
    assert found["meta"] == found["cpu"] > 0


def test_a_first_state_that_wants_a_gradient_is_counted_too():
    found = {}
    for device in ("cpu", "meta"):
        state = torch.zeros(1, 5, 16, device=device, requires_grad=True)
        found[device] = passes(nn.GRU(8, 16).to(device), torch.zeros(7, 5, 8, device=device), hx=state)
    assert found["meta"] == found["cpu"]


def test_a_formula_gives_results_of_the_right_shape():
    sequence = torch.zeros(4, 9, 8)
    real = nn.LSTM(8, 16, 2, bidirectional=True, batch_first=True)
    shapes = []
    for device in ("cpu", "meta"):

        def run(device=device):
            out, states = real.to(device)(sequence.to(device))
            shapes.append([one.shape for one in (out, *states)])

        count(run)
    assert shapes[0] == shapes[1]


def test_a_projection_is_left_to_pytorch():
    layer = nn.LSTM(8, 16, proj_size=4).to("meta")
    assert passes(layer, torch.zeros(7, 5, 8, device="meta")) == passes(
        nn.LSTM(8, 16, proj_size=4), torch.zeros(7, 5, 8)
    )


def test_a_connectionist_loss_runs_on_shapes():
    scores = torch.empty(20, 3, 6, device="meta", requires_grad=True)
    targets = torch.empty(3, 5, dtype=torch.long, device="meta")
    steps, symbols = (torch.empty(3, dtype=torch.long, device="meta") for _ in range(2))
    count(lambda: F.ctc_loss(scores.log_softmax(2), targets, steps, symbols).backward())
    assert scores.grad is not None
    assert scores.grad.shape == scores.shape
