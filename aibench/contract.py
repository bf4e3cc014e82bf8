"""What a task must provide. The session asks for these and never knows a task's name."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from aibench.config import DataError, RunConfig

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Facts = dict[str, Any]


class Tensors(Dataset[tuple[Tensor, ...]]):
    """Samples held in memory, gathered a batch at a time: 20 times faster than collating them one by one.

    Args:
        tensors: Of equal length; a sample is a tuple of one element of each.
    """

    def __init__(self, *tensors: Tensor) -> None:
        lengths = {len(tensor) for tensor in tensors}
        assert len(lengths) == 1, f"tensors of unequal length: {lengths}"
        self.tensors = tensors

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def fingerprint(self) -> str:
        """Of all samples."""
        return digest(*self.tensors)

    def gather(self, indices: Tensor) -> tuple[Tensor, ...]:
        """The batch of the samples at `indices`, int64 (batch,)."""
        return tuple(tensor[indices] for tensor in self.tensors)


class InTurn(Tensors):
    """Many samples of a few distinct ones, which take turns: what a model is timed on where its data are not at hand.

    Args:
        count: How many samples.
        tensors: Of equal length.
    """

    def __init__(self, count: int, *tensors: Tensor) -> None:
        super().__init__(*tensors)
        self.count = count

    def __len__(self) -> int:
        return self.count

    def fingerprint(self) -> str:
        """Of all samples."""
        return digest(str(self.count), *self.tensors)

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return super().__getitem__(index % len(self.tensors[0]))

    def gather(self, indices: Tensor) -> tuple[Tensor, ...]:
        """The batch of the samples at `indices`, int64 (batch,)."""
        return super().gather(indices % len(self.tensors[0]))


class TaskData(ABC):
    """The samples of a task, from whichever source `config.data` names.

    The constructor reads or makes what is needed, and raises `DataError` for data that cannot be used.

    Attributes:
        unit: What throughput counts: images, tokens, utterances, interactions, frames.
    """

    unit: ClassVar[str] = "samples"

    def __init__(self, config: Any) -> None:
        self.config = config

    @property
    def facts(self) -> Facts:
        """What the module must know of the data (class names, vocabulary sizes), as JSON can hold it."""
        return {}

    @abstractmethod
    def dataset(self, split: str) -> Any:
        """A map-style data set of `split`, `train` or `val`. The two share no sample.

        A data set with a method `gather(indices)` returns whole batches by it; any other is read sample by sample,
        in `config.data.workers` processes, each sample under a random state that only the run's seed, the epoch
        and its index decide. One with a method `redraw(generator)` is asked to draw what changes from
        epoch to epoch (negatives, say) before each epoch, from a `numpy.random.Generator`.
        """

    def collate(self, samples: list[Any]) -> Any:
        """One batch of samples that were read one by one."""
        return default_collate(samples)

    def plan(self, dataset: Any, generator: np.random.Generator) -> Sequence[np.ndarray[Any, Any]]:
        """The training batches of one epoch, as indices into `dataset`: shuffled, the short last batch left out.

        The number of batches must not depend on `generator`.
        """
        size = self.config.data.batch_size
        order = generator.permutation(len(dataset))
        return np.split(order[: len(order) // size * size], len(order) // size)

    def first_plan(self, dataset: Any, generator: np.random.Generator) -> Sequence[np.ndarray[Any, Any]]:
        """The batches of the first epoch, where it has an order of its own (easy samples first, say), as `plan`'s.

        As many batches as those of `plan`, and each as large as the one in its place.
        """
        return self.plan(dataset, generator)

    def units(self, dataset: Any, indices: np.ndarray[Any, Any]) -> int:
        """How many of `unit` the samples at `indices` hold: their number, but where a sample is a sentence, say."""
        return len(indices)

    @abstractmethod
    def fingerprint(self) -> str:
        """Names the samples: two runs with equal fingerprints trained and were evaluated on the same data."""

    def verify(self) -> list[str]:
        """Reads everything. Returns what was found, a line each; raises `DataError` at the first fault."""
        lines = []
        for split in ("train", "val"):
            dataset = self.dataset(split)
            for index in range(len(dataset)):
                dataset[index]
            lines.append(f"{split}: {len(dataset):,} samples, all readable")
        return lines


class TaskModule(pl.LightningModule):
    """A task's networks, losses, optimisers and metrics.

    Subclasses define `training_step`, which returns the loss (under manual optimisation too, for the check
    against NaN), `validation_step`, `configure_optimizers`, and log `config.target.metric` in each evaluation.

    Args:
        config: The run.
        facts: `TaskData.facts` of the data that it is trained on.

    Attributes:
        phase: Names the part of the session that training is in, where a task has several: a teacher before its
            student, say. Samples and seconds are counted apart for each.
        initialisation: Where the first weights came from, for the result.
        unmeasured: Why this run's evaluations have no value for the target's metric, and log NaN; None where they have.
        uncountable: Why the operations of a step have no fixed number; None where they have.
    """

    phase: str = "training"
    initialisation: str = "from scratch"
    unmeasured: str | None = None
    uncountable: str | None = None

    def __init__(self, config: Any, facts: Facts) -> None:
        super().__init__()
        self.config = config
        self.facts = facts

    def example_input(self) -> tuple[Any, ...]:
        """Arguments of `forward` for one sample at its real shape, on the CPU."""
        raise NotImplementedError

    def infer(self, batch: Any) -> Any:
        """Answer one online request, up to what a user would see. `batch` is as the evaluation gets it."""
        raise NotImplementedError

    def render(self, batch: Any) -> Figure:
        """What the model makes of the first few samples of `batch`, for a person."""
        raise NotImplementedError


def digest(*parts: Tensor | np.ndarray[Any, Any] | str) -> str:
    """A fingerprint of tensors, arrays and strings: 16 hexadecimal digits of their SHA-256."""
    state = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            state.update(part.encode())
            continue
        array = part.detach().cpu().numpy() if isinstance(part, Tensor) else part
        state.update(f"{array.dtype}{array.shape}".encode())
        state.update(np.ascontiguousarray(array).data)
    return state.hexdigest()[:16]


def example_batch(data: TaskData, split: str, count: int) -> Any:
    """The first `count` samples of `split`, as one batch."""
    dataset = data.dataset(split)
    return batch_of(data, dataset, np.arange(min(count, len(dataset))))


def batch_of(data: TaskData, dataset: Any, indices: np.ndarray[Any, Any]) -> Any:
    """The samples of `dataset` at `indices`, as one batch: gathered where it can, else read one by one."""
    if hasattr(dataset, "gather"):
        return dataset.gather(torch.from_numpy(indices))
    return data.collate([dataset[int(index)] for index in indices])


__all__ = [
    "DataError",
    "Facts",
    "InTurn",
    "RunConfig",
    "TaskData",
    "TaskModule",
    "Tensors",
    "batch_of",
    "digest",
    "example_batch",
]
