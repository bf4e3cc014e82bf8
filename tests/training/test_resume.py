"""A run can be killed at any moment, and goes on to the history that it would have had."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from aibench.analysis.checking import faults
from aibench.results.result import Result, Status, read_result
from aibench.training.recorder import Recorder
from aibench.training.run import train
from tests.conftest import ROOT, TINY
from tests.golden.history import WORDS as WORDS_OF_GOLDEN
from tests.golden.history import kept


def outcome(folder: Path) -> tuple[Result, dict[str, torch.Tensor]]:
    return read_result(folder), torch.load(folder / "last.ckpt", weights_only=True)["state_dict"]


def assert_same_run(folder: Path, uninterrupted: Path) -> None:
    (resumed, weights), (whole, expected) = outcome(folder), outcome(uninterrupted)
    assert [(row.epochs, row.steps, row.samples, row.metrics) for row in resumed.history] == [
        (row.epochs, row.steps, row.samples, row.metrics) for row in whole.history
    ]
    torch.testing.assert_close(weights, expected, rtol=0, atol=0, equal_nan=True)


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_with_the_same_history_and_weights():
    command = [sys.executable, str(ROOT / "benchmarks" / "kill_and_resume.py")]
    answer = subprocess.run(
        [*command, "--kills", "2", "--terms", "1", "--tasks", "learning_to_rank"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


# In this process, at chosen moments

TWICE = (*TINY, "session=epochs", "epochs=2", "resume=auto")  # six batches an epoch
# Phases and negatives; a pool of images; two networks; a policy and its baseline; few batches of an own plan.
OF_EACH_KIND = (
    "learning_to_rank",
    "image_to_image",
    "image_generation",
    "neural_architecture_search",
    "face_embedding",
)
MID_EPOCH, ON_THE_GRID, LAST_OF_AN_EPOCH, LAST_OF_ALL = 2, 5, 6, 12  # steps, evaluated after each fifth


@pytest.fixture
def sessions(composed, tmp_path, monkeypatch):
    """Run the session in the folder of a name to its end, or until `stop` ends it."""

    def run(name: str, *words: str, hook: str = "", stop: Callable[[Recorder], None] | None = None) -> Result:
        (tmp_path / name).mkdir(exist_ok=True)
        with monkeypatch.context() as patch:
            if stop is not None:
                own = getattr(Recorder, hook)

                def stopping(self: Recorder, *arguments: Any) -> None:
                    stop(self)
                    own(self, *arguments)

                patch.setattr(Recorder, hook, stopping)
            return train(composed(*TWICE, *words), tmp_path / name, None, Console(quiet=True))

    return run


def at_step(step: int, action: Callable[[], None]) -> Callable[[Recorder], None]:
    left = [action]

    def stop(recorder: Recorder) -> None:
        if recorder.record.steps == step and left:
            left.pop()()

    return stop


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def die() -> None:
    raise SystemExit  # as little is written as by a kill


@pytest.fixture(scope="module")
def expected(tmp_path_factory) -> Path:
    from aibench.composition.compose import composed

    folder = tmp_path_factory.mktemp("whole")
    train(composed([*TWICE, "target.evaluations_per_epoch=1.2"]), folder, None, Console(quiet=True))
    return folder


@pytest.mark.parametrize(
    ("hook", "step", "goes_on_from"),
    [
        ("on_train_batch_end", MID_EPOCH - 1, MID_EPOCH),  # the hook comes before the step is counted
        ("on_train_batch_end", ON_THE_GRID - 1, ON_THE_GRID),  # the evaluation is due: it is made by the next process
        ("on_validation_batch_end", ON_THE_GRID, ON_THE_GRID),
        (
            "on_train_batch_end",
            LAST_OF_AN_EPOCH - 1,
            LAST_OF_AN_EPOCH + 1,
        ),  # an epoch's end is no place to go on from
        ("on_validation_batch_end", LAST_OF_ALL, LAST_OF_ALL),
    ],
)
def test_a_signal_leaves_a_checkpoint_of_that_very_moment(hook, step, goes_on_from, sessions, expected, tmp_path):
    words = ("target.evaluations_per_epoch=1.2",)
    left = sessions("run", *words, hook=hook, stop=at_step(step, terminate))
    assert (left.status, left.message) == (
        Status.interrupted,
        "SIGTERM received. Continue with resume=auto.",
    )
    resumed = sessions("run", *words)
    assert [part.steps for part in resumed.parts] == [0, goes_on_from]
    assert (resumed.status, resumed.resumed) == (Status.completed, 1)
    assert faults(resumed) == []
    assert_same_run(tmp_path / "run", expected)


@pytest.mark.slow
def test_a_signal_goes_on_to_the_same_history_where_evaluations_end_epochs(sessions, tmp_path):
    words = ("target.evaluations_per_epoch=2",)  # after every third of six steps
    sessions("whole", *words)
    for step in (2, 3, LAST_OF_AN_EPOCH, LAST_OF_ALL):
        left = sessions(f"run{step}", *words, hook="on_train_batch_end", stop=at_step(step - 1, terminate))
        assert left.status is Status.interrupted, step
        assert sessions(f"run{step}", *words).status is Status.completed, step
        assert_same_run(tmp_path / f"run{step}", tmp_path / "whole")


def test_a_checkpoint_is_written_between_evaluations_and_a_kill_loses_no_more(
    sessions, expected, tmp_path, monkeypatch
):
    monkeypatch.setattr("aibench.training.recorder.GLANCE_SECONDS", 0.0)
    words = ("target.evaluations_per_epoch=1.2", "checkpoint.minutes=1e-9")
    with pytest.raises(SystemExit):
        sessions("run", *words, hook="on_train_batch_end", stop=at_step(3, die))
    assert not (tmp_path / "run" / "result.json").exists()
    resumed = sessions("run", *words)
    assert [part.steps for part in resumed.parts] == [0, 3]
    assert_same_run(tmp_path / "run", expected)


@pytest.mark.parametrize("minutes", ["0", "null"])
def test_no_checkpoint_is_written_between_evaluations_where_none_is_wanted(minutes, sessions, tmp_path, monkeypatch):
    monkeypatch.setattr("aibench.training.recorder.GLANCE_SECONDS", 0.0)
    with pytest.raises(SystemExit):
        sessions("run", f"checkpoint.minutes={minutes}", hook="on_train_batch_end", stop=at_step(2, die))
    assert not list((tmp_path / "run").glob("*.ckpt"))


@pytest.mark.slow
@pytest.mark.parametrize("task", OF_EACH_KIND)
def test_every_task_goes_on_bit_for_bit_from_between_its_evaluations(task, composed, tmp_path, monkeypatch):
    config = composed(f"task={task}", *WORDS_OF_GOLDEN, *kept().get(task, {}).get("words", []), "resume=auto")
    own = Recorder.on_train_batch_end

    def stopping(self: Recorder, *arguments: Any) -> None:
        batches = self.schedule.batches
        steps[:] = [batches - 1, 2 * batches - 1]  # just before the end of each epoch
        if self.record.steps + 1 in steps and self.record.parts[-1].steps < self.record.steps:
            terminate()
        own(self, *arguments)

    (tmp_path / "whole").mkdir()
    (tmp_path / "run").mkdir()
    whole = train(config, tmp_path / "whole", None, Console(quiet=True))
    steps: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "on_train_batch_end", stopping)
        for _ in range(2):
            assert train(config, tmp_path / "run", None, Console(quiet=True)).status is Status.interrupted
    resumed = train(config, tmp_path / "run", None, Console(quiet=True))
    assert [part.steps for part in resumed.parts] == [0, *steps]
    assert [phase.steps for phase in resumed.phases] == [phase.steps for phase in whole.phases]
    assert_same_run(tmp_path / "run", tmp_path / "whole")
