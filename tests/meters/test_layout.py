"""Sessions, serving and profiles run a task's module in one memory layout."""

from __future__ import annotations

import pytest
import torch
from rich.console import Console

from aibench.characterization.workload import TaskWorkload
from aibench.meters.system import lay_out
from aibench.serving.session import Server
from aibench.training.run import train
from tests.conftest import TINY

STEP = ("session=steps", "steps=1", "warmup_steps=0", "hardware.telemetry_hz=0")


def session(words, composed, folder, monkeypatch):
    modules = []
    monkeypatch.setattr("aibench.training.session.lay_out", lambda *words: [modules.append(words[0]), lay_out(*words)])
    train(composed(*TINY, *STEP, *words), folder, None, Console(quiet=True))
    return modules[0]


BUILDERS = {
    "session": session,
    "serving": lambda words, composed, *_: Server(composed(*TINY, *words), None).module,
    "profiles": lambda words, *_: TaskWorkload("image_classification", "mini", [*TINY[1:], *words]).build(),
}


@pytest.mark.parametrize("who", BUILDERS)
@pytest.mark.parametrize("channels_last", [True, False])
def test_weights_have_the_layout_that_the_configuration_asks_for(who, channels_last, composed, tmp_path, monkeypatch):
    module = BUILDERS[who]([f"hardware.channels_last={channels_last}"], composed, tmp_path, monkeypatch)
    kernels = [one.weight for one in module.modules() if isinstance(one, torch.nn.Conv2d) and one.kernel_size > (1, 1)]
    laid_out = {weight.is_contiguous(memory_format=torch.channels_last) for weight in kernels if weight.shape[1] > 1}
    assert laid_out == {channels_last}
