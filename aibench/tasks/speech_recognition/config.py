"""Defines the schema of `task=speech_recognition`."""

from __future__ import annotations

import enum
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from omegaconf import MISSING

from aibench import config
from aibench.config import RunConfig, Source
from aibench.config.bounds import Kernel, Layers, Momentum, NotEmpty, Positive, Units, Words, above, at_least
from aibench.config.closed import MOMENTUM, SCHEDULE
from aibench.tasks.speech_recognition import layout

VOICE_PACKAGE = "espeakng_loader"
VOICE_RATE = 22_050  # samples of an embedded voice in a second
WER = "val/wer"


class Optimizer(enum.StrEnum):
    """Lists how the weights may move."""

    sgd = enum.auto()  # Nesterov's momentum
    adam = enum.auto()


@dataclass(slots=True)
class ModelConfig(config.ModelConfig):
    """Holds Deep Speech 2 (Amodei et al. 2016, arXiv 1512.02595): convolutions, bidirectional GRUs, and CTC.

    Attributes:
        channels: Channels of each convolution.
        kernels: Bins of the spectrum and frames that each convolution covers; odd.
        strides: Steps of each convolution, in the same order.
        layers: Bidirectional GRU layers, whose two directions are summed.
        hidden: Units of each direction.
        beams: Prefixes that the decoder keeps at each frame, without a language model; 1 takes the likeliest label of
            each frame (greedy).
    """

    channels: Units = MISSING
    kernels: Annotated[list[list[Kernel]], NotEmpty()] = MISSING
    strides: list[list[Annotated[int, at_least(1, 255)]]] = MISSING
    layers: Layers = MISSING
    hidden: Units = MISSING
    beams: Words = MISSING


@dataclass(slots=True)
class DataConfig(config.DataConfig):
    """Holds the utterances and their spectrograms.

    Attributes:
        train_sets: Folders of `data.root` to train on.
        held_out_sets: Folders of `data.root` to evaluate on; each has its word error rate.
        shortest: The shortest training utterance, in seconds.
        longest: The longest training utterance, in seconds.
        sample_rate: Samples in a second.
        window: Samples of a spectrum.
        hop: Samples from one spectrum to the next.
        mels: Bands of a mel filter bank; null keeps the `window // 2 + 1` bins of the spectrum.
        sorted_first_epoch: Whether the first epoch goes from short to long utterances (SortaGrad).
    """

    train_sets: Annotated[list[str], NotEmpty()] = MISSING
    held_out_sets: Annotated[list[str], NotEmpty()] = MISSING
    shortest: Annotated[float, at_least(0, 3600)] = MISSING
    longest: Annotated[float, above(0, 3600)] = MISSING
    sample_rate: Annotated[int, at_least(1, 10**6)] = MISSING
    window: Annotated[int, at_least(2, 10**6)] = MISSING
    hop: Annotated[int, at_least(1, 10**6)] = MISSING
    mels: Annotated[int, at_least(1, 10**6)] | None = None
    sorted_first_epoch: bool = MISSING

    @property
    def bins(self) -> int:
        """Return how many numbers a spectrum has."""
        return self.window // 2 + 1 if self.mels is None else self.mels


@dataclass(slots=True)
class OptimConfig(config.OptimConfig):
    """Holds gradient descent or Adam, at a learning rate that falls from epoch to epoch.

    Attributes:
        optimizer: How the weights move.
        momentum: Momentum of `sgd`.
        anneal: What the learning rate is divided by after each epoch.
        clip: Largest norm of the gradient of all weights; longer ones are shortened to it.
    """

    optimizer: Optimizer = MISSING
    momentum: Annotated[Momentum, MOMENTUM] = MISSING
    anneal: Annotated[float, at_least(1, 10**6), SCHEDULE] = MISSING
    clip: Positive = MISSING


@dataclass(slots=True)
class Config(RunConfig):
    """Holds a run of speech recognition."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Return the names that every evaluation logs: of all sets together, and of each."""
        return (WER, "val/cer", *wer_names(self.data))

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with this run, a line each."""
        yield from _misshapen(self.model)
        yield from _unheard(self.data)
        yield from _unmeasured(self)
        if self.data.source is Source.embedded:
            yield from _voiceless(self.data)

    def disk_problems(self, root: Path, typed: str) -> Iterator[str]:
        """Yield what is wrong with the files in `data.root`, a line each."""
        yield from layout.problems(root, typed, [*self.data.train_sets, *self.data.held_out_sets])


def _misshapen(model: ModelConfig) -> Iterator[str]:
    if len(model.kernels) != len(model.strides):
        yield f"model.strides={model.strides}: needs as many pairs as model.kernels={model.kernels} has."
    for key, pairs in (("model.kernels", model.kernels), ("model.strides", model.strides)):
        if any(len(pair) != 2 for pair in pairs):
            yield f"{key}={pairs}: each must be two numbers, for bins and for frames."


def _unheard(data: DataConfig) -> Iterator[str]:
    if data.longest <= data.shortest:
        yield f"data.longest={data.longest}: must be greater than data.shortest={data.shortest}."
    if data.mels is not None and data.mels > data.window // 2:
        most = data.window // 2
        yield f"data.mels={data.mels}: too many for data.window={data.window}. Set data.mels to {most} or less."


def _unmeasured(run: Config) -> Iterator[str]:
    sets = run.data.held_out_sets
    if len({*run.data.train_sets, *sets}) < len(run.data.train_sets) + len(sets):
        yield f"data.held_out_sets={sets} data.train_sets={run.data.train_sets}: each must name a set, and none twice."


def _voiceless(data: DataConfig) -> Iterator[str]:
    if importlib.util.find_spec(VOICE_PACKAGE) is None:
        yield (
            "data.source=embedded: the voices need the package espeakng-loader, which is not installed. Install it "
            "with pip install -e '.[speech]', or set data.source=synthetic session=steps."
        )
    if data.sample_rate != VOICE_RATE:
        yield (
            f"data.sample_rate={data.sample_rate}: the embedded voices have {VOICE_RATE}. Set "
            f"data.sample_rate={VOICE_RATE}."
        )


def wer_names(data: DataConfig) -> list[str]:
    """Return the metrics of the sets on disk, as `val/wer_test-clean`; generated utterances are of none."""
    return [f"{WER}_{name}" for name in data.held_out_sets] if data.source is not Source.embedded else []
