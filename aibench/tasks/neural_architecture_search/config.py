"""Defines the schema of `task=neural_architecture_search`. Imports no torch."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from omegaconf import MISSING

from aibench import config
from aibench.config import Precision, RunConfig
from aibench.config.bounds import Count, Dropout, Natural, NotNegative, Positive, Units, Words, at_least
from aibench.config.closed import LEARNING_RATE, SCHEDULE
from aibench.tasks.neural_architecture_search import layout


class Optimizer(enum.StrEnum):
    """Lists what may update the shared weights."""

    sgd = enum.auto()
    adam = enum.auto()


@dataclass(slots=True)
class ModelConfig(config.ModelConfig):
    """Holds the shared weights, and the controller that samples cells from them.

    Attributes:
        blocks: N, the nodes of a cell.
        hidden: Units of a node, and dimensions of an embedding: the softmax uses the embeddings.
        initial: The shared weights start between -initial and initial, all equally likely.
        embedding_dropout: Probability with which a word loses its embedding, wherever it occurs in a window.
        input_dropout: Probability with which an input is dropped, at all places of a window.
        output_dropout: Probability with which an output is dropped, at all places of a window.
        weight_dropout: Probability with which a weight from the last state to the first node is dropped.
        largest_state: A state of a greater Euclidean norm is scaled down to it.
        controller_hidden: Units of the controller's LSTM.
        tanh_constant: The controller's logits z are tanh_constant * tanh(z / temperature).
        temperature: The temperature in these logits.
    """

    blocks: Annotated[int, at_least(2, 1000)] = MISSING
    hidden: Units = MISSING
    initial: Positive = MISSING
    embedding_dropout: Dropout = MISSING
    input_dropout: Dropout = MISSING
    output_dropout: Dropout = MISSING
    weight_dropout: Dropout = MISSING
    largest_state: Positive = MISSING
    controller_hidden: Units = MISSING
    tanh_constant: Positive = MISSING
    temperature: Positive = MISSING


@dataclass(slots=True)
class DataConfig(config.DataConfig):
    """Holds the text, as windows.

    `batch_size` windows at a time are read on from where those before them ended.

    Attributes:
        window: Words in a window: how far back gradients go.
        streams: Parts into which a held-out text is cut for its evaluation. Each starts from a zero state.
        derivation_windows: Windows on which an evaluation ranks the candidate cells.
    """

    window: Words = MISSING
    streams: Count = MISSING
    derivation_windows: Count = MISSING


@dataclass(slots=True)
class ControllerConfig:
    """Holds REINFORCE with a moving average as its baseline, under Adam.

    Attributes:
        lr: Learning rate.
        steps: Steps after each pass over the training text.
        samples: Cells that are sampled in a step, and tried on its windows.
        reward: c, of the reward c / perplexity.
        baseline_decay: Decay of the moving average of the rewards.
        entropy: Factor of the policy's entropy in what it maximises.
        candidates: Cells that an evaluation samples; the best one is the child that it measures.
    """

    lr: Annotated[Positive, LEARNING_RATE] = MISSING
    steps: Annotated[int, at_least(0, 10**6)] = MISSING
    samples: Annotated[int, at_least(1, 10**6)] = MISSING
    reward: Positive = MISSING
    baseline_decay: Dropout = MISSING
    entropy: NotNegative = MISSING
    candidates: Annotated[int, at_least(1, 10**6)] = MISSING


@dataclass(slots=True)
class OptimConfig(config.OptimConfig):
    """Holds how the shared weights learn; the controller has its own.

    `weight_decay` is that of the shared weights.

    Attributes:
        optimizer: What updates the shared weights.
        decay: Factor of the learning rate after each pass over the text, from `decay_from` on.
        decay_from: The pass at whose end the learning rate falls first.
        clip: Gradients of a greater norm are scaled down to it.
        controller: How the controller learns.
    """

    optimizer: Optimizer = MISSING
    decay: Annotated[Positive, SCHEDULE] = MISSING
    decay_from: Annotated[Natural, SCHEDULE] = MISSING
    clip: Positive = MISSING
    controller: ControllerConfig = field(default_factory=ControllerConfig)


@dataclass(slots=True)
class Config(RunConfig):
    """Holds a run of neural architecture search."""

    logs: ClassVar = (*("val/perplexity", "reward/best_candidate", "reward/mean_candidate", "controller/entropy"),)
    by_hand: ClassVar = True

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with this run, a line each."""
        if self.hardware.precision is Precision.fp16:
            yield "hardware.precision=fp16: its gradients are scaled, and this task clips them. Use bf16 or fp32."

    def disk_problems(self, root: Path, typed: str) -> Iterator[str]:
        """Yield what is wrong with the files in `data.root`, a line each."""
        yield from layout.problems(root, typed)
