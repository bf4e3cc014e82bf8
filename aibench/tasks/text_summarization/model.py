"""Builds an LSTM that reads a text both ways, and one that writes its summary with attention to what was read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aibench.tasks.text_summarization.attention import DecoderAttention, SourceAttention
from aibench.tasks.text_summarization.config import ModelConfig
from aibench.tasks.text_summarization.pointer import drawn_words, known, words_at
from aibench.text.vocabulary import PAD

State = dict[str, Any]


class Read(NamedTuple):
    """Holds a source as the decoder looks at it.

    Attributes:
        outputs: float (batch, length, 2 * hidden); of the encoder.
        keys: float (batch, length, 2 * hidden); what the attention compares.
        padding: bool (batch, length); true where there is no word.
    """

    outputs: Tensor
    keys: Tensor
    padding: Tensor


class Written(NamedTuple):
    """Holds what the decoder makes of each place of a summary; `(...)` is (batch, length), or (batch,) of one place.

    Attributes:
        logits: float (..., vocabulary).
        attention: float (..., source length); log-probabilities.
        gate: float (...); logit of taking a word of the vocabulary and no word of the source; None without a pointer.
    """

    logits: Tensor
    attention: Tensor
    gate: Tensor | None


class Encoder(nn.Module):
    """Runs a bidirectional LSTM, and makes the decoder's first state.

    Each direction reads the words first and the padding last, so that padding changes no state that is used. The first
    hidden and the first cell state of the decoder are both read from the last hidden states (the authors' code takes
    its first cell state from the last cell states, which with padding asks for the lengths on the host).
    """

    def __init__(self, embedding: int, hidden: int) -> None:
        super().__init__()
        self.forwards = nn.LSTM(embedding, hidden, batch_first=True)
        self.backwards = nn.LSTM(embedding, hidden, batch_first=True)
        self.reduce_hidden = nn.Linear(2 * hidden, hidden)
        self.reduce_cell = nn.Linear(2 * hidden, hidden)

    def forward(self, embedded: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return outputs, float (batch, length, 2 * hidden), and first hidden and cell states, float (batch, hidden).

        Args:
            embedded: float (batch, length, embedding).
            lengths: int64 (batch,); at least 1.
        """
        places = torch.arange(embedded.shape[1], device=embedded.device)
        backwards = (lengths[:, None] - 1 - places) % embedded.shape[1]  # the words in reverse, then the padding
        there, _ = self.forwards(embedded)
        back, _ = self.backwards(_taken(embedded, backwards))
        rows = torch.arange(len(lengths), device=lengths.device)
        last = torch.cat([there[rows, lengths - 1], back[rows, lengths - 1]], dim=1)
        outputs = torch.cat([there, _taken(back, backwards)], dim=2)
        return outputs, F.relu(self.reduce_hidden(last)), F.relu(self.reduce_cell(last))


def _taken(sequences: Tensor, places: Tensor) -> Tensor:
    """Return the elements of `sequences`, float (batch, length, any), at `places`, int64 (batch, length)."""
    return sequences.gather(1, places[:, :, None].expand_as(sequences))


