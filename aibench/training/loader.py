"""Loads batches of a task's samples: reproducible, resumable within an epoch, quick for samples in memory."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, get_worker_info

from aibench.config import ConfigError
from aibench.contract import DataError, Gathers, Redraws, TaskData
from aibench.meters.steps import StepClock, waited_for
from aibench.world import World

Indices = np.ndarray[Any, Any]

FROM_WORKER = f"{DataError.__module__}.{DataError.__qualname__}: "


class SeededSamples:
    """Makes a data set's samples depend on (seed, epoch, index) alone, in whichever process they are read.

    In a worker nobody else draws from the global random states, so they are seeded and not put back, which takes
    most of the time that a sample costs here.
    """

    def __init__(self, dataset: Any, seed: int) -> None:
        self.dataset = dataset
        self.seed = seed

    def __getitem__(self, at: tuple[int, int]) -> Any:
        epoch, index = at
        state = int(np.random.SeedSequence((self.seed, epoch, index)).generate_state(1)[0])
        if get_worker_info() is not None:
            return self._read(index, state)
        with torch.random.fork_rng(devices=[]):
            outer = random.getstate(), np.random.get_state()
            try:
                return self._read(index, state)
            finally:
                random.setstate(outer[0])
                np.random.set_state(outer[1])

    def _read(self, index: int, state: int) -> Any:
        random.seed(state)
        np.random.seed(state)
        torch.default_generator.manual_seed(state)
        return self.dataset[index]


class _Reader:
    """Reads planned batches: gathered where the data set can, else sample by sample, in processes where asked."""

    def __init__(self, data: TaskData, dataset: Any, seed: int) -> None:
        self.data = data
        self.dataset = dataset
        self.samples = SeededSamples(dataset, seed)
        self.workers = data.config.data.workers

    def read(self, epoch: int, batches: list[np.ndarray[Any, Any]]) -> Iterator[Any]:
        if isinstance(self.dataset, Gathers):
            for indices in batches:
                yield self.dataset.gather(torch.from_numpy(indices))
        else:
            keys = [[(epoch, int(index)) for index in indices] for indices in batches]
            loader: DataLoader[Any] = DataLoader(
                self.samples,  # type: ignore[arg-type]
                batch_sampler=keys,
                collate_fn=self.data.collate,
                # A worker without a batch never starts its queue's thread; garbage collection then closes a pipe twice.
                num_workers=min(self.workers, len(keys)),
                pin_memory=torch.cuda.is_available(),
                generator=torch.Generator(),  # its own, so that starting an epoch draws nothing from the global one
            )
            try:
                yield from loader
            except DataError as error:  # from another process it comes with that one's traceback before its message
                raise DataError(str(error).strip().splitlines()[-1].removeprefix(FROM_WORKER)) from error


class TrainBatches:
    """Yields one epoch of training batches each time it is iterated.

    The order of epoch `e` is a function of the run's seed and `e`, so a position is all there is to restore.
    (Lightning 2.6.6 offers to restore a loader, and did not when it was tried.)

    One plan is of all processes that train the run; each reads its share of every batch.

    Attributes:
        clock: The clock that times the waits for a batch; None before the session has one.
        own_samples: Samples that this process has yielded, of its shares alone, while `counts`.
    """

    def __init__(self, data: TaskData, dataset: Any, seed: int, world: World = World()) -> None:  # noqa: B008 - frozen
        self.world = world
        self.data = data
        self.dataset = dataset
        self.seed = seed
        self.epoch = 0
        self.batch = 0
        self.clock: StepClock | None = None
        self.own_samples, self.counts = 0, True
        self._reader = _Reader(data, dataset, seed)
        self._planned: tuple[int, list[Indices]] | None = None
        self._before = [np.zeros(2, dtype=np.int64)]  # samples and units before each epoch
        size = data.config.data.batch_size
        if data.config.data.smallest_batch > len(dataset):
            raise ConfigError(
                f"data.batch_size={size}: larger than the {len(dataset)} training samples. Set data.batch_size to "
                f"{len(dataset)} or less."
            )
        self._length = len(self.plan(0))
        if (least := min(map(len, self.plan(0)), default=world.size)) < world.size:
            raise ConfigError(
                f"hardware.devices={data.config.hardware.devices}: a training batch of {least} samples cannot be "
                f"shared among {world.size} devices. Use fewer, or larger batches."
            )

    def plan(self, epoch: int) -> list[Indices]:
        """Return the batches of an epoch, as indices into the data set."""
        if self._planned is None or self._planned[0] != epoch:
            generator = np.random.default_rng((self.seed, epoch))
            plan = self.data.plan if epoch else self.data.first_plan
            self._planned = epoch, list(plan(self.dataset, generator))
        return self._planned[1]

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Any]:
        return self._epoch() if self.clock is None else waited_for(self._epoch(), self.clock)

    def _epoch(self) -> Iterator[Any]:
        if self.batch >= len(self):  # Lightning takes len(self) batches, so the code after the last yield never runs
            self.epoch, self.batch = self.epoch + 1, 0
        if isinstance(self.dataset, Redraws):
            self.dataset.redraw(np.random.default_rng((self.seed, self.epoch, 1)))
        batches = self.plan(self.epoch)
        assert len(batches) == len(self), "TaskData.plan: the number of batches changed"
        shares = self._shares(batches[self.batch :])
        for share, batch in zip(shares, self._reader.read(self.epoch, shares), strict=True):
            self.batch += 1
            self.own_samples += len(share) if self.counts else 0
            yield batch

    def _shares(self, batches: list[Indices]) -> list[Indices]:
        rank, size = self.world.rank, self.world.size
        if size == 1:
            return batches
        return [self.data.share(self.dataset, indices, rank, size) for indices in batches]

    def go_to(self, steps: int) -> None:
        """Go on after the first `steps` batches of the session."""
        self.epoch, self.batch = divmod(steps, len(self))

    def after(self, steps: int) -> tuple[int, int]:
        """Return the samples, and the units that throughput counts, in the first `steps` batches of the session."""
        epoch, batch = divmod(steps, len(self))
        while len(self._before) <= epoch:
            self._before.append(self._before[-1] + self._counted(self.plan(len(self._before) - 1)))
        samples, units = self._before[epoch] + self._counted(self.plan(epoch)[:batch] if batch else [])
        return int(samples), int(units)

    def _counted(self, batches: list[Indices]) -> Indices:
        counts = [(len(indices), self.data.units(self.dataset, indices)) for indices in batches]
        total: Indices = np.array(counts, dtype=np.int64).reshape(-1, 2).sum(axis=0)
        return total


class EvalBatches:
    """Yields the held-out samples in their own order, the short last batch included.

    Where several processes judge them, each yields its part, in as many batches as the others: they wait for each
    other.

    Attributes:
        first: The place among all held-out samples of the first one of each batch.
    """

    def __init__(self, data: TaskData, dataset: Any, world: World = World()) -> None:  # noqa: B008 - frozen
        self.dataset = dataset
        self.size: int = data.config.data.eval_batch_size
        self._reader = _Reader(data, dataset, data.config.data.seed)
        self._batches = self._planned(data, world)
        self.first = [int(batch[0]) for batch in self._batches]

    def _planned(self, data: TaskData, world: World) -> list[Indices]:
        if world.size == 1:
            order = np.arange(len(self.dataset))
            return [order[at : at + self.size] for at in range(0, len(order), self.size)]
        parts = [data.held_out_share(self.dataset, rank, world.size) for rank in range(world.size)]
        if not all(map(len, parts)):
            raise ConfigError(
                f"hardware.devices={data.config.hardware.devices}: {len(self.dataset)} held-out samples give "
                f"{world.size} devices nothing to judge. Use fewer."
            )
        count = math.ceil(max(map(len, parts)) / self.size)
        least = min(map(len, parts))
        return np.array_split(parts[world.rank], min(count, least))

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Any]:
        yield from self._reader.read(0, self._batches)
