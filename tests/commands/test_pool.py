"""A pool runs each run of a sweep as a process of its own in a slot of its own, and leaves a result and no process."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from aibench.commands.pool import slots as module
from aibench.commands.pool.board import Board
from aibench.commands.pool.process import Running
from aibench.commands.pool.slots import Slot, physical_cores, ranges, slots
from aibench.config import ConfigError
from aibench.meters import trust
from aibench.results.result import read_result
from tests.conftest import ROOT, TINY

SHORT = (*TINY, "session=epochs", "epochs=1", "target.entire=0.0")
ENDLESS = (*TINY, "session=epochs", "epochs=100000", "target.evaluations_per_epoch=1")


@pytest.fixture
def machine(monkeypatch):
    """`machine(cores, gpus)` lets the pool believe that this machine has these."""

    def be(cores: list[tuple[int, ...]], gpus: tuple[str, ...] = ()) -> None:
        monkeypatch.setattr(module, "usable_cores", lambda: [number for core in cores for number in core])
        monkeypatch.setattr(module, "physical_cores", lambda usable: cores)
        monkeypatch.setattr(module, "visible_gpus", lambda: list(gpus))

    return be


FOUR = [(0, 4), (1, 5), (2, 6), (3, 7)]  # two threads each


@pytest.fixture
def run(composed):
    return lambda *words: composed("task=recommendation", "hardware.threads=null", *words)


def test_a_slot_on_the_cpu_is_a_whole_core_unless_said_otherwise(machine, run):
    machine(FOUR)
    assert [slot.cores for slot in slots(None, None, [run()])] == [(0, 4), (1, 5), (2, 6), (3, 7)]
    assert [slot.cores for slot in slots(2, None, [run()])] == [(0, 1, 4, 5), (2, 3, 6, 7)]
    assert [slot.cores for slot in slots(None, 3, [run()])] == [(0, 1, 4, 5), (2, 3, 6, 7)]
    assert [slot.cores for slot in slots(3, None, [run()])] == [(0, 4), (1, 5), (2, 6)]
    assert [slot.cores for slot in slots(1, None, [run()])] == [tuple(range(8))]


def test_a_slot_has_the_cores_that_the_runs_have_threads(machine, run):
    machine(FOUR)
    assert len(slots(None, None, [run(), run("hardware.threads=4")])) == 2


def test_each_gpu_is_a_slot_with_a_share_of_the_cores(machine, run):
    machine(FOUR, ("0", "3"))
    assert slots(None, None, [run()]) == [Slot((0, 1, 4, 5), "0"), Slot((2, 3, 6, 7), "3")]
    assert slots(1, None, [run()]) == [Slot(tuple(range(8)), "0")]
    assert [slot.gpu for slot in slots(None, None, [run("hardware=cpu")])] == [None] * 4
    assert str(Slot((0, 1, 4, 5), "3")) == "GPU 3, cores 0-1, 4-5"


def test_a_run_on_several_devices_has_a_slot_of_so_many(machine, run):
    machine(FOUR, ("0", "1", "2", "3", "4"))
    two = run("hardware.devices=2")
    assert [slot.gpu for slot in slots(None, None, [run(), two])] == ["0,1", "2,3"]
    with pytest.raises(ConfigError, match=r"slots=3: this machine has 5 GPUs to use, and a run takes 2\."):
        slots(3, None, [two])
    machine(FOUR)
    assert [slot.cores for slot in slots(None, None, [run("hardware.devices=2", "hardware.threads=2")])] == [
        (0, 1, 4, 5),
        (2, 3, 6, 7),
    ]


@pytest.mark.parametrize(
    ("count", "size", "words", "said"),
    [
        (0, None, (), r"hydra\.launcher\.slots=0: must be at least 1\."),
        (None, 0, (), r"hydra\.launcher\.cores=0: must be at least 1\."),
        (5, None, (), r"hydra\.launcher\.slots=5: this machine has 4 cores to use with 2 threads each, and no two"),
        (3, 4, (), r"hydra\.launcher\.slots=3, of 4 cores each: this machine has 4 cores"),
        (4, None, ("hardware.threads=3",), r"hardware\.threads=3: a slot of the pool has 2 of this machine's cores\."),
    ],
)
def test_slots_that_the_machine_has_not_are_refused(count, size, words, said, machine, run):
    machine(FOUR)
    with pytest.raises(ConfigError, match=said):
        slots(count, size, [run(*words)])


def test_more_slots_than_gpus_are_refused(machine, run):
    machine(FOUR, ("0",))
    with pytest.raises(ConfigError, match=r"slots=2: this machine has 1 GPUs to use, and a run takes 1\."):
        slots(2, None, [run()])


def test_the_threads_of_a_core_stay_together_and_sockets_follow_one_another(tmp_path):
    siblings = {0: ("0,4", 1), 4: ("0,4", 1), 1: ("1,5", 0), 5: ("1,5", 0), 2: ("2", 0)}
    for number, (together, socket) in siblings.items():
        folder = tmp_path / f"cpu{number}" / "topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{together}\n")
        (folder / "physical_package_id").write_text(f"{socket}\n")
    assert physical_cores([0, 1, 4, 5], tmp_path) == [(1, 5), (0, 4)]
    assert physical_cores([0, 1, 2, 4, 5], tmp_path) == [(1,), (2,), (0,)]
    assert physical_cores([0, 4], tmp_path / "nothing") == [(0,), (4,)]
    assert ranges((0, 1, 2, 5, 7, 8)) == "0-2, 5, 7-8"


def test_gpus_are_those_that_the_environment_shows(monkeypatch):
    monkeypatch.setattr(module, "no_gpu_for_certain", lambda: False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2, GPU-8f,")
    assert module.visible_gpus() == ["2", "GPU-8f"]
    monkeypatch.setattr(module, "no_gpu_for_certain", lambda: True)
    assert module.visible_gpus() == []


def test_the_trust_of_a_run_tells_runs_of_its_pool_from_others(tmp_path, monkeypatch):
    monkeypatch.setenv(trust.POOL, "7")
    with trust.announced(tmp_path):
        assert trust.is_of_its_pool(os.getpid(), tmp_path)
        monkeypatch.setenv(trust.POOL, "8")
        assert not trust.is_of_its_pool(os.getpid(), tmp_path)
        monkeypatch.delenv(trust.POOL)
        assert not trust.is_of_its_pool(os.getpid(), tmp_path)
    assert not trust.is_of_its_pool(os.getpid(), tmp_path)


@pytest.fixture
def pool(tmp_path):
    """Starts `python train.py -m ... hydra/launcher=pool` without waiting for it."""
    started: list[subprocess.Popen[str]] = []

    def begin(*words: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(ROOT / "train.py"), "-m", *words, "hydra/launcher=pool", "output=sweep"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def until_trained(sweep: Path, runs: int) -> None:
    """Wait until so many runs have had an evaluation."""
    while sum(len(path.read_text().splitlines()) > 1 for path in sweep.glob("*/metrics.csv")) < runs:
        time.sleep(0.1)


def children(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


@pytest.mark.slow
def test_a_pool_of_one_slot_runs_one_run_after_another_and_keeps_a_failing_one_apart(pool, tmp_path):
    words = (*SHORT, "data.train_size=null", "data.batch_size=100000,32,64", "hydra.launcher.slots=1")
    process = pool(*words)
    out, err = process.communicate()
    assert process.returncode == 1, err
    assert out.startswith("pool: 3 runs") is False, "progress=false shows no slots"
    found = [read_result(tmp_path / "sweep" / f"{number}_image_classification_seed1") for number in range(3)]
    assert [result.status for result in found] == ["failed", "completed", "completed"]
    assert found[1].trust.level is not None
    assert not any("of its pool" in reason for reason in found[2].trust.reasons), "one slot has no neighbour"
    assert out.count("completed") == 2
    assert "data.batch_size=100000: larger than the" in out
    log = tmp_path / "sweep" / ".pool" / "0_image_classification_seed1.txt"
    assert "data.batch_size=100000" in log.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_interrupted_results_and_no_process(number, pool, tmp_path):
    process = pool(*ENDLESS, "seed=1,2", "hydra.launcher.slots=1")
    until_trained(tmp_path / "sweep", 1)
    below = children(process)
    assert below
    process.send_signal(number)
    process.communicate()
    assert process.returncode == 130
    assert not any(child.is_running() for child in below)
    result = read_result(tmp_path / "sweep" / "0_image_classification_seed1")
    assert result.status == "interrupted"
    assert number.name in str(result.message)
    assert not (tmp_path / "sweep" / "1_image_classification_seed2").exists(), "no run starts after the signal"


@pytest.mark.slow
def test_a_run_whose_process_is_killed_has_a_result_that_says_so_and_the_next_one_runs(pool, tmp_path):
    process = pool(*ENDLESS, "epochs=100000,1", "hydra.launcher.slots=1")
    until_trained(tmp_path / "sweep", 1)
    (child,) = psutil.Process(process.pid).children()
    child.kill()
    out, err = process.communicate()
    assert process.returncode == 1, err
    first, second = (read_result(tmp_path / "sweep" / f"{number}_image_classification_seed1") for number in range(2))
    assert first.status == "failed"
    assert "its process was ended by SIGKILL" in str(first.message)
    assert second.status == "completed"
    assert "SIGKILL" in out


@pytest.mark.slow
def test_no_run_outlives_a_pool_that_is_killed(pool, tmp_path):
    process = pool(*ENDLESS, "seed=1", "hydra.launcher.slots=1")
    until_trained(tmp_path / "sweep", 1)
    below = children(process)
    process.kill()
    psutil.wait_procs(below)
    assert read_result(tmp_path / "sweep" / "0_image_classification_seed1").status == "interrupted"


@pytest.mark.slow
def test_fail_fast_starts_no_further_run_and_says_how_to_go_on(pool, tmp_path):
    words = (*SHORT, "data.train_size=null", "sweep.fail_fast=true", "hydra.launcher.slots=1")
    process = pool(*words, "data.batch_size=100000,32")
    _, err = process.communicate()
    assert process.returncode == 1
    assert "sweep.fail_fast: 0_image_classification_seed1 failed, and 1 run was not started." in err
    assert sorted(path.name for path in (tmp_path / "sweep").glob("[0-9]*")) == ["0_image_classification_seed1"]


def test_the_board_shows_the_sweep_each_slot_and_the_time_left_by_the_mean_of_what_ended(tmp_path, composed):
    at = [0.0]
    console = Console(file=io.StringIO(), force_terminal=True, width=100, height=20)
    first, second = Slot((0,)), Slot((1,))
    board = Board(console, [first, second], 4, visible=True)
    board._total.get_time = board._total.tasks[0]._get_time = lambda: at[0]
    board._total.reset(board._task)
    log = tmp_path / "log.txt"
    log.write_text("image_classification seed 1  epoch 0.50/4  val/accuracy 0.09\n")
    config = composed(*TINY)
    running = Running(0, first, tmp_path / "0_run", config, log, "", None, 0)
    with board:
        at[0] = 10.0
        board.ended(running)
        board.draw({first: running})
    drawn = console.file.getvalue()
    assert "core 0: 0_run  epoch 0.50/4  val/accuracy 0.09" in drawn
    assert "core 1: free" in drawn
    assert "1/4" in drawn
    assert "runs, 1 failed" in drawn, "it left no result"
    assert "0:00:30 left" in drawn


# What pip's editable install does: imports find the package, and no folder of it is on the path.
EDITABLE = """
import importlib.util, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "aibench":
            folder = {root!r} + "/aibench"
            return importlib.util.spec_from_file_location(
                name, folder + "/__init__.py", submodule_search_locations=[folder])
sys.meta_path.insert(0, Finder())
sys.argv = ["aibench train", "-m", "task=recommendation", "hydra/launcher=pool", "hydra.launcher.slots=0"]
from aibench.cli import train
train()
"""


def test_an_editable_install_has_the_pool_too(tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-P", "-c", EDITABLE.format(root=str(ROOT))]
    answer = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert answer.stderr == "aibench: hydra.launcher.slots=0: must be at least 1.\n"
    assert answer.returncode == 1
