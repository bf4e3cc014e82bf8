"""Two ranks train as one does, agree on what they measure, and end together, however one of them ends."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch
from rich.console import Console
from torch._C._distributed_c10d import TCPStore

from aibench.config import ConfigError, RunConfig
from aibench.contract import DataError
from aibench.meters import account
from aibench.meters.energy import EnergyMeter
from aibench.meters.instruments import Instruments
from aibench.meters.sensors import IntegratedPower
from aibench.meters.trust import Watch
from aibench.results.folder import FAILURE
from aibench.results.result import LAST, Result, Status, read_result
from aibench.training import agreement, parting, requirements, watch
from aibench.training.loader import TrainBatches
from aibench.training.losses import Losses
from aibench.training.recorder import Recorder
from aibench.training.run import train
from aibench.training.starting import connected
from aibench.world import World
from tests.training.two import Doom, ranks_forked

QUIET = Console(quiet=True)
WORDS = (
    "task=spatial_transformer",
    "data.train_size=256",
    "data.val_size=70",
    "data.batch_size=32",
    "data.eval_batch_size=16",
    "model.dropout=0",
    "session=epochs",
    "epochs=2",
    "target.evaluations_per_epoch=2",
    "hardware=cpu",
    "hardware.threads=1",
    "hardware.telemetry_hz=0",
    "progress=false",
)
LIMIT = 30.0  # seconds that a run may take to end once a rank has failed


@pytest.fixture(autouse=True)
def _asks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agreement, "FIRST", 1)
    monkeypatch.setattr(agreement, "MOST", 1)


@pytest.fixture
def run(composed: Callable[..., RunConfig], tmp_path: Path) -> Callable[..., Result]:
    """Trains in `tmp_path / folder`; the second rank first does its `doom`."""

    def start(*words: str, folder: str = "run", doom: Doom = lambda: None) -> Result:
        (tmp_path / folder).mkdir(exist_ok=True)
        with ranks_forked(doom):
            return train(composed(*WORDS, *words), tmp_path / folder, None, QUIET)

    return start


@pytest.fixture(autouse=True)
def _nobody_is_left() -> Iterator[None]:
    before = {child.pid for child in psutil.Process().children()}  # dead readers of earlier tests' samples, say
    yield
    assert [child for child in psutil.Process().children() if child.pid not in before] == []


def history(result: Result) -> list[tuple[float, int, int, dict[str, float | None]]]:
    return [(row.epochs, row.steps, row.samples, row.metrics) for row in result.history]


def after(steps: int, act: Callable[[], object]) -> Doom:
    """Has a rank `act` after so many steps."""

    def doom() -> None:
        whole = Recorder.on_train_batch_end

        def end(self: Recorder, *args: object) -> None:
            if self.record.steps == steps:
                act()
            whole(self, *args)  # type: ignore[arg-type]

        Recorder.on_train_batch_end = end  # type: ignore[method-assign]

    return doom


@pytest.mark.parametrize("strategy", ["ddp", "reduce"])
def test_two_ranks_train_as_one_does(run, strategy, tmp_path):
    alone = run(folder="alone")
    two = run("hardware.devices=2", f"hardware.strategy={strategy}")
    assert two.status is Status.completed, two.message
    assert history(two) == history(alone)
    weights = [torch.load(tmp_path / name / "last.ckpt", weights_only=True)["state_dict"] for name in ("alone", "run")]
    for name, weight in weights[0].items():
        assert torch.allclose(weight, weights[1][name], rtol=1e-4, atol=1e-6), name
    assert [rank.rank for rank in two.ranks] == [0, 1]
    assert len({rank.host for rank in two.ranks}) == 1, "the ranks ended with other weights"
    assert sum(rank.samples for rank in two.ranks) == two.history[-1].samples
    assert (two.world.devices, two.world.nodes, two.world.strategy) == (2, 1, strategy)
    assert (two.world.global_batch, two.world.batch_per_device) == (32, 16)
    assert (alone.world, alone.ranks) == (None, [])
    assert two.held_out.samples == alone.held_out.samples
    assert two.held_out.test.value == alone.held_out.test.value
    assert two.config["hardware"]["devices"] == 2


def watts_of(rank: int) -> float:
    return 100.0 if rank == 0 else 10_000.0


@pytest.mark.parametrize("machines", [1, 2])
def test_all_ranks_tell_what_they_measured_and_a_sensor_counts_once(run, monkeypatch, machines):
    """Two processes that each read the sensor of their socket: of one machine the same, of two machines two."""
    here = [0]

    def sensors(self: Instruments) -> EnergyMeter:
        rank = here[0] = self.world.rank
        return EnergyMeter([IntegratedPower("package-0", "made up", lambda: watts_of(rank), place="/zone")], [])

    monkeypatch.setattr(Instruments, "_sensors", sensors)
    for module in (account, parting):
        monkeypatch.setattr(module, "machine", lambda: f"machine {here[0] if machines == 2 else 0}")
    own = Watch.judge
    monkeypatch.setattr(
        Watch, "judge", lambda *args, **words: replace(own(*args, **words), reasons=[f"too hot by {here[0]}"])
    )
    two = run("session=steps", "steps=4", "warmup_steps=2", "hardware.devices=2")
    assert two.status is Status.completed, two.message
    scopes = {source.scope: source.joules for source in two.energy.sources}
    assert list(scopes) == (["package-0"] if machines == 1 else ["node0/package-0", "node1/package-0"])
    assert two.energy.total.value == sum(scopes.values()) > 0
    assert two.energy.per_sample.value > 0
    if machines == 2:  # each from its own start, a little apart
        assert scopes["node1/package-0"] > 5 * scopes["node0/package-0"]
    assert [rank.samples for rank in two.ranks] == [64, 64], "four steps of shares of 16, neither warm-up nor silence"
    waits = [rank.communication.value for rank in two.ranks]
    assert two.world.communication.value == pytest.approx(sum(waits) / 2)
    assert two.world.bus_bandwidth.value > 0
    assert 0 <= two.world.imbalance.value < 1
    assert all(rank.process_memory.value > 0 for rank in two.ranks)
    assert two.memory.process.value >= max(rank.process_memory.value for rank in two.ranks)
    assert two.trust.reasons == ["too hot by 0"], "the other rank's is of the same kind"
    assert [rank.trust.reasons for rank in two.ranks] == [["too hot by 0"], ["too hot by 1"]]


def test_in_weak_scaling_the_batch_is_of_each_rank(run):
    two = run("hardware.devices=2", "hardware.scaling=weak", "data.batch_size=16")
    assert history(two) == history(run(folder="alone"))
    assert two.world.global_batch == 32
    assert two.config["data"]["batch_size"] == 16


def test_a_rank_that_is_killed_ends_the_run_as_failed(run, tmp_path):
    begun = time.monotonic()
    result = run("hardware.devices=2", doom=after(3, lambda: os.kill(os.getpid(), signal.SIGKILL)))
    assert time.monotonic() - begun < LIMIT
    assert result.status is Status.failed
    assert result.message == "rank 1: ended by signal 9."
    assert read_result(tmp_path / "run") == result


@pytest.mark.parametrize("name", ["hangs", "is stopped"])
def test_a_rank_that_does_not_get_on_ends_the_run_as_failed(run, name, monkeypatch):
    monkeypatch.setattr(watch, "PATIENCE", 2.0)
    monkeypatch.setattr(watch, "TIMES", 0)
    monkeypatch.setattr(watch, "SILENT", 4.0)
    act = {"hangs": lambda: time.sleep(1000), "is stopped": lambda: os.kill(os.getpid(), signal.SIGSTOP)}[name]
    begun = time.monotonic()
    result = run("hardware.devices=2", doom=after(3, act))
    assert time.monotonic() - begun < LIMIT
    assert result.status is Status.failed
    assert result.message.startswith("rank 1: ")
    assert ("hangs" in result.message) or ("no sign of life" in result.message)


def test_what_a_rank_cannot_read_is_the_run_s_message(run, tmp_path):
    def fail() -> None:
        raise DataError("picture.jpg: cut off. Restore this file.")

    result = run("hardware.devices=2", doom=after(3, fail))
    assert result.status is Status.failed
    assert result.message == "rank 1: picture.jpg: cut off. Restore this file."


def test_what_a_rank_said_before_it_died_is_kept(run, tmp_path):
    result = run("hardware.devices=2", doom=after(3, lambda: 1 / 0))
    assert result.message == "rank 1: ZeroDivisionError: division by zero"
    assert "ZeroDivisionError" in (tmp_path / "run" / FAILURE).read_text()


def test_a_loss_that_is_not_finite_on_one_rank_ends_all_as_diverged(run):
    def doom() -> None:
        whole = Losses.add
        Losses.add = lambda self, loss: whole(self, loss * torch.nan)  # type: ignore[method-assign]

    result = run("hardware.devices=2", doom=doom)
    assert result.status is Status.diverged
    assert result.message == "the loss of step 1 is not finite. A smaller optim.lr may help."


def test_an_interrupted_run_goes_on_with_two_ranks_with_four_and_with_one(run, monkeypatch, tmp_path):
    whole = run("hardware.devices=2", folder="whole")
    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "on_train_batch_end", Recorder.on_train_batch_end)
        after(6, lambda: os.kill(os.getpid(), signal.SIGTERM))()
        stopped = run("hardware.devices=2")
        assert stopped.status is Status.interrupted
        assert len(stopped.history) == 1
    for folder in ("four", "alone"):
        shutil.copytree(tmp_path / "run", tmp_path / folder)
    again = run("hardware.devices=2", "resume=auto")
    assert history(again) == history(whole)
    assert again.resumed == 1
    assert [rank.samples for rank in again.ranks] == [144, 144], "those since the run went on"
    monkeypatch.setattr(requirements, "devices_here", lambda _: 4)  # more ranks than cores: nobody times them
    for devices, folder in ((4, "four"), (1, "alone")):  # nothing is drawn, so sums in another order alone differ
        other = run(f"hardware.devices={devices}", "resume=auto", folder=folder)
        assert other.status is Status.completed, other.message
        assert [row[:3] for row in history(other)] == [row[:3] for row in history(whole)]
        assert [row[3] for row in history(other)] == [pytest.approx(row[3], rel=1e-3) for row in history(whole)]
        assert other.parts[1].config == {"hardware.devices": devices}
        assert other.parts[1].steps == 7
        assert len(other.ranks) == (4 if devices == 4 else 0)


def test_a_disk_of_the_first_rank_that_takes_no_more_ends_all(run, tmp_path):
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    begun = time.monotonic()
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
        result = run("hardware.devices=2", doom=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limits))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert time.monotonic() - begun < LIMIT
    assert result.status is Status.failed
    assert result.message == f"OSError: [Errno 27] File too large: '{tmp_path / 'run' / LAST}'"
    assert read_result(tmp_path / "run") == result
    assert not list((tmp_path / "run").glob("*.ckpt")) + list((tmp_path / "run").glob(".*.tmp"))


def test_a_rank_that_is_done_stays_until_the_first_one_has_all_that_it_asked_for():
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    first, second = (watch.Watchman(World(rank=rank, size=2), store) for rank in (0, 1))
    ending = threading.Thread(target=second.outlast_the_first)
    ending.start()
    ending.join(0.5)
    assert ending.is_alive()
    first.end(None)
    ending.join(20)
    assert not ending.is_alive()


def test_weak_scaling_goes_on_with_as_many_ranks_alone(run):
    run("hardware.devices=2", "hardware.scaling=weak", "data.batch_size=16", "epochs=1")
    with pytest.raises(ConfigError, match=r"hardware.devices=1: .* holds a run of 2 devices"):
        run("hardware.scaling=weak", "data.batch_size=16", "resume=auto")


def test_a_port_that_is_taken_is_told_in_one_line():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        world = World(size=2, local_size=2, starter="srun", port=taken.getsockname()[1])
        with pytest.raises(ConfigError, match=r"MASTER_PORT=\d+: another program has this port. Set MASTER_PORT"):
            connected(world)


@pytest.mark.parametrize("words", [("data.val_size=1",), ("data.train_size=32", "data.batch_size=32")])
def test_too_few_samples_for_the_ranks_are_refused(run, words, monkeypatch):
    if words[0] == "data.train_size=32":
        monkeypatch.setattr(TrainBatches, "plan", lambda *_: [[0]])
    with pytest.raises(ConfigError, match=r"hardware.devices=2: "):
        run("hardware.devices=2", *words)
