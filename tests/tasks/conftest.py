"""Holds what the tests of several tasks use."""

from __future__ import annotations

from types import SimpleNamespace

import pytest


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
