"""A session trains, evaluates, stops, and leaves a result that can be trusted."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from aibench.analysis.checking import faults
from aibench.config import ConfigError, RunConfig
from aibench.meters.instruments import Instruments
from aibench.results.result import BEST, LAST, Result, Status, read_result, schema
from aibench.tracking.trackers import NoTracking
from aibench.training.goal import Goal, Schedule
from aibench.training.run import train
from tests.conftest import ROOT, TINY

QUIET = Console(quiet=True)


@pytest.fixture
def run(composed: Callable[..., RunConfig], tmp_path: Path) -> Callable[..., Result]:
    """Runs a tiny session in `tmp_path / folder`."""

    def start(*words: str, folder: str = "run") -> Result:
        (tmp_path / folder).mkdir(exist_ok=True)
        return train(composed(*TINY, *words), tmp_path / folder, None, QUIET)

    return start


def quality_history(result: Result) -> list[tuple[float, int, int, float | None]]:
    return [(row.epochs, row.steps, row.samples, row.metrics[result.target.metric]) for row in result.history]


def test_an_easy_target_ends_the_session_at_its_first_evaluation(run, tmp_path):
    result = run("target.entire=0.0", "target.evaluations_per_epoch=3")
    assert result.status is Status.converged
    assert [row.steps for row in result.history] == [2]
    assert result.to_quality.epochs == pytest.approx(2 / 6)
    assert result.to_quality.quantum == pytest.approx(2 / 6)
    assert result.to_quality.samples == 64
    assert (tmp_path / "run" / "figure.png").stat().st_size > 1000
    assert read_result(tmp_path / "run") == result


def test_a_missed_target_is_null_and_never_the_budget(run):
    result = run("target.entire=1.1", "target.max_epochs=2")
    assert result.status is Status.not_converged
    assert result.to_quality.epochs is None
    assert result.to_quality.seconds is None
    assert result.history[-1].steps == 12


def test_the_end_of_the_budget_is_evaluated_also_off_the_grid(run):
    result = run("session=epochs", "epochs=2", "target.evaluations_per_epoch=1.2")
    assert [row.steps for row in result.history] == [5, 10, 12]
    assert result.status is Status.completed


def test_evaluating_less_than_once_an_epoch(run):
    result = run("session=epochs", "epochs=4", "target.evaluations_per_epoch=0.5")
    assert [row.epochs for row in result.history] == [2, 4]


def test_timed_steps_are_counted_without_the_warm_up_and_not_evaluated(run):
    result = run("session=steps", "steps=7", "warmup_steps=3")
    assert result.status is Status.completed
    assert result.history == []
    assert {phase.name: phase.steps for phase in result.phases} == {"warm-up": 3, "training": 7}
    timed = result.phases[1]
    assert timed.samples == 7 * 32
    assert result.throughput.training.value == pytest.approx(timed.samples / timed.seconds)
    assert result.throughput.compute.value > result.throughput.training.value  # of the same steps, less of the time


@pytest.mark.slow
def test_the_same_seed_gives_the_same_history_and_another_seed_another(run):
    words = ("session=epochs", "epochs=2")
    first, again, other = run(*words), run(*words, folder="again"), run(*words, "seed=2", folder="other")
    assert quality_history(first) == quality_history(again)
    assert [row.metrics for row in first.history] == [row.metrics for row in again.history]
    assert quality_history(first) != quality_history(other)


def test_seed_zero_seeds_too(run):
    words = ("session=epochs", "epochs=1", "seed=0")
    assert quality_history(run(*words)) == quality_history(run(*words, folder="again"))


def test_the_result_validates_against_the_documented_schema(run, tmp_path):
    import jsonschema

    run("target.entire=0.0")
    documented = json.loads((ROOT / "docs" / "result-schema.json").read_text())
    assert documented == json.loads(json.dumps(schema())), "run `make schema`"
    jsonschema.validate(json.loads((tmp_path / "run" / "result.json").read_text()), documented)


def test_the_parts_of_the_time_sum_to_the_wall_time(run):
    result = run("session=epochs", "epochs=2")
    assert faults(result) == []
    assert result.times.training > 0
    assert result.history[-1].seconds <= result.times.total


@pytest.fixture
def cold(monkeypatch):
    """Lets the data take 1,000 seconds longer to prepare, as a cold cache might."""
    own = Instruments.prepared

    def later(self: Instruments) -> None:
        self.ledger._since -= 1000
        own(self)

    monkeypatch.setattr(Instruments, "prepared", later)


def test_a_cold_cache_is_in_the_preparation_and_in_no_score(run, cold, tmp_path):
    result = run("target.entire=0.0")
    assert result.times.preparation > 1000
    assert result.times.total > 1000 + result.history[-1].seconds
    assert max(row.seconds for row in result.history) < 900
    assert result.to_quality.seconds < 900
    whole = result.throughput.whole
    assert whole.value * 900 > sum(phase.samples for phase in result.phases)
    assert faults(result) == []
    events = [json.loads(line.split(" ", 1)[1]) for line in (tmp_path / "run" / "mllog.txt").read_text().splitlines()]
    at = {event["key"]: event["time_ms"] for event in events}
    assert at["run_start"] - at["init_start"] == pytest.approx(1000 * result.times.preparation, abs=1)
    assert at["run_start"] >= at["init_stop"]
    assert at["run_stop"] - at["run_start"] == pytest.approx(1000 * result.to_quality.seconds, abs=2)


def test_a_contradiction_in_a_result_is_found(run):
    result = run("target.entire=0.0")
    result.to_quality.epochs = 3.0
    result.times.total *= 2
    result.history.append(result.history[0])
    assert {fault.split(":")[0] for fault in faults(result)} >= {"history", "to_quality.epochs", "times.total"}


def test_checkpoints_load_without_pickle(run, tmp_path):
    run("session=epochs", "epochs=1")
    for name in (LAST, BEST):
        content = torch.load(tmp_path / "run" / name, weights_only=True)
        assert content["callbacks"]["Recorder"]["identity"]["config"]["seed"] == 1
    assert not list((tmp_path / "run").glob(".*")), "a draft was left behind"


def test_a_loss_that_is_not_finite_ends_as_diverged_and_keeps_what_was_measured(run, tmp_path, monkeypatch):
    from aibench.composition.registry import module_class

    module = module_class("image_classification")
    step = module.training_step

    def broken(self, batch, batch_idx):
        loss = step(self, batch, batch_idx)
        return loss * math.nan if self.trainer.fit_loop.total_batch_idx == 8 else loss

    monkeypatch.setattr(module, "training_step", broken)
    result = run("session=epochs", "epochs=4")
    assert result.status is Status.diverged
    assert result.message.startswith("the loss of step 9 is not finite.")
    assert [row.steps for row in result.history] == [3, 6]
    assert read_result(tmp_path / "run").status is Status.diverged


def test_a_quality_that_cannot_be_measured_is_null_with_the_reason(run, monkeypatch):
    from aibench.composition.registry import module_class

    module = module_class("image_classification")
    monkeypatch.setattr(module, "on_validation_epoch_end", lambda self: self.log("val/accuracy", math.nan))
    assert run("session=epochs").status is Status.diverged
    monkeypatch.setattr(module, "unmeasured", "there is no judge")
    result = run("session=epochs", folder="unmeasured")
    assert (result.status, result.message) == (Status.completed, "there is no judge")
    assert [row.metrics["val/accuracy"] for row in result.history] == [None, None]
    assert (result.quality, result.best_quality, result.to_quality.epochs) == (None, None, None)
    assert faults(result) == []


def test_an_exception_ends_as_failed_with_its_text(run, tmp_path, monkeypatch):
    from aibench.composition.registry import module_class

    module = module_class("image_classification")

    def broken(self, batch, batch_idx):
        raise RuntimeError("the reason")

    monkeypatch.setattr(module, "training_step", broken)
    result = run()
    assert result.status is Status.failed
    assert result.message == "RuntimeError: the reason"
    assert "Traceback" in (tmp_path / "run" / "failure.txt").read_text()


def test_a_checkpoint_of_another_configuration_is_refused(run):
    run("session=epochs", "epochs=1")
    with pytest.raises(ConfigError, match=r"^optim\.lr=0\.5: .* holds a run with optim\.lr="):
        run("session=epochs", "epochs=1", "optim.lr=0.5", "resume=auto")


def test_without_a_checkpoint_resuming_starts_afresh(run):
    assert run("session=epochs", "epochs=1", "resume=auto").resumed == 0


def test_nan_reaches_no_target(composed):
    for mode in ("max", "min"):
        goal = Goal.of(composed("task=image_classification", f"target.mode={mode}"))
        assert not goal.reached(math.nan)
        assert not goal.better(math.nan, None)


def test_a_quality_that_must_be_missed_first_counts_only_after_a_worse_one(composed):
    words = ("task=image_classification", "target.mode=min", "target.entire=0.5")
    assert Goal.of(composed(*words)).counts([])
    guarded = Goal.of(composed(*words, "target.missed_first=true"))
    assert not guarded.counts([])
    assert not guarded.counts([0.1, 0.5])
    assert guarded.counts([0.1, 0.51, 0.2])


def test_an_untrained_model_does_not_reach_what_must_be_missed_first(run):
    words = ("target.mode=min", "target.entire=0.9", "target.max_epochs=1")
    assert run(*words).status is Status.converged
    guarded = run(*words, "target.missed_first=true", folder="guarded")
    assert guarded.status is Status.not_converged
    assert guarded.history[0].metrics["val/accuracy"] < 0.9
    assert guarded.to_quality.epochs is None
    assert faults(guarded) == []


def test_a_schedule_counts_in_batches(composed):
    words = ("task=image_classification", "target.max_epochs=3", "target.evaluations_per_epoch=4")
    assert Schedule.of(composed(*words), 10) == Schedule(batches=10, interval=2, budget=30, epochs=3)
    timed = Schedule.of(composed(*words, "session=steps", "steps=25", "warmup_steps=5"), 10)
    assert timed == Schedule(batches=10, interval=0, budget=30, epochs=3, warmup=5)


def test_a_full_disk_ends_as_failed_and_leaves_what_was_written_readable(run, tmp_path, monkeypatch):
    from aibench.training import checkpoint

    whole = checkpoint.save

    def full(trainer, folder, is_best):
        if trainer.global_step > 6:
            raise OSError(28, "No space left on device")
        whole(trainer, folder, is_best)

    monkeypatch.setattr(checkpoint, "save", full)
    result = run("session=epochs", "epochs=3", "target.evaluations_per_epoch=1")
    assert result.status is Status.failed
    assert result.message == "OSError: [Errno 28] No space left on device"
    assert checkpoint.load(tmp_path / "run" / LAST)["callbacks"]["Recorder"]["record"]["steps"] == 6
    assert len(read_result(tmp_path / "run").history) == 2


def test_a_second_process_in_the_same_folder_is_refused(tmp_path, composed):
    from filelock import FileLock

    from aibench.commands.train import run_job

    folder = tmp_path / "run"
    folder.mkdir()
    with FileLock(folder / ".lock"):
        assert run_job(composed(*TINY, f"output={folder}"), folder, in_sweep=False) == 1
    assert [path.name for path in folder.iterdir() if path.name != ".lock"] == []


def test_bad_data_read_by_another_process_keep_their_one_line(composed):
    from torch.utils.data import Dataset

    from aibench.composition.registry import data_class
    from aibench.contract import DataError
    from aibench.training.loader import EvalBatches

    class Broken(Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            raise DataError("picture.JPEG: cut off.")

    data = data_class("image_classification")(composed(*TINY, "data.workers=1"))
    with pytest.raises(DataError) as caught:
        list(EvalBatches(data, Broken()))
    assert str(caught.value) == "picture.JPEG: cut off."


# The first error stays the message, and what was measured stays


def broken(*arguments: object, **more: object) -> None:
    raise RuntimeError("the first reason")


def broken_later(*arguments: object, **more: object) -> None:
    raise ValueError("a second reason")


BEFORE_THE_FIRST_STEP = (
    "pytorch_lightning.Trainer.__init__",
    "aibench.tasks.image_classification.module.Module.configure_optimizers",
    "aibench.training.recorder.Recorder.on_train_start",
    "aibench.training.session.quickened",
    "aibench.tasks.image_classification.module.Module.training_step",
)


@pytest.mark.parametrize("place", BEFORE_THE_FIRST_STEP)
def test_an_error_before_the_first_step_keeps_its_message_and_traceback(place, run, tmp_path, monkeypatch):
    monkeypatch.setattr(place, broken)
    result = run("session=epochs")
    assert (result.status, result.message) == (Status.failed, "RuntimeError: the first reason")
    assert (tmp_path / "run" / "failure.txt").read_text().endswith("RuntimeError: the first reason\n")
    assert read_result(tmp_path / "run") == result


class _BadTracker(NoTracking):
    finish = broken_later


AFTER_THE_END = {
    "build_result": broken_later,
    "draw_figure": broken_later,
    "write_log": broken_later,
    "tracking": lambda *_: _BadTracker(),
}


@pytest.mark.parametrize("place", AFTER_THE_END)
def test_an_error_after_the_end_neither_replaces_the_first_nor_loses_the_history(
    place, run, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(f"aibench.training.run.{place}", AFTER_THE_END[place])
    result = run("session=epochs", "epochs=1")
    assert len(result.history) == 2
    if place == "build_result":
        assert (result.status, result.message) == (Status.failed, "ValueError: a second reason")
    else:
        assert (result.status, result.message) == (Status.completed, None)
        assert "ValueError: a second reason" in capsys.readouterr().err
    assert read_result(tmp_path / "run") == result
    assert (tmp_path / "run" / "failure.txt").read_text().endswith("ValueError: a second reason\n")
    monkeypatch.setattr("aibench.tasks.image_classification.module.Module.training_step", broken)
    result = run("session=epochs", "epochs=1", folder="first")
    assert (result.status, result.message) == (Status.failed, "RuntimeError: the first reason")
    assert read_result(tmp_path / "first") == result


def terminate(*arguments: object) -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_while_the_result_is_made_leaves_the_history(run, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("aibench.training.run.draw_figure", terminate)
        result = run("session=epochs", "epochs=1")
    assert (result.status, len(result.history)) == (Status.interrupted, 2)
    finished = run("session=epochs", "epochs=1", "resume=auto")
    assert (finished.status, finished.resumed) == (Status.completed, 1)
    assert [row.metrics for row in finished.history] == [row.metrics for row in result.history]


def test_a_process_that_waited_for_another_takes_what_that_one_finished(run, tmp_path, composed, monkeypatch, capsys):
    """The other process finishes between this one's first look and its lock."""
    from aibench.commands import train as command

    own = command.alone_in

    @contextmanager
    def late(folder: Path) -> Iterator[None]:
        run("session=epochs", "epochs=1")
        with own(folder):
            yield

    monkeypatch.setattr(command, "alone_in", late)
    (tmp_path / "run").mkdir()
    config = composed(*TINY, "session=epochs", "epochs=1", "resume=auto")
    assert command.run_job(config, tmp_path / "run", in_sweep=False) == 0
    assert "already completed; skipped." in " ".join(capsys.readouterr().out.split())
    assert read_result(tmp_path / "run").resumed == 0


