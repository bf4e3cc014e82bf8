"""Defines the schema of `task=text_summarization`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from omegaconf import MISSING

from aibench import config
from aibench.config import RunConfig
from aibench.config.bounds import Dropout, Fraction, Natural, Positive, Units, Words, at_least
from aibench.config.closed import SCHEDULE
from aibench.tasks.text_summarization import layout


@dataclass(slots=True)
class ModelConfig(config.ModelConfig):
    """Holds an attentional sequence-to-sequence LSTM (Nallapati et al. 2016, arXiv 1602.06023).

    Attributes:
        vocabulary: Words that it knows, the four specials included: the most frequent of the training part.
        embedding: Numbers that stand for a word; source and summary share them.
        hidden: Units of the decoder's LSTM, and of the encoder's in each direction.
        pointer: Whether it can copy words of the source, those that it does not know included.
        temporal_attention: Whether what was attended to before is attended to less.
        decoder_attention: Whether it attends to its own earlier states.
        small_weights: Whether the first weights are nearly 0, as in the code of See et al. 2017.
        dropout: Probability with which a number of an embedding, or of what the output layer reads, is dropped.
        beams: Hypotheses of the beam search; 1 is greedy.
        length_penalty: How much the beam search favours longer summaries.
    """

    vocabulary: Annotated[int, at_least(5, 2**24)] = MISSING
    embedding: Units = MISSING
    hidden: Units = MISSING
    pointer: bool = MISSING
    temporal_attention: bool = MISSING
    decoder_attention: bool = MISSING
    small_weights: bool = MISSING
    dropout: Dropout = MISSING
    beams: Words = MISSING
    length_penalty: Annotated[float, at_least(0, 100)] = MISSING


@dataclass(slots=True)
class DataConfig(config.DataConfig):
    """Holds the texts and their summaries.

    Attributes:
        held_out: The files of `source=disk` that are held out.
        source_words: A text is cut off after so many words.
        summary_words: Places of a summary in training, its end included, and the most words of one that is written.
            What is written is compared with the whole of the true summary.
    """

    held_out: layout.HeldOut = layout.HeldOut.valid
    source_words: Words = MISSING
    summary_words: Words = MISSING


@dataclass(slots=True)
class OptimConfig(config.OptimConfig):
    """Holds Adam at a constant learning rate, or at one that falls in the end.

    Attributes:
        gradient_norm: Longer gradients are scaled down to this length; null leaves them.
        own_words: Probability with which training shows the decoder a word that it drew itself, not the true one.
        hold_epochs: Epochs before the learning rate falls, along half a cosine, to 0 at the end of the session's
            longest; null holds it throughout.
    """

    gradient_norm: Positive | None = None
    own_words: Fraction = MISSING
    hold_epochs: Annotated[Natural | None, SCHEDULE] = None


@dataclass(slots=True)
class Config(RunConfig):
    """Holds a run of text summarisation."""

    logs: ClassVar = ("val/rouge_1", "val/rouge_2", "val/rouge_l")
    recorded: ClassVar = ("loss",)  # not traced: Dynamo knows no LSTM

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)

    def disk_problems(self, root: Path, typed: str) -> Iterator[str]:
        """Yield what is wrong with the files in `data.root`, a line each."""
        yield from layout.problems(root, typed, self.data.held_out)
