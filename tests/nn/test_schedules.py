"""The learning rates."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from aibench.nn.schedules import each_step, half_cosine, inverse_root, milestones, plateau, rise, stairs

HALF = math.sqrt(0.5)
EVERY = [  # a schedule, steps, and its closed form at them
    (lambda step: rise(step, 4), range(7), [0.2, 0.4, 0.6, 0.8, 1, 1, 1]),
    (lambda step: rise(step, 0), range(3), [1, 1, 1]),
    (
        lambda step: half_cosine(step, 10, 110),
        (0, 10, 35, 60, 85, 110, 500),
        [1, 1, (1 + HALF) / 2, 0.5, (1 - HALF) / 2, 0, 0],
    ),
    (lambda step: half_cosine(step, 5, 5), (5, 6), [1, 0]),
    (lambda step: stairs(step, 70, 0.1), (0, 69, 70, 139, 140, 499), [1, 1, 0.1, 0.1, 0.01, 1e-7]),
    (lambda step: stairs(step, 10, 0.5, first=30), (0, 29, 30, 39, 40, 59), [1, 1, 0.5, 0.5, 0.25, 0.125]),
    (
        lambda step: milestones(step, [12, 40, 80], 0.5),
        (0, 11, 12, 39, 40, 79, 80, 999),
        [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125],
    ),
    (lambda step: milestones(step, [], 0.5), (0, 999), [1, 1]),
    (lambda step: plateau(step, 200, 0.5), (0, 100, 101, 150, 199, 200, 201), [1, 1, 0.99, 0.5, 0.01, 0, 0]),
    (lambda step: plateau(step, 200, 1.0), (0, 199), [1, 1]),
    (lambda step: inverse_root(step, 4), (0, 1, 3, 15), [0.25, 0.5, 1, 0.5]),
]


@pytest.mark.parametrize(("schedule", "steps", "expected"), EVERY)
def test_a_schedule_is_its_closed_form(schedule, steps, expected):
    np.testing.assert_allclose([schedule(step) for step in steps], expected, atol=1e-12)


@pytest.mark.parametrize(("warmup", "expected"), [(0, [2, 1, 2 / 3]), (2, [2 / 3, 2 / 3, 2 / 3])])
def test_a_rate_moves_at_each_step_from_its_first_value_on(warmup, expected):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=2.0)
    configured = each_step(optimizer, lambda step: 1 / (step + 1), warmup)["lr_scheduler"]
    rates = []
    for _ in range(3):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        configured["scheduler"].step()
    assert (configured["interval"], rates) == ("step", pytest.approx(expected))
