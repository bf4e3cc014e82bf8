"""What is characterised is what sessions train: the same parameters, operations and memory layout, for every task."""

from __future__ import annotations

import math

import pytest
from rich.console import Console

from aibench.characterization.characteristics import parameters
from aibench.characterization.selection import selected
from aibench.characterization.stepping import measured_step
from aibench.characterization.workload import TaskWorkload
from aibench.composition import registry
from aibench.meters.operations import forward_of
from aibench.training import session
from aibench.training.run import train

FEWER = {"object_reconstruction_3d": ["data.train_size=64"]}  # whose pictures take long to draw


@pytest.fixture
def patient(monkeypatch, shared_folder):
    """A busy machine counts to the end, and keeps it apart from what was not."""
    monkeypatch.setenv("AIBENCH_CACHE", str(shared_folder / "counted to the end"))
    for module in ("aibench.meters.operations", "aibench.characterization.stepping"):
        monkeypatch.setattr(f"{module}.SECONDS", math.inf)


@pytest.mark.slow
@pytest.mark.parametrize("task", registry.task_names())
def test_a_record_has_the_parameters_and_operations_of_a_result(task, composed, tmp_path, patient, monkeypatch):
    trained = []
    own = session.lay_out
    monkeypatch.setattr(session, "lay_out", lambda module, hardware: trained.append(module) or own(module, hardware))
    few = (f"task={task}", "data.val_size=32", "hardware=cpu", *FEWER.get(task, ()))  # in none of the numbers
    words = (*few, "session=steps", "steps=1", "warmup_steps=0", "hardware.threads=1")
    model = train(composed(*words), tmp_path, None, Console(quiet=True)).model

    workload = selected([*few]).workload(task)
    module = workload.build()
    assert parameters(module)["total"] == model.parameters
    assert parameters(module)["trainable"] == model.trainable
    strides = [(name, weight.stride()) for name, weight in module.named_parameters()]
    assert strides == [(name, weight.stride()) for name, weight in trained[0].named_parameters()]
    if workload.uncountable:
        assert (model.flops.value, model.step_flops.value) == (None, None)
        return
    forward, _ = forward_of(workload.build, [], math.inf)
    assert forward.flops == model.flops.value
    step = measured_step(workload, float(forward.flops), [])
    assert step.samples == workload.batch_size
    assert step.flops == pytest.approx(model.step_flops.value, rel=1e-12)


def test_a_miniature_is_characterised_on_its_own_samples_and_a_reference_on_made_up_ones():
    mini = TaskWorkload("recommendation", "mini").config.data
    reference = TaskWorkload("spatial_transformer", "reference").config.data
    assert (str(mini.source), str(reference.source)) == ("embedded", "synthetic")
