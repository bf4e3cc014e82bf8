"""Defines what is characterised: a model, its training batches, steps of real training; ours and other suites'."""

from __future__ import annotations

import copy
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch
from torch.utils._pytree import tree_leaves

from aibench.composition import registry
from aibench.composition.compose import composed
from aibench.config import HardwareConfig, Precision, RunConfig, default_cache, on_one_device
from aibench.config.hardware import setting
from aibench.contract import batch_of, example_batch
from aibench.meters.gpu import alone_on
from aibench.meters.system import allow_tf32, lay_out, quieten_lightning
from aibench.training.loader import TrainBatches
from aibench.training.quickening import PRECISIONS, quickened

SOURCES = {"mini": "embedded"}  # by scale: what a miniature is does not depend on a data set of the user's
EPOCHS = 1_000  # a budget that schedules may plan over; the steps end long before
Around = Callable[[], AbstractContextManager[Any]]


class Workload(ABC):
    """Holds a model with its training step, at one scale.

    Attributes:
        name: The name as in `task=NAME`: of a task, or `mlperf/resnet50`.
        suite: `AIBench` or `MLPerf`.
        scale: `mini` or `reference`.
        batch_size: Samples of a training step.
        uncountable: Why the operations of a step have no fixed number; None where they have.
        words: The KEY=VALUE words that changed it.
        fast: `gpu_fast` or `cpu_fast`, where its steps are to be as quick as those of `hardware=` that; else None.
        hardware: How its steps are computed.
    """

    name: str
    suite: str
    scale: str
    batch_size: int
    uncountable: str | None = None
    words: Sequence[str] = ()
    fast: str | None = None
    hardware: HardwareConfig = HardwareConfig()  # never changed

    @property
    def setting(self) -> str:
        """Return how its steps are computed, as in `bf16, compiled`; empty for fp32, operator by operator."""
        return setting(self.hardware)

    @property
    def cache(self) -> str:
        """Return the folder of what is measured once."""
        return default_cache()

    @abstractmethod
    def build(self) -> pl.LightningModule:
        """Return the module anew in its memory layout, with `example_input()`, `training_step`, `configure_optimizers`.

        It stands on the default device, so that `with torch.device("meta")` makes one that takes no memory.
        """

    def to_train(self) -> pl.LightningModule:
        """Return the module as a session trains it: compiled or recorded, where that is asked for."""
        return self.build()

    @abstractmethod
    def batch(self) -> Any:
        """Return a training batch, on the CPU."""

    @abstractmethod
    def batches(self) -> Iterable[Any]:
        """Return an epoch of training batches, anew each time it is iterated."""

    def at_batch(self, samples: int) -> Workload:
        """Return the workload with training batches of about `samples` samples.

        Raises:
            ConfigError: The workload takes no such batch.
        """
        other = copy.copy(self)
        other.batch_size = samples
        return other

    def samples(self, first: int, steps: int) -> int:
        """Return the samples in `steps` training batches after the first `first` ones."""
        return steps * self.batch_size

    @property
    def most(self) -> int | None:
        """Return how many training samples there are, which is the largest batch; None where they have no end."""
        return None

    def shapes(self) -> str:
        """Return the arguments of `forward` for one sample as text: `float32 1x3x224x224`, say."""
        leaves = [leaf for leaf in tree_leaves(self.build().example_input()) if torch.is_tensor(leaf)]  # type: ignore[operator]
        return ", ".join(
            f"{str(leaf.dtype).removeprefix('torch.')} {'x'.join(map(str, leaf.shape))}" for leaf in leaves
        )


