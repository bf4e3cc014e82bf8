"""Holds what the tests of several tasks use."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from aibench.config import ConfigError
from aibench.training.loader import EvalBatches


@pytest.fixture
def rates():
    """Return `rates(module, steps, epoch, budget, **optim)`: the factors by which the rate's peak is multiplied.

    A session has `budget` steps, `epoch` of them in an epoch; `optim` are fields of `module.config.optim` to change.
    """

    def measure(module, steps, epoch, budget, **optim):
        for name, value in optim.items():
            assert hasattr(module.config.optim, name)
            setattr(module.config.optim, name, value)
        module._trainer = SimpleNamespace(
            estimated_stepping_batches=budget, num_training_batches=epoch, max_epochs=budget // epoch
        )
        configured = module.configure_optimizers()
        schedule = configured[1][0] if isinstance(configured, tuple) else configured["lr_scheduler"]["scheduler"]
        if isinstance(configured, dict):
            assert configured["lr_scheduler"]["interval"] == "step"
        return [factor(step) for step in steps for factor in schedule.lr_lambdas[:1]]

    return measure


@pytest.fixture
def evaluated():
    """Return `evaluated(module, data)`: what an evaluation logs, and the sizes of its batches.

    `times=2` evaluates twice: the second evaluation must start from nothing, and log the same.
    """

    def once(module, data):
        logged, sizes = {}, []
        module.log = lambda name, value: logged.update({name: float(value)})
        with torch.no_grad():
            module.on_validation_epoch_start()
            for place, batch in enumerate(EvalBatches(data, data.dataset("val"))):
                module.validation_step(batch, place)
                sizes.append(len(batch[0]))
            module.on_validation_epoch_end()
        return logged, sizes

    def evaluate(module, data, times=1):
        module.eval()
        first, *others = [once(module, data) for _ in range(times)]
        for logged, sizes in others:
            assert (logged, sizes) == (pytest.approx(first[0], nan_ok=True), first[1])
        return first

    return evaluate


@pytest.fixture
def refusal(composed):
    """Return `refusal("task=x", ...)`: the message with which these words are refused."""

    def refuse(*words):
        with pytest.raises(ConfigError) as caught:
            composed(*words)
        return str(caught.value)

    return refuse