class Summarizer(nn.Module):
    """Reads a source, writes a summary.

    The decoder's input joins the last word's embedding with the last context (input feeding). An attention over the
    source, and with `decoder_attention` one over the decoder's own earlier states, feed the output layer. With
    `pointer` a gate shares the probability between the vocabulary and the words of the source (See, Liu & Manning
    2017, arXiv:1704.04368, section 2.2). Both attentions as in Paulus, Xiong & Socher (2017, arXiv:1705.04304).

    Words are indices; those from `vocabulary` on are words that the model does not know and can only copy.

    Args:
        config: Sizes and parts.
        vocabulary: Words that it knows, the specials included.
    """

    def __init__(self, config: ModelConfig, vocabulary: int) -> None:
        super().__init__()
        embedding, hidden = config.embedding, config.hidden
        self.vocabulary = vocabulary
        self.embedding = nn.Embedding(vocabulary, embedding, padding_idx=PAD)
        self.dropout = nn.Dropout(config.dropout)
        self.encoder = Encoder(embedding, hidden)
        self.attention = SourceAttention(2 * hidden, temporal=config.temporal_attention)
        self.decoder_attention = DecoderAttention(hidden) if config.decoder_attention else None
        self.joined = nn.Linear(2 * hidden + embedding, embedding)
        self.cell = nn.LSTMCell(embedding, hidden)
        contexts = 3 if config.decoder_attention else 2  # each has `hidden` numbers; the source's counts twice
        self.gate = nn.Linear((2 + contexts) * hidden + embedding, 1) if config.pointer else None
        self.projection = nn.Linear((1 + contexts) * hidden, hidden)
        self.output = nn.Linear(hidden, vocabulary)

    def embed(self, words: Tensor) -> Tensor:
        """Return embeddings, float (..., embedding), of words, int64 (...); unknown ones are alike."""
        embedded: Tensor = self.dropout(self.embedding(known(words, self.vocabulary)))
        return embedded

    def read(self, source: Tensor) -> tuple[Read, State]:
        """Return what the decoder looks at, and its state before the first word, for int64 (batch, length)."""
        padding = source == PAD
        outputs, hidden, cell = self.encoder(self.embed(source), (~padding).sum(1))
        state: State = {"hidden": hidden, "cell": cell, "context": outputs.new_zeros(len(source), outputs.shape[2])}
        return Read(outputs, self.attention.keys(outputs), padding), state

    def step(self, embedded: Tensor, read: Read, state: State) -> tuple[Tensor, Tensor, Tensor | None, State]:
        """Take one step: the next word.

        Args:
            embedded: float (batch, embedding); the last word's.
            read: The source.
            state: The decoder's.

        Returns:
            What the output layer reads, float (batch, any); the attention's log-probabilities, float (batch, length);
            the gate's logit, float (batch,), None without a pointer; and the new state.
        """
        joined = self.joined(torch.cat([embedded, state["context"]], dim=1))
        hidden, cell = self.cell(joined, (state["hidden"], state["cell"]))
        both = torch.cat([hidden, cell], dim=1)
        context, attention, memory = self.attention(both, read.outputs, read.keys, read.padding, state.get("memory"))
        contexts, own = [context], None
        if self.decoder_attention is not None:
            own_context, own = self.decoder_attention(hidden, state.get("own"))
            contexts.append(own_context)
        gate = None if self.gate is None else self.gate(torch.cat([*contexts, both, joined], dim=1)).squeeze(1)
        state = {"hidden": hidden, "cell": cell, "context": context, "memory": memory, "own": own}
        return torch.cat([hidden, *contexts], dim=1), attention, gate, state

    def next(self, words: Tensor, read: Read, state: State) -> tuple[Written, State]:
        """Return what the decoder makes of the place after `words`, int64 (batch,), and its state."""
        features, attention, gate, state = self.step(self.embed(words), read, state)
        return Written(self._logits(features), attention, gate), state

    def forward(self, source: Tensor, previous: Tensor, own_words: float = 0.0) -> Written:
        """Return what the decoder makes of every place of a summary.

        Args:
            source: int64 (batch, source length), filled up with `PAD`.
            previous: int64 (batch, length); the word before each place, the first `BOS`.
            own_words: Probability with which a word before is one that the model draws, and not that of `previous`.
        """
        read, state = self.read(source)
        if own_words:
            return self._drawing(source, previous, own_words, read, state)
        steps = []
        for embedded in self.embed(previous).unbind(1):
            features, attention, gate, state = self.step(embedded, read, state)
            steps.append((features, attention, gate))
        # One product with the vocabulary for all places, which are known beforehand: a tenth off a training step.
        return self._written(self._logits(torch.stack([features for features, *_ in steps], dim=1)), steps)

    def _drawing(self, source: Tensor, previous: Tensor, own_words: float, read: Read, state: State) -> Written:
        places: list[Written] = []
        for words in previous.unbind(1):
            if places:
                drawn = words_at(source, drawn_words(*places[-1], source)[:, None], self.vocabulary)[:, 0]
                words = drawn.where(torch.rand(len(drawn), device=drawn.device) < own_words, words)  # noqa: PLW2901
            place, state = self.next(words, read, state)
            places.append(place)
        return self._written(torch.stack([place.logits for place in places], dim=1), places)

    def _logits(self, features: Tensor) -> Tensor:
        logits: Tensor = self.output(self.dropout(self.projection(features)))
        return logits

    def _written(self, logits: Tensor, places: Sequence[tuple[Any, Tensor, Tensor | None]]) -> Written:
        attention = torch.stack([attention for _, attention, _ in places], dim=1)
        gates = [gate for *_, gate in places if gate is not None]
        return Written(logits, attention, torch.stack(gates, dim=1) if gates else None)


def begin_small(network: nn.Module) -> None:
    """Draw the first weights of See et al.'s code: LSTMs within 0.02, forget gates open, all else within 1e-4."""
    for module in network.modules():
        if isinstance(module, nn.LSTM | nn.LSTMCell):
            for name, weight in module.named_parameters():
                nn.init.uniform_(weight, -0.02, 0.02) if name.startswith("weight") else nn.init.zeros_(weight)
                if name.startswith("bias"):
                    nn.init.ones_(weight.data.chunk(4)[1])  # input, forget, cell, output
        elif isinstance(module, nn.Linear | nn.Embedding):
            for weight in module.parameters():
                nn.init.normal_(weight, std=1e-4)


__all__ = ["Read", "State", "Summarizer", "Written", "begin_small"]
