"""Starts the processes that train a run together, or joins those that torchrun or srun started."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import IO, Any

from torch._C._distributed_c10d import Store, TCPStore

from aibench.config import ConfigError, RunConfig, devices
from aibench.training.children import die_with, environment
from aibench.training.ranks import ALONE, CONNECTING, Ranks
from aibench.training.watch import Started
from aibench.world import World

LOCAL = "127.0.0.1"
RELEASING = timedelta(seconds=30)
FOLLOWER = "aibench.training.follower"


@contextmanager
def together(config: RunConfig, world: World) -> Iterator[Ranks]:
    """Yield what the first process knows of those that train the run with it; all of them have ended afterwards.

    Those that it starts itself begin in `start_others`.

    Raises:
        ConfigError: They cannot be reached.
    """
    size = devices(config)
    assert size is not None, "the number of devices is known by now"
    if size == 1:
        yield ALONE
        return
    if world.size == 1:
        world = World(size=size, local_size=size, address=LOCAL)
    ranks = Ranks(world, connected(world))
    assert ranks.watchman is not None
    ranks.watchman.start()
    failure: str | None = "the run was refused"
    try:
        yield ranks
        failure = None
    finally:
        ranks.end(failure)


def connected(world: World) -> Store:
    """Return the store of all processes of a run. The first one holds it, but where torchrun does.

    Raises:
        ConfigError: Its port is taken, or nobody answers.
    """
    held_by_torchrun = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True" and world.starter == "torchrun"
    try:
        return TCPStore(
            world.address,
            world.port,
            is_master=world.is_first and not held_by_torchrun,
            timeout=CONNECTING,
            wait_for_workers=False,
        )
    except RuntimeError as error:
        if world.is_first and "address already in use" in str(error).lower():
            raise ConfigError(
                f"MASTER_PORT={world.port}: another program has this port. Set MASTER_PORT to a free one."
            ) from error
        raise ConfigError(
            f"MASTER_ADDR={world.address} MASTER_PORT={world.port}: the first process does not answer there."
        ) from error


def release_others(world: World) -> None:
    """Tell the processes that a launcher started beside this one that there is nothing to train."""
    if world.size == 1 or not world.is_first:
        return
    with suppress(ConfigError, RuntimeError):
        ranks = Ranks(world, connected(world))
        assert ranks.store is not None
        ranks.tell("run", None)
        ranks.store.wait([f"left/{rank}" for rank in range(1, world.size)], RELEASING)


def start_others(ranks: Ranks, config: RunConfig) -> None:
    """Start the other processes of this machine, where no launcher did: each is given the resolved run.

    Raises:
        ConfigError: The system starts no more processes.
    """
    world = ranks.world
    if ranks.watchman is None or world.starter:
        return
    assert isinstance(ranks.store, TCPStore)
    for rank in range(1, world.size):
        place = replace(world, rank=rank, local_rank=rank, port=ranks.store.port)
        try:
            ranks.watchman.started.append(spawn(place, config))
        except OSError as error:
            raise ConfigError(f"hardware.devices={world.size}: rank {rank} did not start: {error.strerror}.") from error


def spawn(world: World, config: RunConfig) -> Started:
    """Start one process. What it says goes into a file without a name, and is read where it fails."""
    said = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process
    process = subprocess.Popen(
        [sys.executable, "-m", FOLLOWER],
        stdin=subprocess.PIPE,
        stdout=said,
        stderr=subprocess.STDOUT,
        env=environment(),
    )
    assert process.stdin is not None
    with suppress(BrokenPipeError), process.stdin as stream:
        pickle.dump((world, config, os.getpid()), stream)
    return Started(world.rank, process, said)


def belong_to(parent: int) -> None:
    """Have this process be killed when its parent is dead, and leave Ctrl-C in the terminal to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if not die_with(parent, signal.SIGKILL):
        os._exit(1)


def received(stream: IO[bytes], take: Callable[[World, RunConfig], int]) -> int:
    """Read from `stream` what `spawn` wrote, and have `take` do the rest. Returns the exit status."""
    found: Any = pickle.load(stream)
    world, config, parent = found
    belong_to(parent)
    return take(world, config)
