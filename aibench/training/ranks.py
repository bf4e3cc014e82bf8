"""Lets the processes that train one run together agree: by a store before they compute, by collectives from then on."""

from __future__ import annotations

import pickle
import socket
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.distributed_c10d import Store

from aibench.config import ConfigError, DataError
from aibench.training.ending import Interrupted
from aibench.training.watch import Watchman
from aibench.world import World

POLL = 0.05  # seconds
LONGEST_SILENCE = timedelta(hours=2)  # of a collective: `Watchman` ends a run whose rank is gone or hangs long before
CONNECTING = timedelta(minutes=5)


class RankError(RuntimeError):
    """Reports that another process of the run failed. The message is one line that names its rank."""


class Ranks:
    """Holds what one process knows of the others. Of a run on one device every method is that of a single process.

    Args:
        world: The place of this process.
        store: Where all of them leave what the others must know; None of a run on one device.
    """

    def __init__(self, world: World, store: Store | None = None) -> None:
        self.world, self.size, self.rank = world, world.size, world.rank
        self.store = store
        self.watchman = Watchman(world, store) if store is not None else None
        self._on_gpu = False

    @property
    def is_first(self) -> bool:
        """Return whether this process writes the run's files and speaks to the user."""
        return self.rank == 0

    # Before the group is there

    def tell(self, key: str, value: Any) -> None:
        """Leave `value` where the other processes `hear` it."""
        if self.store is not None:
            self.store.set(key, pickle.dumps(value))  # type: ignore[arg-type]  # its stub knows no bytes

    def hear(self, key: str) -> Any:
        """Wait for what a process told.

        Raises:
            RankError: A process failed meanwhile.
        """
        assert self.store is not None, "a process alone hears nothing"
        while not self.store.check([key]):
            self.refuse_to_wait_for_the_dead()
            time.sleep(POLL)
        return pickle.loads(self.store.get(key))

    def refuse_to_wait_for_the_dead(self) -> None:
        """Raise `RankError` where another process is known to have failed."""
        if self.watchman is not None and self.watchman.verdict is not None:
            raise RankError(self.watchman.verdict)

    def wait_for_a_machine_at_rest(self) -> None:
        """Wait until the first process of this machine has watched it at rest; that of the run does so before all."""
        if self.world.node and self.world.local_rank:
            self.hear(f"watched/{self.world.node}")

    def tell_of_a_machine_at_rest(self) -> None:
        """Tell the others of this machine that its first process has watched it at rest."""
        if self.world.local_rank == 0:
            self.tell(f"watched/{self.world.node}", True)

    def meet(self, on_gpu: bool, fingerprint: str) -> None:
        """Wait until all processes have their data, see that these are the same, and make them one group.

        Raises:
            RankError: A process failed meanwhile.
            DataError: A process has other data.
        """
        if self.store is None:
            return
        self.tell(f"data/{self.rank}", (socket.gethostname(), fingerprint))
        for rank in range(self.size):
            host, found = self.hear(f"data/{rank}")
            if found != fingerprint:
                raise DataError(f"rank {rank} on {host} has other samples (fingerprint {found}, here {fingerprint}).")
        self._on_gpu = on_gpu
        backend = "cpu:gloo,cuda:nccl" if on_gpu else "gloo"
        # Another prefix for each run of a sweep is not needed: each has a store of its own.
        dist.init_process_group(
            backend, store=self.store, rank=self.rank, world_size=self.size, timeout=LONGEST_SILENCE
        )

    # In the group. What is agreed on lies in the memory of the host, so no GPU waits for it.

    def greatest(self, *values: float) -> list[float]:
        """Return the greatest of each of `values` over all processes."""
        if self.size == 1:
            return list(values)
        found = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(found, dist.ReduceOp.MAX)
        return found.tolist()

    def gathered(self, value: Any) -> list[Any]:
        """Return `value` of each process, in the order of their ranks."""
        if self.size == 1:
            return [value]
        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, value)
        return found

    def of_the_first(self, value: Any) -> Any:
        """Return the `value` of the first process."""
        if self.size == 1:
            return value
        found = [value]
        dist.broadcast_object_list(found, src=0)
        return found[0]

    def take_buffers_of_the_first(self, module: nn.Module, own: Callable[[str], bool]) -> None:
        """Give each process the first one's buffers, such as running statistics, but for those that are its `own`."""
        if self.size == 1:
            return
        kept = module.state_dict()
        for name, buffer in module.named_buffers():
            if name in kept and buffer.numel() and not own(name):
                dist.broadcast(buffer, src=0)

    # The end

    def pulse(self) -> None:
        """Note that this process gets on."""
        if self.watchman is not None:
            self.watchman.pulse()

    def fail(self, text: str) -> None:
        """Tell the first process why this one fails."""
        if self.watchman is not None:
            self.watchman.fail(text)

    def on_last_resort(self, act: Callable[[str], None]) -> None:
        """Have the first process `act` where a process failed and nothing wakes up the main thread here."""
        if self.watchman is not None:
            self.watchman.last_resort = act

    def why(self, error: BaseException) -> str | None:
        """Return which process failed, where `error` is what that made of a collective here; None where it is not."""
        if self.watchman is None or isinstance(error, ConfigError | DataError | Interrupted):
            return None
        return str(error) if isinstance(error, RankError) else self.watchman.why()

    def last_words(self) -> dict[int, str]:
        """Return what the processes that this one started wrote, by rank; nothing of those that wrote nothing."""
        started = self.watchman.started if self.watchman is not None else []
        return {one.rank: text for one in started if (text := one.tail())}

    def outlast_the_first(self) -> None:
        """Wait, where this process is not the first one, until that one has all that it asked for."""
        if self.watchman is not None and not self.is_first:
            self.watchman.outlast_the_first()

    def part(self) -> None:
        """Leave the group; what follows concerns this process alone. May be called twice."""
        if self.watchman is not None:
            self.watchman.rest()
        if self.size > 1 and dist.is_initialized():
            if self._on_gpu and self.watchman is not None and self.watchman.verdict is not None:
                dist.distributed_c10d._abort_process_group()  # a plain end would wait for the dead
            else:
                dist.destroy_process_group()

    def end(self, failure: str | None = None) -> None:
        """Have all other processes end, and wait for those that this one started. May be called twice."""
        if self.watchman is not None:
            self.watchman.end(failure)
        self.part()


ALONE = Ranks(World())
