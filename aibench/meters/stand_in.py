"""Stands in for Lightning's trainer: for one training step of a module of which only the passes are wanted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from pytorch_lightning import LightningModule
from pytorch_lightning.strategies import SingleDeviceStrategy
from torch import Tensor
from torch.optim import Optimizer

STEPS = 1000  # that schedules may plan over


class StandIn:
    """Offers under a trainer's names what a module may ask its trainer for; nothing is logged and nothing updated.

    Attributes:
        barebones: Has Lightning's own `log` do nothing.
        strategy: Holds the optimisers, and passes gradients back.
        lr_scheduler_configs: Holds the schedules.
    """

    barebones = True
    training = True
    current_epoch = global_step = 0
    max_epochs = 1
    estimated_stepping_batches = num_training_batches = STEPS
    gradient_clip_val = gradient_clip_algorithm = None
    precision_plugin = SimpleNamespace(clip_gradients=lambda *_, **__: None)

    def __init__(self) -> None:
        self.strategy = _WithoutUpdates("cpu")
        self.lr_scheduler_configs: list[SimpleNamespace] = []

    @property
    def optimizers(self) -> list[Optimizer]:
        """Return the module's optimisers."""
        return self.strategy.optimizers


class _WithoutUpdates(SingleDeviceStrategy):
    """Takes the place of a strategy: its optimisers take no step, and nothing moves to its device."""

    def backward(self, closure_loss: Tensor, optimizer: Optimizer | None, *args: Any, **kwargs: Any) -> Tensor:
        closure_loss.backward(*args, **kwargs)  # type: ignore[no-untyped-call]
        return closure_loss

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Leave the weights as they are."""


def stand_in_for_trainer(module: LightningModule) -> StandIn:
    """Give `module` a stand-in with its own optimisers and schedules, and return it."""
    trainer = StandIn()
    module.trainer = trainer  # type: ignore[assignment]
    optimizers, schedules = configured(module)
    trainer.strategy.optimizers = optimizers
    trainer.lr_scheduler_configs = [SimpleNamespace(scheduler=schedule) for schedule in schedules]
    return trainer


def configured(module: LightningModule) -> tuple[list[Optimizer], list[Any]]:
    """Return the optimisers and the schedules of a module, in whichever form its `configure_optimizers` has them."""
    found: Any = module.configure_optimizers()
    if isinstance(found, tuple | list) and len(found) == 2 and isinstance(found[0], tuple | list):
        optimizers, schedules = found
    else:
        parts = found if isinstance(found, tuple | list) else [found] if found is not None else []
        optimizers = [part["optimizer"] if isinstance(part, dict) else part for part in parts]
        schedules = [part["lr_scheduler"] for part in parts if isinstance(part, dict) and "lr_scheduler" in part]
    schedules = schedules if isinstance(schedules, tuple | list) else [schedules]
    return list(optimizers), [one["scheduler"] if isinstance(one, dict) else one for one in schedules]
