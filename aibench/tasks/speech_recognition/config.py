"""Schema of `task=speech_recognition`."""

from __future__ import annotations

import enum
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import MISSING

from aibench import config
from aibench.config import RunConfig, Source, too_small
from aibench.tasks.speech_recognition import layout

VOICE_PACKAGE = "espeakng_loader"
VOICE_RATE = 22_050  # samples of an embedded voice in a second
WER = "val/wer"


class Optimizer(enum.StrEnum):
    """How the weights move."""

    sgd = enum.auto()  # Nesterov's momentum
    adam = enum.auto()


@dataclass(slots=True)
class ModelConfig(config.ModelConfig):
    """Deep Speech 2 (Amodei et al. 2016, arXiv 1512.02595): convolutions, bidirectional GRUs, and CTC.

    Attributes:
        channels: Of each convolution.
        kernels: Of each convolution: bins of the spectrum, frames; odd.
        strides: Of each convolution, in the same order.
        layers: Bidirectional GRU layers, whose two directions are summed.
        hidden: Units of each direction.
        beams: Prefixes that the decoder keeps at each frame, without a language model; 1 takes the likeliest label of
            each frame (greedy).
    """

    channels: int = MISSING
    kernels: list[list[int]] = MISSING
    strides: list[list[int]] = MISSING
    layers: int = MISSING
    hidden: int = MISSING
    beams: int = MISSING


@dataclass(slots=True)
class DataConfig(config.DataConfig):
    """The utterances and their spectrograms.

    Attributes:
        train_sets: Folders of `data.root` to train on.
        held_out_sets: Folders of `data.root` to evaluate on; each has its word error rate.
        shortest: Of a training utterance, in seconds.
        longest: Of a training utterance, in seconds.
        sample_rate: Samples in a second.
        window: Samples of a spectrum.
        hop: Samples from one spectrum to the next.
        mels: Bands of a mel filter bank; null keeps the `window // 2 + 1` bins of the spectrum.
        sorted_first_epoch: Whether the first epoch goes from short to long utterances (SortaGrad).
    """

    train_sets: list[str] = MISSING
    held_out_sets: list[str] = MISSING
    shortest: float = MISSING
    longest: float = MISSING
    sample_rate: int = MISSING
    window: int = MISSING
    hop: int = MISSING
    mels: int | None = None
    sorted_first_epoch: bool = MISSING

    @property
    def bins(self) -> int:
        """Numbers in a spectrum."""
        return self.window // 2 + 1 if self.mels is None else self.mels


@dataclass(slots=True)
class OptimConfig(config.OptimConfig):
    """Gradient descent or Adam, at a learning rate that falls from epoch to epoch.

    Attributes:
        optimizer: Which.
        momentum: Of `sgd`.
        anneal: What the learning rate is divided by after each epoch.
        clip: Largest norm of the gradient of all weights; longer ones are shortened to it.
    """

    optimizer: Optimizer = MISSING
    momentum: float = MISSING
    anneal: float = MISSING
    clip: float = MISSING


@dataclass(slots=True)
class Config(RunConfig):
    """A run of speech recognition."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)

    def problems(self) -> Iterator[str]:
        """What is wrong with this run, a line each."""
        yield from _misshapen(self.model)
        yield from _out_of_range(self)
        yield from _unmeasured(self)
        if self.data.source is Source.embedded:
            yield from _voiceless(self.data)

    def disk_problems(self, root: Path, typed: str) -> Iterator[str]:
        """Yield what is wrong with the files in `data.root`, a line each."""
        yield from layout.problems(root, typed, [*self.data.train_sets, *self.data.held_out_sets])


def _misshapen(model: ModelConfig) -> Iterator[str]:
    if not model.kernels or len(model.kernels) != len(model.strides):
        yield (
            f"model.strides={model.strides}: needs as many pairs as model.kernels={model.kernels} has, at least one."
        )
    for key, pairs in (("model.kernels", model.kernels), ("model.strides", model.strides)):
        if any(len(pair) != 2 or min(pair) < 1 for pair in pairs):
            yield f"{key}={pairs}: each must be two numbers of at least 1, for bins and for frames."
    if any(size % 2 == 0 for pair in model.kernels for size in pair):
        yield f"model.kernels={model.kernels}: each number must be odd, to have a middle."
    yield from too_small(
        {
            "model.channels": (model.channels, 1),
            "model.layers": (model.layers, 1),
            "model.hidden": (model.hidden, 1),
            "model.beams": (model.beams, 1),
        }
    )


def _out_of_range(run: Config) -> Iterator[str]:
    data, optim = run.data, run.optim
    yield from too_small(
        {
            "data.shortest": (data.shortest, 0),
            "data.sample_rate": (data.sample_rate, 1),
            "data.window": (data.window, 2),
            "data.hop": (data.hop, 1),
            "data.mels": (data.mels, 1),
            "optim.anneal": (optim.anneal, 1),
        }
    )
    if data.longest <= data.shortest:
        yield f"data.longest={data.longest}: must be greater than data.shortest={data.shortest}."
    if data.mels is not None and data.mels > data.window // 2:
        yield f"data.mels={data.mels}: too many for the spectrum. Set data.mels to {data.window // 2} or less."
    if not 0 <= optim.momentum < 1:
        yield f"optim.momentum={optim.momentum}: must lie in 0 to 1, and below 1."
    if optim.clip <= 0:
        yield f"optim.clip={optim.clip}: must be greater than 0."


def _unmeasured(run: Config) -> Iterator[str]:
    sets = run.data.held_out_sets
    if not run.data.train_sets or not sets or len({*run.data.train_sets, *sets}) < len(run.data.train_sets) + len(sets):
        yield (
            f"data.held_out_sets={sets} data.train_sets={run.data.train_sets}: each must name a set, and none twice."
        )
    names = [WER, *wer_names(sets)]
    if run.target.metric not in names:
        yield f"target.metric={run.target.metric}: no such metric. Set target.metric to one of {', '.join(names)}."


def _voiceless(data: DataConfig) -> Iterator[str]:
    if importlib.util.find_spec(VOICE_PACKAGE) is None:
        yield (
            "data.source=embedded: the voices need the package espeakng-loader, which is not installed. Install it "
            "with pip install 'aibench[speech]', or set data.source=synthetic session=steps."
        )
    if data.sample_rate != VOICE_RATE:
        yield (
            f"data.sample_rate={data.sample_rate}: that of the embedded voices is {VOICE_RATE}. Set "
            f"data.sample_rate={VOICE_RATE}."
        )


def wer_names(sets: list[str]) -> list[str]:
    """The metrics of the single sets, where there are several: `val/wer_test-clean`, ..."""
    return [f"{WER}_{name}" for name in sets] if len(sets) > 1 else []
