"""Defines what a task must provide. The session asks for these and never knows a task's name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import pytorch_lightning as pl
import torch
from torch.utils.data import default_collate

from aibench.config import DataError, RunConfig, Source
from aibench.datasets.contents import Whole, all_bytes, glance
from aibench.datasets.kinds import Gathers, OnDisk, Redraws
from aibench.datasets.published import Identity
from aibench.datasets.tensors import InTurn, Tensors, digest

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Facts = dict[str, Any]

PARTS = ("train", "val", "test")


class Scores(Protocol):
    """Holds what each held-out sample adds to the target's metric, so that the metric's standard error can be told.

    A sample here is what may be drawn again on its own: a user, a picture, a whole recording rather than its words.
    """

    def __len__(self) -> int:
        """Return the number of samples."""

    def value(self, indices: np.ndarray[Any, Any]) -> float:
        """Return the metric over the samples at `indices`, int64 (count,), in which one may stand more than once."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """Holds the quality of an answer that needs no training of the task's model.

    Attributes:
        name: What answers, as a table has it: "most popular items", say.
        quality: The value of the target's metric on each held-out part that was judged: `val`, `test`.
        note: What a reader must know of it; one line, or empty.
        unbeaten: Whether it is a classical method that the miniature does not beat in its two minutes. The first lines
            of the task's card then name it, and have both qualities.
    """

    name: str
    quality: Mapping[str, float]
    note: str = ""
    unbeaten: bool = False


class TaskData(ABC):
    """Holds the samples of a task, from whichever source `config.data` names.

    The constructor reads or makes what is needed, and raises `DataError` for data that cannot be used.

    Attributes:
        unit: The unit that throughput counts: images, tokens, utterances, interactions, frames.
        with_test: The sources whose data have a test part.
    """

    unit: ClassVar[str] = "samples"
    with_test: ClassVar[tuple[Source, ...]] = ()

    def __init__(self, config: Any) -> None:
        self.config = config

    @property
    def facts(self) -> Facts:
        """Return what the module must know of the data (class names, vocabulary sizes), as JSON can hold it."""
        return {}

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the parts of these data: `train` and `val`, and `test` where their source is one of `with_test`.

        Whatever is chosen (a target, a learning rate) is chosen on `val`. `test` is judged once, when a session has
        ended, and decides nothing.
        """
        return PARTS if self.config.data.source in self.with_test else PARTS[:2]

    def baselines(self) -> Iterator[Baseline]:
        """Yield the best cheap answers to the task, computed here and now on these samples: no model is trained."""
        yield from ()

    @abstractmethod
    def dataset(self, split: str) -> Any:
        """Return a map-style data set of `split`, one of `parts`. No two parts share a sample.

        A data set that `Gathers` returns whole batches; any other is read sample by sample, in
        `config.data.workers` processes, each sample under a random state that only the run's seed, the epoch and its
        index decide. A data set that `Redraws` is asked to do so before each epoch.
        """

    def collate(self, samples: list[Any]) -> Any:
        """Return one batch of samples that were read one by one."""
        return default_collate(samples)

    def plan(self, dataset: Any, generator: np.random.Generator) -> Sequence[np.ndarray[Any, Any]]:
        """Return one epoch's training batches as indices into `dataset`: shuffled, the short last batch left out.

        The number of batches must not depend on `generator`.
        """
        size = self.config.data.batch_size
        order = generator.permutation(len(dataset))
        return np.split(order[: len(order) // size * size], len(order) // size)

    def first_plan(self, dataset: Any, generator: np.random.Generator) -> Sequence[np.ndarray[Any, Any]]:
        """Return the first epoch's batches as `plan` does, where it has an order of its own (easy samples first, say).

        There are as many batches as `plan` returns, each as large as the one in its place.
        """
        return self.plan(dataset, generator)

    def share(self, dataset: Any, indices: np.ndarray[Any, Any], rank: int, size: int) -> np.ndarray[Any, Any]:
        """Return the part of a training batch that process `rank` of `size` trains on; each sample is in one part.

        Every `size`-th sample, so that batches that are sorted by length make parts of like lengths.
        """
        return indices[rank::size]

    def held_out_share(self, dataset: Any, rank: int, size: int) -> np.ndarray[Any, Any]:
        """Return the held-out samples that process `rank` of `size` judges, in order; each sample is in one part.

        Without an override the parts one after the other are all samples in their own order, which is then the order
        of whatever the processes gather.
        """
        return np.array_split(np.arange(len(dataset)), size)[rank]

    def units(self, dataset: Any, indices: np.ndarray[Any, Any]) -> int:
        """Return how many of `unit` the samples at `indices` hold: their number, unless one is a sentence, say."""
        return len(indices)

    @abstractmethod
    def fingerprint(self) -> str:
        """Name the samples: two runs with equal fingerprints trained and were evaluated on the same data.

        Samples in memory are all in it. Of samples that are read from files one by one it holds names, labels and the
        `glance`: the sizes of all files, and the bytes of some. `aibench data verify` reads all bytes.
        """

    def file_paths(self) -> Iterator[Path]:
        """Yield the files that the samples are read from, none where they are generated; see `OnDisk.file_paths`."""
        for split in self.parts:
            dataset = self.dataset(split)
            if isinstance(dataset, OnDisk):
                yield from dataset.file_paths()

    @cached_property
    def glance(self) -> str:
        """Return a digest of the sizes of all files and the bytes of some, by `contents.glance`; empty without any."""
        files = list(self.file_paths())
        return glance(files) if files else ""

    def all_bytes(self) -> Whole:
        """Return a digest of all bytes of these files: what `aibench data verify` shows.

        Raises:
            DataError: A file cannot be read.
        """
        return all_bytes(self.file_paths())

    def identity(self) -> Identity | None:
        """Return how the data compare with the published data set of their form.

        None where they are generated, are a part that was asked for, or have a form of which the suite knows no
        published data set.
        """
        return None

    def verify(self) -> list[str]:
        """Read every sample, and return what was found, a line each.

        Raises:
            DataError: The first fault.
        """
        lines = []
        for split in self.parts:
            dataset = self.dataset(split)
            for index in range(len(dataset)):
                dataset[index]
            lines.append(f"{split}: {len(dataset):,} samples, all readable")
        return lines


class TaskModule(pl.LightningModule):
    """Holds a task's networks, losses, optimisers and metrics.

    Subclasses define `training_step`, which returns the loss (under manual optimisation too, for the check
    against NaN), `validation_step`, `configure_optimizers`, and log `config.target.metric` in each evaluation.

    Args:
        config: The run.
        facts: `TaskData.facts` of the data that it is trained on.

    Attributes:
        phase: The part of the session that training is in, where a task has several: a teacher before its
            student, say. Samples and seconds are counted apart for each.
        judging: The part that evaluations are of: `val`, and `test` once after the session.
        initialisation: Where the first weights came from, for the result.
        unmeasured: Why this run's evaluations have no value for the target's metric, and log NaN; None where they have.
        uncountable: Why the operations of a step have no fixed number; None where they have.
        idles: Whether a step may leave weights that train without a gradient: those of a network whose turn it is not.
        own_buffers: Beginnings of the names of buffers that are a rank's own where several processes train: what they
            hold is of the rank's own samples. All others are the first rank's, before each evaluation.
        first_of_batches: The place among all held-out samples of the first one of each batch of this process; None
            where it judges all of them.
    """

    phase: str = "training"
    judging: str = "val"
    initialisation: str = "from scratch"
    unmeasured: str | None = None
    uncountable: str | None = None
    idles: bool = False
    own_buffers: tuple[str, ...] = ()
    first_of_batches: Sequence[int] | None = None

    def __init__(self, config: Any, facts: Facts) -> None:
        super().__init__()
        self.config = config
        self.facts = facts

    def place(self, batch_idx: int) -> int:
        """Return the place among all held-out samples of the first one of a batch of an evaluation."""
        if self.first_of_batches is None:
            return batch_idx * int(self.config.data.eval_batch_size)
        return self.first_of_batches[batch_idx]

    def sample_scores(self) -> Scores | None:
        """Return what each sample added to the last evaluation's metric; None where that cannot be told apart.

        It is asked after an evaluation, and what it returned does not change in the next one.
        """
        return None

    def example_input(self) -> tuple[Any, ...]:
        """Return the arguments of `forward` for one sample at its real shape, on the CPU."""
        raise NotImplementedError

    def infer(self, batch: Any) -> Any:
        """Answer one online request, up to what a user would see. `batch` is as the evaluation gets it."""
        raise NotImplementedError

    def render(self, batch: Any) -> Figure:
        """Return a figure that shows a person what the model makes of the first few samples of `batch`."""
        raise NotImplementedError


def example_batch(data: TaskData, split: str, count: int) -> Any:
    """Return the first `count` samples of `split` as one batch."""
    dataset = data.dataset(split)
    return batch_of(data, dataset, np.arange(min(count, len(dataset))))


def batch_of(data: TaskData, dataset: Any, indices: np.ndarray[Any, Any]) -> Any:
    """Return the samples of `dataset` at `indices` as one batch: gathered where it can, else read one by one."""
    if isinstance(dataset, Gathers):
        return dataset.gather(torch.from_numpy(indices))
    return data.collate([dataset[int(index)] for index in indices])


__all__ = [
    "PARTS",
    "Baseline",
    "DataError",
    "Facts",
    "Gathers",
    "Identity",
    "InTurn",
    "OnDisk",
    "Redraws",
    "RunConfig",
    "Scores",
    "TaskData",
    "TaskModule",
    "Tensors",
    "batch_of",
    "digest",
    "example_batch",
]
