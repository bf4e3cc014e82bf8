"""Each task on two ranks: their weights stay equal, and what they measure is what one process measures."""

from __future__ import annotations

import math

import pytest
import torch
from rich.console import Console

from aibench.composition import registry
from aibench.results.result import LAST, Status
from aibench.training.run import train
from tests.golden.history import WORDS, kept
from tests.training.two import evaluated_alone, ranks_forked


@pytest.mark.slow
@pytest.mark.parametrize("task", registry.task_names())
def test_two_ranks_have_equal_weights_and_measure_what_one_does(task, composed, tmp_path):
    words = [f"task={task}", *WORDS, *kept().get(task, {}).get("words", []), "progress=false"]
    with ranks_forked():
        result = train(composed(*words, "hardware.devices=2"), tmp_path, None, Console(quiet=True))
    assert result.status is Status.completed, result.message
    assert len({rank.host for rank in result.ranks}) == 1, "the ranks ended with other weights"
    measured = evaluated_alone(composed(*words), tmp_path / LAST)
    known = result.history[-1].metrics
    assert result.target.metric in measured.keys() & known.keys()
    for name in measured.keys() & known.keys():  # a teacher, say, is judged as long as it is trained
        value, expected = measured[name], known[name]
        assert math.isclose(value, math.nan if expected is None else expected, rel_tol=1e-5, abs_tol=1e-7), name
    assert result.held_out.samples is None or result.held_out.samples > 0


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
