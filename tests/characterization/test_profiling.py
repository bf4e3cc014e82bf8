"""Profiles of real training steps."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from aibench.characterization.fitting import fitted
from aibench.characterization.profiling import Plan, profile
from aibench.characterization.selection import selected
from aibench.characterization.workload import Workload


class Perceptron(pl.LightningModule):
    """One convolution, batch normalisation, ReLU, a product; trained by Adam."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 4)
        )

    def example_input(self) -> tuple[Tensor, ...]:
        return (torch.zeros(1, 3, 8, 8),)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        return nn.functional.cross_entropy(self.layers(batch[0]), batch[1])

    def configure_optimizers(self) -> Any:
        return torch.optim.Adam(self.parameters(), fused=True)


class Batches:
    """One batch, twenty times."""

    def __init__(self, batch: Any) -> None:
        self.batch = batch

    def __len__(self) -> int:
        return 20

    def __iter__(self) -> Iterator[Any]:
        return iter([self.batch] * 20)


class Small(Workload):
    name, suite, scale, batch_size = "small", "AIBench", "reference", 64

    def build(self) -> pl.LightningModule:
        return Perceptron()

    def batch(self) -> Any:
        if self.batch_size < 4:
            raise ValueError("too few samples")
        return torch.zeros(self.batch_size, 3, 8, 8), torch.zeros(self.batch_size, dtype=torch.int64)

    def batches(self) -> Iterable[Any]:
        return Batches(self.batch())


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return profile(Small(), plan=Plan(1, 2, 2))


def test_shares_sum_to_all(found):
    shares = sum(one["share"] for one in found["categories"].values()) + found["unclassified"]["share"]
    assert shares == pytest.approx(1, abs=1e-6)
    assert sum(one["share"] for one in found["functions"]) == pytest.approx(1, abs=1e-5)
    outside = found["framework"]["autograd"] + found["framework"]["python"] + found["input"]
    assert found["busy"] + outside == pytest.approx(found["wall"], rel=1e-6)


def test_a_profile_says_what_the_model_does(found):
    assert found["categories"].keys() >= {"convolution", "batch normalisation", "activation", "GEMM", "optimiser"}
    assert found["unclassified"]["share"] < 0.05
    calls = {(one["name"], one["phase"]): one["calls"] for one in found["functions"]}
    assert calls["aten::mkldnn_convolution", "forward"] == 2
    assert calls["aten::convolution_backward", "backward"] == 2
    assert calls["aten::_fused_adam_", "optimiser"] == 2
    assert found["gpu_idle"] is None
    json.dumps(found, allow_nan=False)


def test_operators_come_with_what_they_were_called_with(found):
    convolution = next(one for one in found["shapes"] if one["operator"] == "aten::mkldnn_convolution")
    assert convolution["shapes"][:3] == [[found["batch"], 3, 8, 8], [8, 3, 3, 3], [8]]
    assert convolution["types"][:2] == ["float", "float"]
    assert convolution["values"][3:6] == ["[0, 0]", "[1, 1]", "[1, 1]"]


def test_a_cpu_gets_a_smaller_batch_that_the_model_takes():
    assert fitted(Small(), "cpu", seconds=1e-9).batch_size == 4
    assert fitted(Small(), "cpu", seconds=1e9).batch_size == 64
    assert fitted(Small(), "cuda", seconds=1e-9).batch_size == 64


@pytest.mark.slow
def test_little_of_any_miniature_is_unclassified():
    chosen = selected(["task=all", "scale=mini", "hardware=cpu"])
    for name in chosen.names:
        found = profile(chosen.workload(name), plan=Plan(1, 1, 1))
        assert found["unclassified"]["share"] < 0.05, (name, found["unclassified"]["names"])
        total = sum(one["share"] for one in found["categories"].values()) + found["unclassified"]["share"]
        assert total == pytest.approx(1, abs=1e-6), name
