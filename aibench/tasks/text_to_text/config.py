"""Defines the schema of `task=text_to_text`. Imports no torch."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from omegaconf import MISSING

from aibench import config
from aibench.config import RunConfig
from aibench.config.bounds import Count, Dropout, Layers, Units, Words, at_least, each_of
from aibench.config.closed import BATCH_SIZE, WARM_UP
from aibench.tasks.text_to_text import layout


class Corpus(enum.StrEnum):
    """Lists the collections whose files may lie in `data.root`."""

    wmt14 = enum.auto()
    multi30k = enum.auto()


class Tokens(enum.StrEnum):
    """Lists what a sentence may be cut into."""

    subwords = enum.auto()  # byte-pair encoding by sentencepiece, trained on both languages together
    words = enum.auto()  # at white space, and a vocabulary for each language


class TooLong(enum.StrEnum):
    """Lists what may happen to a sentence of more than `data.longest` tokens."""

    drop = enum.auto()  # the pair is not trained on; held-out ones stay as they are
    cut = enum.auto()  # the rest of the sentence is left out, of held-out ones too


class Scaled(enum.StrEnum):
    """Lists where the root of the model's dimensions may enter, with one matrix for embeddings and logits."""

    embeddings = enum.auto()  # times it; first weights of variance 1 / dimensions (Vaswani et al. 2017, 3.4)
    logits = enum.auto()  # divided by it; first weights of variance 1 (the authors' code)


@dataclass(slots=True)
class BeamConfig:
    """Holds the search for a translation.

    Attributes:
        size: Hypotheses that are kept; 1 is greedy.
        length_penalty: alpha, with which a score is divided by ((5 + tokens) / 6) ** alpha.
        extra_length: A translation has at most so many tokens more than its source, start and end counted.
    """

    size: Words = MISSING
    length_penalty: Annotated[float, at_least(0, 100)] = MISSING
    extra_length: Annotated[int, at_least(0, 2**16)] = MISSING


@dataclass(slots=True)
class ModelConfig(config.ModelConfig):
    """Holds the Transformer (Vaswani et al. 2017, arXiv 1706.03762).

    Attributes:
        layers: Layers of the encoder, and of the decoder.
        dimensions: Numbers of an embedding and between the layers.
        feed_forward: Units of the hidden layer in each layer's feed-forward network.
        heads: Heads of each attention.
        dropout: Probability with which an output of a sub-layer is dropped.
        embedding_dropout: Probability of dropping a sum of embedding and position, in the encoder and in the decoder.
        attention_dropout: Probability with which a weight of an attention is dropped.
        norm_first: Whether a sub-layer's input is normalised, rather than its sum with the output.
        shared_embeddings: Whether both languages have the same embeddings, which needs `data.tokens=subwords`. The
            decoder's are the weights of the logits in any case.
        scaled: Where the square root of the dimensions enters.
        beam: The search for a translation.
    """

    layers: Layers = MISSING
    dimensions: Units = MISSING
    feed_forward: Units = MISSING
    heads: Annotated[int, at_least(1, 1024)] = MISSING
    dropout: Dropout = MISSING
    embedding_dropout: Annotated[list[Dropout], each_of("encoder", "decoder")] = MISSING
    attention_dropout: Dropout = MISSING
    norm_first: bool = MISSING
    shared_embeddings: bool = MISSING
    scaled: Scaled = MISSING
    beam: BeamConfig = field(default_factory=BeamConfig)


@dataclass(slots=True)
class DataConfig(config.DataConfig):
    """Holds English sentences and their German translations.

    Attributes:
        corpus: The collection whose files lie in `data.root`.
        tokens: What a sentence is cut into.
        vocabulary: Subwords, of both languages together; of words none: all that occur often enough are known.
        least: How often a word must occur in training to be known; subwords ignore it.
        lowercase: Whether capitals are made small, in the references of BLEU too.
        longest: Most tokens of a sentence, those of start and end not counted.
        too_long: What happens to a sentence that has more.
        batch_tokens: Most tokens of either language in a training batch, padding included; it then has as many
            sentences as fit, up to `data.batch_size`. Without it every batch has `data.batch_size`.
        translated: How many held-out sentences, from the first on, are translated for BLEU; null translates all.
    """

    corpus: Corpus = MISSING
    tokens: Tokens = MISSING
    vocabulary: Annotated[int, at_least(64, 2**24)] | None = MISSING
    least: Count = 1
    lowercase: bool = False
    longest: Words = MISSING
    too_long: TooLong = MISSING
    batch_tokens: Annotated[Count | None, BATCH_SIZE] = None
    translated: Count | None = None

    @property
    def smallest_batch(self) -> int:
        """Return how few training samples make a batch: one, where its tokens decide."""
        return self.batch_size if self.batch_tokens is None else 1


@dataclass(slots=True)
class OptimConfig(config.OptimConfig):
    """Holds Adam with a learning rate that rises, then falls with the inverse square root of the step.

    Attributes:
        warmup_steps: Length of the rise, at the end of which the learning rate is `optim.lr`.
        label_smoothing: Part of a target's probability that is spread over all tokens.
    """

    warmup_steps: Annotated[Count, WARM_UP] = MISSING
    label_smoothing: Dropout = MISSING


@dataclass(slots=True)
class Config(RunConfig):
    """Holds a run of translation."""

    logs: ClassVar = ("val/accuracy", "val/perplexity", "val/bleu")
    traced: ClassVar = ("training_step",)

    model: ModelConfig = field(default_factory=ModelConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)

    def problems(self) -> Iterator[str]:
        """Yield what is wrong with this run, a line each."""
        dimensions, heads = self.model.dimensions, self.model.heads
        if dimensions % (2 * heads):
            yield f"model.dimensions={dimensions}: must be a multiple of twice model.heads={heads}."
        yield from _tokens_without_vocabulary(self)

    def undivided(self, size: int) -> Iterator[str]:
        """Yield a line where a batch has a fixed number of sentences that `size` devices cannot share evenly."""
        if self.data.batch_tokens is None:
            yield from RunConfig.undivided(self, size)

    def disk_problems(self, root: Path, typed: str) -> Iterator[str]:
        """Yield what is wrong with the files in `data.root`, a line each."""
        yield from layout.problems(root, typed, self.data.corpus)


def _tokens_without_vocabulary(config: Config) -> Iterator[str]:
    subwords = config.data.tokens is Tokens.subwords
    if subwords and config.data.vocabulary is None:
        yield "data.vocabulary=null: subwords need a number. Set data.vocabulary=32768, say."
    if not subwords and config.data.vocabulary is not None:
        yield f"data.vocabulary={config.data.vocabulary}: words have no such limit. Set data.least, and null here."
    if config.model.shared_embeddings and not subwords:
        yield "model.shared_embeddings=true: words have a vocabulary for each language. Use data.tokens=subwords."