def test_a_poorer_result_never_replaces_a_better_one(run, tmp_path, composed, monkeypatch):
    from aibench.commands.train import run_job

    with monkeypatch.context() as patch:
        patch.setattr("aibench.training.run.draw_figure", terminate)
        before = run("session=epochs", "epochs=1")
    monkeypatch.setattr("aibench.training.session.Session.__init__", broken)
    config = composed(*TINY, "session=epochs", "epochs=1", "resume=auto")
    assert run_job(config, tmp_path / "run", in_sweep=True) == 1
    assert read_result(tmp_path / "run") == before
    assert (tmp_path / "run" / "failure.txt").read_text().endswith("RuntimeError: the first reason\n")


def test_a_process_that_left_nothing_in_the_history_is_counted_and_a_refused_one_is_not(
    tmp_path, composed, monkeypatch
):
    from aibench.commands.train import run_job
    from aibench.results import made

    config = composed(*TINY, "session=epochs", "epochs=1", "resume=auto")
    (tmp_path / "run").mkdir()

    def killed(*arguments: object) -> None:
        made._made.clear()  # the next process does not know what this one made
        raise SystemExit

    def refused(*arguments: object) -> None:
        raise ConfigError("data.batch_size=9: too large.")

    for place in ("session.Session.__init__", "session.Session.fit", "recorder.Recorder.on_validation_start"):
        with monkeypatch.context() as patch:
            patch.setattr(f"aibench.training.{place}", killed)
            with pytest.raises(SystemExit):
                run_job(config, tmp_path / "run", in_sweep=False)
    with monkeypatch.context() as patch:
        patch.setattr("aibench.training.session.TrainBatches", refused)
        assert run_job(config, tmp_path / "run", in_sweep=False) == 1
    assert run_job(config, tmp_path / "run", in_sweep=False) == 0
    assert read_result(tmp_path / "run").resumed == 3


def test_an_evaluation_holds_what_it_logged_and_nothing_else(run, tmp_path, monkeypatch):
    from aibench.composition.registry import module_class

    module = module_class("image_classification")
    own = module.on_validation_epoch_end

    def of_a_phase(self: Any) -> None:
        own(self)
        if self.trainer.global_step == 6:
            self.log("val/of_the_teacher", 0.5)

    monkeypatch.setattr(module, "on_validation_epoch_end", of_a_phase)
    result = run("session=epochs", "epochs=2", "target.evaluations_per_epoch=2")
    assert [row.steps for row in result.history] == [3, 6, 9, 12]
    assert ["val/of_the_teacher" in row.metrics for row in result.history] == [False, True, False, False]
    rows = list(csv.DictReader((tmp_path / "run" / "metrics.csv").open()))
    assert [row["val/of_the_teacher"] for row in rows] == ["", "0.5", "", ""]
    assert [float(row["val/accuracy"]) for row in rows] == [row.metrics["val/accuracy"] for row in result.history]
