"""Each task on two ranks: equal weights, measured as one process measures, and the same again after a kill."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

from aibench.composition import registry
from aibench.results.result import LAST, Result, Status
from aibench.training import agreement
from aibench.training.agreement import Agreement
from aibench.training.recorder import Recorder
from aibench.training.run import train
from tests.golden.history import WORDS, kept
from tests.training.two import evaluated_alone, ranks_forked


@pytest.mark.slow
@pytest.mark.parametrize("task", registry.task_names())
def test_two_ranks_have_equal_weights_measure_what_one_does_and_go_on_after_a_kill(task, composed, tmp_path):
    words = [f"task={task}", *WORDS, *kept().get(task, {}).get("words", []), "progress=false"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    with ranks_forked(), pytest.MonkeyPatch.context() as patch:
        for folder in (whole, killed):
            folder.mkdir()
        leave_what_a_kill_leaves(patch, whole, killed)
        result = train(composed(*words, "hardware.devices=2"), whole, None, Console(quiet=True))
        assert result.status is Status.completed, result.message
        again = train(composed(*words, "hardware.devices=2", "resume=auto"), killed, None, Console(quiet=True))
    assert len({rank.host for rank in result.ranks}) == 1, "the ranks ended with other weights"
    measured = evaluated_alone(composed(*words), whole / LAST)
    known = result.history[-1].metrics
    assert result.target.metric in measured.keys() & known.keys()
    for name in measured.keys() & known.keys():  # a teacher, say, is judged as long as it is trained
        value, expected = measured[name], known[name]
        assert math.isclose(value, math.nan if expected is None else expected, rel_tol=1e-5, abs_tol=1e-7), name
    assert result.held_out.samples is None or result.held_out.samples > 0
    assert history(again) == history(result)
    assert [rank.host for rank in again.ranks] == [rank.host for rank in result.ranks], "other weights after a kill"
    assert again.parts[1].steps == result.history[0].steps + 1


# Where nothing random depends on the rank; tests/training/test_two_ranks.py has spatial_transformer.
NOTHING_IS_DRAWN = {
    "recommendation": (),
    "text_to_text": ("model.dropout=0", "model.embedding_dropout=[0,0]"),
    "text_summarization": ("model.dropout=0",),
    "learning_to_rank": ("optim.teacher_epochs=1", "model.dropout=0", "optim.distillation.alpha=0"),
}


@pytest.mark.slow
@pytest.mark.parametrize("task", NOTHING_IS_DRAWN)
def test_two_ranks_repeat_the_history_of_one_where_nothing_is_drawn(task, composed, tmp_path):
    words = [f"task={task}", *WORDS, *NOTHING_IS_DRAWN[task], "progress=false"]
    found = []
    for devices in (1, 2):
        (folder := tmp_path / str(devices)).mkdir()
        with ranks_forked():
            found.append(train(composed(*words, f"hardware.devices={devices}"), folder, None, Console(quiet=True)))
    alone, two = map(history, found)
    assert [row[:3] for row in two] == [row[:3] for row in alone]
    for (*_, metrics), (*_, expected) in zip(two, alone, strict=True):
        assert metrics == pytest.approx(expected, rel=1e-5, abs=1e-7, nan_ok=True)


def leave_what_a_kill_leaves(patch: pytest.MonkeyPatch, folder: Path, copy: Path) -> None:
    """Have a run in `folder` write a checkpoint within its second epoch, and keep it in `copy` as if nothing followed.

    It is written by all ranks after one step, as `checkpoint.minutes` has it, and holds what each alone knows.
    """
    patch.setattr(agreement, "FIRST", 1)
    patch.setattr(agreement, "MOST", 1)
    asked, between = Agreement.asked, Recorder._save_between_evaluations

    def asked_to_save(self: Agreement, steps: int, *, save: bool = False) -> agreement.Agreed:
        return replace(asked(self, steps, save=save), save=True)

    def saved_once(self: Recorder, *args: object, **words: bool) -> None:
        if self.folder == folder and self.record.steps == self.schedule.batches + 1:
            between(self, *args, **words)  # type: ignore[arg-type]
            if self.ranks.is_first:
                shutil.copy(folder / LAST, copy)

    patch.setattr(Agreement, "asked", asked_to_save)
    patch.setattr(Recorder, "_save_between_evaluations", saved_once)


def history(result: Result) -> list[tuple[float, int, int, dict[str, float | None]]]:
    return [(row.epochs, row.steps, row.samples, row.metrics) for row in result.history]


def test_the_statistics_that_ranks_share_are_those_of_all_samples(tmp_path):
    """Masked batch normalisation, whose sums are those of two processes."""
    from tests.training.two import in_two_processes

    found = in_two_processes(shared_statistics, tmp_path)
    assert torch.allclose(torch.cat([found[0][0], found[1][0]]), found[0][1], atol=1e-5)
    for rank in (0, 1):
        assert torch.allclose(found[rank][2], found[rank][3], atol=1e-5)


def shared_statistics(rank: int) -> tuple[torch.Tensor, ...]:
    from aibench.tasks.speech_recognition.model import MaskedBatchNorm

    torch.manual_seed(0)
    x, mask = torch.randn(4, 3, 5), torch.rand(4, 1, 5) < 0.7
    alone = MaskedBatchNorm(3)
    whole = alone(x, mask)
    whole.square().sum().backward()
    shared = MaskedBatchNorm(3)
    shared.shared = True
    half = slice(2 * rank, 2 * rank + 2)
    own = shared(x[half], mask[half])
    own.square().sum().backward()
    torch.distributed.all_reduce(shared.weight.grad)
    return own.detach(), whole.detach(), shared.weight.grad, alone.weight.grad