class TaskWorkload(Workload):
    """Runs a task of the suite: a miniature on the samples of its sessions, a reference model on made-up ones.

    Made-up samples have the real shapes, and need no data set.

    Args:
        task: Its name.
        scale: `mini` or `reference`.
        words: Further `KEY=VALUE` words.
        fast: `gpu_fast` or `cpu_fast`, for the settings of `hardware=` that.

    Raises:
        ConfigError: The words describe no run.
    """

    suite = "AIBench"

    def __init__(self, task: str, scale: str, words: Sequence[str] = (), fast: str | None = None) -> None:
        source = f"data.source={SOURCES.get(scale, 'synthetic')}"
        fixed = [f"task={task}", f"scale={scale}", source, "session=steps", *([f"hardware={fast}"] if fast else [])]
        self.config: RunConfig = on_one_device(composed([*fixed, *words]))
        self.name = task
        self.scale = scale
        self.words = list(words)
        self.fast = fast
        self.hardware = self.config.hardware
        self.data = registry.data_class(task)(self.config)
        self._batches = TrainBatches(self.data, self.data.dataset("train"), self.config.seed)
        self.batch_size = len(self._batches.plan(0)[0])
        self.uncountable = registry.module_class(task).uncountable

    @property
    def cache(self) -> str:
        """Return the folder of what is measured once: `data.cache`."""
        return self.config.data.cache

    def build(self) -> pl.LightningModule:
        module = registry.module_class(self.name)(self.config, self.data.facts)
        lay_out(module, self.config.hardware)
        return module

    def to_train(self) -> pl.LightningModule:
        module: Any = self.build()
        found: pl.LightningModule = quickened(module, self.config)
        return found

    def at_batch(self, samples: int) -> TaskWorkload:
        of_a_sample = self.config.data.batch_size / self.batch_size  # where the key counts tokens, more than 1
        size = f"data.batch_size={max(1, round(samples * of_a_sample))}"
        return TaskWorkload(self.name, self.scale, [*self.words, size], self.fast)

    def batch(self) -> Any:
        return batch_of(self.data, self._batches.dataset, self._batches.plan(0)[0])

    def batches(self) -> Iterable[Any]:
        return self._batches

    def samples(self, first: int, steps: int) -> int:
        return self._batches.after(first + steps)[0] - self._batches.after(first)[0]

    @property
    def most(self) -> int | None:
        return len(self._batches.dataset)

    def requests(self, count: int) -> Any:
        """Return the first `count` held-out samples as one batch, which is what `infer` gets."""
        return example_batch(self.data, "val", count)


@dataclass
class Steps:
    """Says how training steps are to be run.

    Attributes:
        warmup: Steps before those of interest.
        count: Steps of interest.
        around: Makes the context that the steps of interest run in, all of them together: a profiler, say.
        before: Called before each step of interest, with its number from 0.
    """

    warmup: int = 2
    count: int = 3
    around: Around = nullcontext
    before: Callable[[int], None] = lambda _: None


class _Watch(pl.Callback):
    """Enters the context after the warm-up and leaves it after the last step."""

    def __init__(self, steps: Steps, device: str) -> None:
        self.steps = steps
        self.device = device
        self.context: AbstractContextManager[Any] | None = None
        self.done = 0  # counted here: under manual optimisation the trainer counts optimiser steps

    def on_train_batch_start(self, trainer: Any, module: Any, batch: Any, batch_idx: int) -> None:
        step = self.done - self.steps.warmup
        if step == 0:
            self._wait()
            self.context = self.steps.around()
            self.context.__enter__()
        if step >= 0:
            self.steps.before(step)

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        self.done += 1
        if self.done >= self.steps.warmup + self.steps.count:
            trainer.should_stop = True
            self.close()

    def close(self) -> None:
        if self.context is not None:
            self._wait()
            context, self.context = self.context, None
            context.__exit__(None, None, None)

    def _wait(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()


def run_steps(workload: Workload, steps: Steps, device: str = "cpu") -> pl.LightningModule:
    """Train for real: through Lightning, optimisers and all, as a session does. Returns the module.

    On a GPU, only once no other process is in here.

    Args:
        workload: What to train, from fresh weights.
        steps: How many, and what is to be around them.
        device: `cpu` or `cuda`.
    """
    torch.manual_seed(0)
    allow_tf32(workload.hardware.precision is Precision.tf32)
    module, watch = workload.to_train(), _Watch(steps, device)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quieten_lightning()
        trainer = pl.Trainer(
            accelerator="gpu" if device == "cuda" else "cpu",
            devices=1,
            max_epochs=EPOCHS,
            benchmark=workload.hardware.cudnn_benchmark,
            precision=PRECISIONS[workload.hardware.precision],  # type: ignore[arg-type]
            limit_val_batches=0.0,
            callbacks=[watch],
            logger=False,
            enable_progress_bar=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
        )
        try:
            with alone_on(device):
                trainer.fit(module, workload.batches())
        finally:
            watch.close()
    return module
