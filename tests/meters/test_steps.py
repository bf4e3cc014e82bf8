"""Where the time of a training step goes."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from aibench.meters.steps import BACKWARD, DATA, FORWARD, LOOP, OPTIMIZER, TRANSFER, HostClock, waited_for, watched


class Now:
    """A clock that moves when it is told to."""

    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds

    def passes(self, seconds):
        self.seconds += seconds


@pytest.fixture
def now():
    return Now()


def test_each_moment_goes_to_one_part_and_nested_parts_take_theirs(now):
    clock = HostClock(now)
    clock.start()
    now.passes(1)
    before = clock.switch(OPTIMIZER)
    now.passes(2)
    inner = clock.switch(FORWARD)
    now.passes(3)
    clock.switch(inner)
    now.passes(4)
    clock.switch(before)
    now.passes(5)
    clock.stop()
    now.passes(100)
    assert clock.seconds == [6, 0, 0, 3, 0, 6]
    clock.start()
    now.passes(1)
    clock.stop()
    assert clock.seconds[LOOP] == 7


def test_steps_last_from_one_to_the_next_without_what_lies_between_a_stop_and_a_start(now):
    clock = HostClock(now)
    clock.start()
    for seconds in (1, 2):
        now.passes(seconds)
        clock.step()
    clock.stop()
    now.passes(50)
    clock.start()
    now.passes(3)
    clock.step()
    assert list(clock.durations) == [1, 2, 3]


def test_waiting_for_a_batch_is_data(now):
    clock = HostClock(now)
    clock.start()

    def batches():
        for _ in range(3):
            now.passes(2)
            yield 0

    for _ in waited_for(batches(), clock):
        now.passes(1)
    clock.stop()
    assert (clock.seconds[DATA], clock.seconds[LOOP]) == (6, 3)


def test_the_parts_of_a_step_are_told_apart_under_either_optimisation(now):
    class Module(nn.Module):
        def training_step(self, batch, index):
            now.passes(3)

        def backward(self, loss):
            now.passes(5)

    class Strategy:
        def batch_to_device(self, batch):
            now.passes(2)

    module, weight = Module(), nn.Parameter(torch.zeros(1))
    weight.grad = torch.zeros(1)
    optimizer = torch.optim.SGD([weight], lr=0.1)
    trainer = SimpleNamespace(strategy=Strategy(), optimizers=[optimizer])
    clock = HostClock(now)
    clock.start()

    def automatic():
        module.training_step(0, 0)
        module.backward(0)

    with watched(module, trainer, clock):
        trainer.strategy.batch_to_device(0)
        optimizer.step(automatic)  # as Lightning calls it: the passes run inside the optimiser's step
        module.training_step(0, 0)  # and as a module does that optimises by itself
        module.backward(0)
        optimizer.step()
    clock.stop()
    assert [clock.seconds[part] for part in (TRANSFER, FORWARD, BACKWARD, OPTIMIZER)] == [2, 6, 10, 0]
    assert "training_step" not in module.__dict__, "what was wrapped is whole again"
    assert not optimizer._optimizer_step_pre_hooks


def test_a_switch_calls_nothing_but_its_clock():
    calls, reads = [], iter(range(9))
    clock = HostClock(lambda: next(reads))
    clock.start()
    sys.setprofile(lambda frame, event, what: calls.append(event) if event.endswith("call") else None)
    clock.switch(FORWARD)
    sys.setprofile(None)
    assert calls == ["call", "call", "c_call", "c_call"]  # switch, the clock, what the clock calls, setprofile
