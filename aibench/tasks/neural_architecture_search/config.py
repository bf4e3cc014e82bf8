"""Schema of `task=neural_architecture_search`. Imports no torch."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import MISSING

from aibench import config
from aibench.config import Precision, RunConfig, too_small
from aibench.tasks.neural_architecture_search import layout


class Optimizer(enum.StrEnum):
    """What updates the shared weights."""

    sgd = enum.auto()
    adam = enum.auto()


@dataclass(slots=True)
class ModelConfig(config.ModelConfig):
    """The shared weights, and the controller that samples cells from them.

    Attributes:
        blocks: N, the nodes of a cell.
        hidden: Units of a node, and dimensions of an embedding: the softmax uses the embeddings.
        initial: The shared weights start between -initial and initial, all equally likely.
        embedding_dropout: Probability with which a word loses its embedding, wherever it occurs in a window.
        input_dropout: Probability with which an input is dropped, at all places of a window.
        output_dropout: The same of an output.
        weight_dropout: The same of a weight from the last state to the first node.
        largest_state: A state of a greater Euclidean norm is scaled down to it.
        controller_hidden: Units of the controller's LSTM.
        tanh_constant: The controller's logits z are tanh_constant * tanh(z / temperature).
        temperature: Likewise.
    """

    blocks: int = MISSING
    hidden: int = MISSING
    initial: float = MISSING
    embedding_dropout: float = MISSING
    input_dropout: float = MISSING
    output_dropout: float = MISSING
    weight_dropout: float = MISSING
    largest_state: float = MISSING
    controller_hidden: int = MISSING
    tanh_constant: float = MISSING
    temperature: float = MISSING


@dataclass(slots=True)
class DataConfig(config.DataConfig):
    """The text, as windows. `batch_size` windows at a time are read on from where those before them ended.

    Attributes:
        window: Words in a window: how far back gradients go.
        streams: Parts into which a held-out text is cut for its evaluation. Each starts from a zero state.
        derivation_windows: Windows on which an evaluation ranks the candidate cells.
    """

    window: int = MISSING
    streams: int = MISSING
    derivation_windows: int = MISSING


@dataclass(slots=True)
class ControllerConfig:
    """REINFORCE with a moving average as its baseline, under Adam.

    Attributes:
        lr: Learning rate.
        steps: Steps after each pass over the training text.
        samples: Cells that are sampled in a step, and tried on its windows.
        reward: c, of the reward c / perplexity.
        baseline_decay: Of the moving average of the rewards.
        entropy: Factor of the policy's entropy in what it maximises.
        candidates: Cells that an evaluation samples; the best one is the child that it measures.
    """

    lr: float = MISSING
    steps: int = MISSING
    samples: int = MISSING
    reward: float = MISSING
    baseline_decay: float = MISSING
    entropy: float = MISSING
    candidates: int = MISSING


@dataclass(slots=True)
class OptimConfig(config.OptimConfig):
    """Of the shared weights; the controller has its own. `weight_decay` is that of the shared weights.

    Attributes:
        optimizer: Which one.
        decay: After each pass over the text the learning rate is multiplied by it ...
        decay_from: ... from the end of this pass on.
        clip: Gradients of a greater norm are scaled down to it.
        controller: How the controller learns.
    """

    optimizer: Optimizer = MISSING
    decay: float = MISSING
    decay_from: int = MISSING
    clip: float = MISSING
    controller: ControllerConfig = field(default_factory=ControllerConfig)


@dataclass(slots=True)
class Config(RunConfig):
    """A run of neural architecture search."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)

    def problems(self) -> Iterator[str]:
        """What is wrong with this run, a line each."""
        yield from too_small(_at_least(self))
        yield from _not_positive(self)
        yield from _no_share(self)
        if self.hardware.precision is Precision.fp16:
            yield "hardware.precision=fp16: its gradients are scaled, and this task clips them. Use bf16 or fp32."

    def disk_problems(self, root: Path, typed: str) -> Iterator[str]:
        """Yield what is wrong with the files in `data.root`, a line each."""
        yield from layout.problems(root, typed)


def _at_least(run: Config) -> dict[str, tuple[float | None, float]]:
    model, data, optim = run.model, run.data, run.optim
    return {
        "model.blocks": (model.blocks, 2),
        "model.hidden": (model.hidden, 1),
        "model.controller_hidden": (model.controller_hidden, 1),
        "data.window": (data.window, 1),
        "data.streams": (data.streams, 1),
        "data.derivation_windows": (data.derivation_windows, 1),
        "optim.decay_from": (optim.decay_from, 0),
        "optim.controller.steps": (optim.controller.steps, 0),
        "optim.controller.samples": (optim.controller.samples, 1),
        "optim.controller.entropy": (optim.controller.entropy, 0),
        "optim.controller.candidates": (optim.controller.candidates, 1),
    }


def _not_positive(run: Config) -> Iterator[str]:
    model, optim = run.model, run.optim
    for key, value in (
        ("model.initial", model.initial),
        ("model.largest_state", model.largest_state),
        ("model.tanh_constant", model.tanh_constant),
        ("model.temperature", model.temperature),
        ("optim.decay", optim.decay),
        ("optim.clip", optim.clip),
        ("optim.controller.lr", optim.controller.lr),
        ("optim.controller.reward", optim.controller.reward),
    ):
        if value <= 0:
            yield f"{key}={value}: must be greater than 0."


def _no_share(run: Config) -> Iterator[str]:
    model = run.model
    for key, value in (
        ("model.embedding_dropout", model.embedding_dropout),
        ("model.input_dropout", model.input_dropout),
        ("model.output_dropout", model.output_dropout),
        ("model.weight_dropout", model.weight_dropout),
        ("optim.controller.baseline_decay", run.optim.controller.baseline_decay),
    ):
        if not 0 <= value < 1:
            yield f"{key}={value}: must lie in 0 to 1, and below 1."
