"""A training step that is compiled or recorded trains to the numbers that it trains to by itself."""

from __future__ import annotations

import functools

import pytest
import torch
from torch import nn
from torch._dynamo.testing import CompileCounter

from aibench.composition import registry
from aibench.training import quickening, requirements
from aibench.training.quickening import recorded
from tests.golden.history import history, shared_history

OF_TASKS = {task: registry.schema_class(task) for task in registry.task_names()}
RECORDED = [task for task, schema in OF_TASKS.items() if schema.recorded]
TRACED = [task for task, schema in OF_TASKS.items() if schema.traced]
# Loops are long when they are unrolled. Dropout draws by the shape, which a recording of texts fills up.
SHORT = {
    "text_summarization": ("data.source_words=6", "data.summary_words=4", "model.hidden=16"),
    "image_compression": ("model.iterations=2",),
    "video_prediction": ("data.frames=4",),
}


@pytest.fixture
def _as_if_there_were_a_gpu(monkeypatch):
    monkeypatch.setattr("aibench.training.requirements.without_gpu", lambda _: iter(()))


@pytest.mark.usefixtures("_as_if_there_were_a_gpu")
@pytest.mark.parametrize("task", RECORDED)
@pytest.mark.slow
def test_a_miniature_learns_the_same_from_recordings(task, shared_folder, monkeypatch):
    played = []

    def noted(module, method):
        play = recorded(module, method)

        @functools.wraps(method)
        def call(*batch):
            loss = play(*batch)
            played.append(type(loss.grad_fn).__name__)
            return loss

        return call

    with monkeypatch.context() as patch:
        patch.setattr(quickening, "recorded", lambda _, method: method)
        expected = _usual(task, shared_folder, cuda_graph=True)
    monkeypatch.setattr(quickening, "recorded", noted)
    assert history(task, SHORT.get(task, ()), cuda_graph=True).numbers == _near(expected)
    assert len(played) >= sum(name.startswith("loss") for name in expected.numbers)
    assert set(played) == {"PlayedBackward"}


@pytest.mark.parametrize("task", TRACED)
@pytest.mark.slow
def test_a_miniature_learns_the_same_from_a_step_that_is_traced_in_one_piece(task, shared_folder, monkeypatch):
    """Its operators run as they are: what a compiler makes of them would take a minute a task."""
    torch._dynamo.reset()
    frames = CompileCounter()
    monkeypatch.setattr(torch, "compile", functools.partial(torch.compile, backend=frames, fullgraph=True))
    expected = _usual(task, shared_folder)
    assert frames.frame_count == 0
    assert history(task, SHORT.get(task, ()), compile=True).numbers == _near(expected)
    assert frames.frame_count > 0
    if OF_TASKS[task].recorded:
        assert frames.frame_count <= len(OF_TASKS[task].traced), "another trace for another batch"


def _usual(task, folder, **hardware):
    """Return the history of the task without what is tested here; that of all tests where it has no words here."""
    return history(task, SHORT[task], **hardware) if task in SHORT else shared_history(task, folder)


def _near(expected):
    return {name: pytest.approx(number, rel=1e-4, abs=1e-6) for name, number in expected.numbers.items()}


class _Scaled(nn.Module):
    """Multiplies by a weight, counts its steps in a buffer, and has a host that changes its mind."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(2.0))
        self.register_buffer("steps", torch.zeros(()))
        self.host = 1.0

    def loss(self, batch, number=0):
        self.steps.add_(1)
        return (batch * self.weight * self.host).sum() + torch.rand(())


def test_a_recording_reads_each_batch_and_takes_no_step_by_itself():
    module = _Scaled()
    play = recorded(module, module.loss)
    torch.manual_seed(3)
    losses = [play(torch.full((2,), float(step)), step) for step in range(4)]
    torch.manual_seed(3)
    assert [float(loss.detach()) for loss in losses] == pytest.approx(
        [4 * step + float(torch.rand(())) for step in range(4)]
    )
    losses[3].backward()
    assert float(module.weight.grad) == 6
    assert float(module.steps) == 4


def test_a_recording_keeps_what_the_host_decided_and_other_shapes_have_their_own():
    module = _Scaled()
    play = recorded(module, module.loss)
    play(torch.ones(2)).backward()
    module.host = 5.0
    module.weight.grad = None
    play(torch.ones(2)).backward()
    assert float(module.weight.grad) == 2, "the recording must show what a CUDA graph would get wrong"
    module.weight.grad = None
    play(torch.ones(3)).backward()
    assert float(module.weight.grad) == 15


def test_beyond_so_many_shapes_a_step_runs_by_itself():
    module = _Scaled()
    play = recorded(module, module.loss)
    kinds = [type(play(torch.ones(size)).grad_fn).__name__ for size in range(1, quickening.MOST + 3)]
    assert kinds.count("PlayedBackward") == quickening.MOST


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("task=recommendation", "hardware=cpu"), "CUDA graphs are of GPUs. Set it to false."),
        (("task=object_detection",), "the operators of a step of task=object_detection differ from step to step"),
        (("task=recommendation", "hardware.devices=2"), "nobody has tried it on several devices."),
    ],
)
def test_a_cuda_graph_is_refused_where_there_is_none(words, expected, told):
    answer = told(*words, "hardware.cuda_graph=true")
    assert answer.returncode == 1
    assert answer.stderr.startswith("aibench: hardware.cuda_graph=true: ")
    assert expected in answer.stderr


@pytest.mark.parametrize("task", registry.task_names())
def test_the_quick_settings_of_a_task_are_a_run_of_the_closed_division(task, composed):
    from aibench.composition.compose import suite_config
    from aibench.config import plain
    from aibench.results.division import Rules, division

    found = composed(f"task={task}", "hardware=gpu_fast")
    assert found.hardware.accelerator == "gpu"
    assert found.hardware.precision in ("bf16", "tf32")
    assert not found.hardware.compile or OF_TASKS[task].traced, "what is not traced in one piece is not worth it"
    assert not found.hardware.cuda_graph or OF_TASKS[task].recorded
    assert division(plain(found), Rules.of(suite_config(task, "mini"))).left == []
    slower = composed(f"task={task}", "hardware=gpu_fast", "hardware.precision=fp32", "hardware.cuda_graph=false")
    assert (slower.hardware.precision, slower.hardware.cuda_graph) == ("fp32", False)


def test_the_quick_settings_are_chosen_by_the_hardware_alone(told):
    answer = told("task=recommendation", "tuning=gpu_fast/spatial_transformer")
    assert answer.returncode == 1
    assert answer.stderr.startswith("aibench: tuning=gpu_fast/spatial_transformer: follows from hardware=NAME")


@pytest.mark.parametrize(
    ("words", "instructions", "said"),
    [
        (("hardware=cpu_fast",), False, True),
        (("hardware=cpu_fast",), True, False),
        (("hardware=cpu",), False, False),
    ],
)
def test_a_run_in_bf16_says_that_a_cpu_without_instructions_for_it_is_slow(
    words, instructions, said, composed, monkeypatch
):
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: instructions)
    told = requirements.slow_here(composed("task=image_classification", *words))
    assert bool(told) is said
    assert not said or told.startswith("hardware.precision=bf16: this CPU has no instructions")
