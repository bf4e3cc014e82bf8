"""Wraps a model of MLPerf's as a workload."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from typing import Any

import pytorch_lightning as pl
import torch

from aibench.characterization.mlperf.catalogue import Benchmark
from aibench.characterization.workload import Workload

STEPS_PER_EPOCH = 100  # the made-up batch comes back this often; nothing depends on it


class MlperfWorkload(Workload):
    """Trains a model of MLPerf's on a made-up batch, the same for every step and every run.

    Each file of a model has `Module(batch_size)`, a LightningModule whose learning rate suits that many samples, and
    `made_up(samples, generator)`, a training batch for it.

    Args:
        benchmark: The benchmark whose model it is.
        batch_size: Samples of a training step; None for that of MLPerf's reference.
    """

    suite = "MLPerf"
    scale = "reference"

    def __init__(self, benchmark: Benchmark, batch_size: int | None = None) -> None:
        self.benchmark = benchmark
        self.name = f"mlperf/{benchmark.name}"
        size = batch_size or benchmark.batch_size
        assert size is not None, f"{benchmark.name} is not built"
        self.batch_size = size
        self._file: Any = importlib.import_module(f"aibench.characterization.mlperf.{benchmark.name}")
        self._made: Any = None

    def build(self) -> pl.LightningModule:
        module: pl.LightningModule = self._file.Module(self.batch_size)
        return module

    def batch(self) -> Any:
        if self._made is None:
            self._made = self._file.made_up(self.batch_size, torch.Generator().manual_seed(0))
        return self._made

    def batches(self) -> Iterable[Any]:
        return _Repeated(self.batch())


class _Repeated:
    """Yields one batch over and over, for an epoch."""

    def __init__(self, batch: Any) -> None:
        self.one = batch

    def __len__(self) -> int:
        return STEPS_PER_EPOCH

    def __iter__(self) -> Iterator[Any]:
        return (self.one for _ in range(STEPS_PER_EPOCH))
