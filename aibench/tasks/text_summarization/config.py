"""Schema of `task=text_summarization`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import MISSING

from aibench import config
from aibench.config import RunConfig, too_small
from aibench.tasks.text_summarization import layout


@dataclass(slots=True)
class ModelConfig(config.ModelConfig):
    """An attentional sequence-to-sequence LSTM (Nallapati et al. 2016, arXiv 1602.06023).

    Attributes:
        vocabulary: Words that it knows, the specials included: the most frequent of the training part.
        embedding: Numbers that stand for a word; source and summary share them.
        hidden: Units of the decoder's LSTM, and of the encoder's in each direction.
        pointer: Whether it can copy words of the source, those that it does not know included.
        temporal_attention: Whether what was attended to before is attended to less.
        decoder_attention: Whether it attends to its own earlier states.
        small_weights: Whether the first weights are nearly 0, as in the code of See et al. 2017.
        dropout: Probability with which a number of an embedding, or of what the output layer reads, is dropped.
        beams: Hypotheses of the beam search; 1 is greedy.
        length_penalty: Of the beam search; greater ones favour longer summaries.
    """

    vocabulary: int = MISSING
    embedding: int = MISSING
    hidden: int = MISSING
    pointer: bool = MISSING
    temporal_attention: bool = MISSING
    decoder_attention: bool = MISSING
    small_weights: bool = MISSING
    dropout: float = MISSING
    beams: int = MISSING
    length_penalty: float = MISSING


@dataclass(slots=True)
class DataConfig(config.DataConfig):
    """Texts and their summaries.

    Attributes:
        held_out: Of `source=disk`: which files are held out.
        source_words: A text is cut off after so many words.
        summary_words: Places of a summary in training, its end included, and the most words of one that is written.
            What is written is compared with the whole of the true summary.
    """

    held_out: layout.HeldOut = layout.HeldOut.valid
    source_words: int = MISSING
    summary_words: int = MISSING


@dataclass(slots=True)
class OptimConfig(config.OptimConfig):
    """Adam at a constant learning rate.

    Attributes:
        gradient_norm: Longer gradients are scaled down to this length; null leaves them.
        own_words: Probability with which training shows the decoder a word that it drew itself, not the true one.
        hold_epochs: Epochs before the learning rate falls, along half a cosine, to 0 at the end of the session's
            longest; null holds it throughout.
    """

    gradient_norm: float | None = None
    own_words: float = MISSING
    hold_epochs: int | None = None


@dataclass(slots=True)
class Config(RunConfig):
    """A run of text summarisation."""

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)

    def problems(self) -> Iterator[str]:
        """What is wrong with this run, a line each."""
        yield from _out_of_range(self)

    def disk_problems(self, root: Path, typed: str) -> Iterator[str]:
        """Yield what is wrong with the files in `data.root`, a line each."""
        yield from layout.problems(root, typed, self.data.held_out)


def _out_of_range(run: Config) -> Iterator[str]:
    model, data, optim = run.model, run.data, run.optim
    yield from too_small(
        {
            "model.vocabulary": (model.vocabulary, 5),  # the specials, and a word
            "model.embedding": (model.embedding, 1),
            "model.hidden": (model.hidden, 1),
            "model.beams": (model.beams, 1),
            "model.length_penalty": (model.length_penalty, 0),
            "data.source_words": (data.source_words, 1),
            "data.summary_words": (data.summary_words, 1),
            "optim.hold_epochs": (optim.hold_epochs, 0),
        }
    )
    if not 0 <= model.dropout < 1:
        yield f"model.dropout={model.dropout}: must lie in 0 to 1, and below 1."
    if not 0 <= optim.own_words <= 1:
        yield f"optim.own_words={optim.own_words}: must lie in 0 to 1."
    if optim.gradient_norm is not None and optim.gradient_norm <= 0:
        yield f"optim.gradient_norm={optim.gradient_norm}: must be greater than 0, or null."
