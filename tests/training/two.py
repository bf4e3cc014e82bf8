"""Runs two ranks without starting Python anew: the second one is forked from this process."""

from __future__ import annotations

import gc
import hashlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from aibench.composition import registry
from aibench.config import RunConfig
from aibench.training import parting, starting
from aibench.training.follower import follow
from aibench.training.loader import EvalBatches
from aibench.training.watch import Started
from aibench.world import World

Doom = Callable[[], None]


class Forked:
    """Is what `subprocess.Popen` is, of a forked process."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self, timeout: float = 60.0) -> int:
        until = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > until:
                raise starting.subprocess.TimeoutExpired("rank", timeout)
            time.sleep(0.02)
        assert self.returncode is not None
        return self.returncode

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


def forked(doom: Doom = lambda: None) -> Callable[[World, RunConfig], Started]:
    """A `spawn` that forks; `doom` is done in the new process before anything else."""

    def spawn(world: World, config: RunConfig) -> Started:
        said, parent = tempfile.TemporaryFile(), os.getpid()  # noqa: SIM115
        gc.collect()
        pid = os.fork()
        if pid == 0:
            gc.freeze()  # a store of this process would wait in its end for a thread that a fork has not
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            sys.stdout = sys.stderr = os.fdopen(2, "w", closefd=False)  # pytest's own would keep it
            status = 1
            try:
                starting.belong_to(parent)
                doom()
                status = follow(world, config)
            finally:
                sys.stderr.flush()
                os._exit(status)
        return Started(world.rank, Forked(pid), said)  # type: ignore[arg-type]

    return spawn


@contextmanager
def ranks_forked(doom: Doom = lambda: None) -> Iterator[None]:
    """Fork the further ranks of the runs in the block, and write a digest of each rank's weights as its host."""
    own_row = parting.own_row

    def with_digest(session: Any) -> Any:
        return replace(own_row(session), host=digest(session.module))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(starting, "spawn", forked(doom))
        patch.setattr(parting, "own_row", with_digest)
        yield


def digest(module: torch.nn.Module) -> str:
    """Names the bits of all weights."""
    found = hashlib.sha256()
    for name, weight in module.named_parameters():
        found.update(name.encode() + weight.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()[:16]


def evaluated_alone(config: RunConfig, path: Path) -> dict[str, float]:
    """What one process measures of the weights in a checkpoint."""
    content = torch.load(path, weights_only=True)
    data = registry.data_class(config.task)(config)
    module = registry.module_class(config.task)(config, data.facts)
    module.load_state_dict(content["state_dict"])
    module.on_load_checkpoint(content)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = pl.Trainer(accelerator="cpu", enable_model_summary=False, **quiet)
    trainer.validate(module, EvalBatches(data, data.dataset("val")), verbose=False)
    return {name: float(value) for name, value in trainer.callback_metrics.items()}


def in_two_processes(act: Callable[[int], Any], folder: Path) -> list[Any]:
    """What `act(rank)` returns in each of two processes that are one group."""
    pids = []
    for rank in range(2):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                store = torch.distributed.FileStore(str(folder / "store"), 2)
                torch.distributed.init_process_group("gloo", store=store, rank=rank, world_size=2)
                torch.save(act(rank), folder / f"{rank}.pt")
                status = 0
            finally:
                os._exit(status)
        pids.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0, 0]
    return [torch.load(folder / f"{rank}.pt") for rank in range(2)]
