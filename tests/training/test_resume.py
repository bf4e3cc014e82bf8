"""A run can be killed at any moment, and goes on to the history that it would have had."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from aibench.results.result import Result, Status, read_result
from tests.conftest import ROOT, TINY

WORDS = [*TINY, "session=epochs", "epochs=12", "target.evaluations_per_epoch=1.7"]  # evaluated in mid-epoch too


def start(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(ROOT / "train.py"), *WORDS, f"output={folder}", "resume=auto"]
    return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL)


def evaluations(folder: Path) -> int:
    try:
        return max(0, len((folder / "metrics.csv").read_text().splitlines()) - 1)
    except FileNotFoundError:
        return 0


def stop_after(folder: Path, count: int, number: signal.Signals) -> None:
    process, before, deadline = start(folder), evaluations(folder), time.monotonic() + 120
    while evaluations(folder) < before + count and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(number)
    process.wait(timeout=60)


def outcome(folder: Path) -> tuple[Result, dict[str, torch.Tensor]]:
    return read_result(folder), torch.load(folder / "last.ckpt", weights_only=True)["state_dict"]


def assert_same_run(folder: Path, uninterrupted: Path) -> None:
    (resumed, weights), (whole, expected) = outcome(folder), outcome(uninterrupted)
    assert [(row.epochs, row.steps, row.samples, row.metrics) for row in resumed.history] == [
        (row.epochs, row.steps, row.samples, row.metrics) for row in whole.history
    ]
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[name], expected[name]) for name in weights)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("uninterrupted") / "run"
    assert start(folder).wait(timeout=300) == 0
    return folder


@pytest.mark.slow
def test_killed_three_times_it_ends_with_the_same_history_and_weights(uninterrupted, tmp_path):
    folder = tmp_path / "run"
    for count in (2, 3, 5):
        stop_after(folder, count, signal.SIGKILL)
        assert not (folder / "result.json").exists()
    assert start(folder).wait(timeout=300) == 0
    assert read_result(folder).resumed == 3
    assert_same_run(folder, uninterrupted)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_an_interrupted_result_and_the_run_goes_on(number, uninterrupted, tmp_path):
    folder = tmp_path / "run"
    stop_after(folder, 3, number)
    left = read_result(folder)
    assert left.status is Status.interrupted
    assert left.message.startswith(f"{number.name} received.")
    assert len(left.history) >= 3
    assert start(folder).wait(timeout=300) == 0
    assert read_result(folder).status is Status.completed
    assert_same_run(folder, uninterrupted)
