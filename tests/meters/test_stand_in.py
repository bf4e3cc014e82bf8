"""A module's training step runs once without Lightning's loop, by names that Lightning's own trainer has."""

from __future__ import annotations

import re

import pytest
import pytorch_lightning as pl
import torch
from torch.optim import SGD
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader

from aibench.meters.stand_in import StandIn, configured, stand_in_for_trainer
from tests.conftest import ROOT


def constant(optimizer):
    return LambdaLR(optimizer, lambda _: 1.0)


FORMS = {
    "nothing": lambda a, b: None,
    "one": lambda a, b: a,
    "several": lambda a, b: [a, b],
    "a tuple": lambda a, b: (a, b),
    "lists": lambda a, b: ([a, b], [constant(a)]),
    "lists and dicts": lambda a, b: ([a], [{"scheduler": constant(a), "interval": "step"}]),
    "a dict": lambda a, b: {"optimizer": a, "lr_scheduler": constant(a)},
    "a dict of dicts": lambda a, b: {"optimizer": a, "lr_scheduler": {"scheduler": constant(a), "interval": "step"}},
    "a dict without a schedule": lambda a, b: {"optimizer": a},
    "dicts": lambda a, b: ({"optimizer": a, "lr_scheduler": constant(a)}, {"optimizer": b}),
}


class Module(pl.LightningModule):
    """Asks its trainer for all that a step by hand may ask for."""

    automatic_optimization = False

    def __init__(self, form):
        super().__init__()
        self.form = form
        self.one, self.two = torch.nn.Linear(3, 1), torch.nn.Linear(3, 1)

    def configure_optimizers(self):
        self.planned = self.trainer.estimated_stepping_batches, self.trainer.num_training_batches
        return self.form(*(SGD(part.parameters(), lr=0.1) for part in (self.one, self.two)))

    def training_step(self, batch, batch_idx):
        found, schedules = self.optimizers(), self.lr_schedulers()
        optimizers = found if isinstance(found, list) else [found]
        for optimizer in optimizers:
            self.toggle_optimizer(optimizer)
            loss = (self.one(batch) + self.two(batch)).square().sum()
            optimizer.zero_grad()
            self.manual_backward(loss)
            self.clip_gradients(optimizer, gradient_clip_val=0.1, gradient_clip_algorithm="norm")
            optimizer.step()
            self.untoggle_optimizer(optimizer)
        for schedule in schedules if isinstance(schedules, list) else [schedules] if schedules else []:
            schedule.step()
        self.log("loss", loss)
        self.log_dict({"epoch": float(self.current_epoch), "step": float(self.global_step)})
        return loss


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.filterwarnings("ignore")
def test_optimisers_and_schedules_are_those_that_lightning_finds(form):
    module = Module(FORMS[form])
    if form == "nothing":
        module.training_step = lambda batch, batch_idx: None
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=1, barebones=True, limit_val_batches=0, enable_checkpointing=False
    )
    trainer.fit(module, DataLoader(torch.ones(2, 3), batch_size=2))
    real = len(trainer.optimizers), len(trainer.lr_scheduler_configs)
    stand_in_for_trainer(module)
    assert (form == "nothing") or tuple(map(len, configured(module))) == real
    assert form != "nothing" or configured(module) == ([], [])


@pytest.mark.parametrize("form", [form for form in FORMS if form != "nothing"])
@pytest.mark.filterwarnings("ignore")
def test_a_step_passes_gradients_back_and_changes_no_weight(form):
    module = Module(FORMS[form])
    stand_in_for_trainer(module)
    before = [weight.clone() for weight in module.parameters()]
    module.training_step(torch.ones(2, 3), 0)
    assert module.one.weight.grad.abs().sum() > 0
    assert all(torch.equal(*pair) for pair in zip(before, module.parameters(), strict=True))
    assert module.planned == (1000, 1000)


def test_a_real_trainer_offers_every_name_of_the_stand_in():
    offered = {name for name in dir(StandIn()) if not name.startswith("_")}
    real = pl.Trainer(accelerator="cpu", barebones=True)
    assert {name for name in offered if name not in dir(real)} == set()
    assert isinstance(StandIn().strategy, type(real.strategy))


def test_no_private_name_of_lightnings_is_set_and_no_method_of_a_module_replaced():
    forged = re.compile(r"\._trainer\s*=|\bmodule\.(log|log_dict|optimizers|lr_schedulers|manual_backward)\s*=[^=]")
    found = [path.relative_to(ROOT) for path in (ROOT / "aibench").rglob("*.py") if forged.search(path.read_text())]
    assert found == []
