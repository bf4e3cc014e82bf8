"""Builds GNMT (Wu et al. 2016, arXiv 1609.08144) with four layers, as MLPerf trains it on WMT English-German."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy, linear

from aibench.characterization.mlperf import sentences
from aibench.characterization.mlperf.sentences import PAD, TOKENS, Batch
from aibench.nn.schedules import each_step

VOCABULARY = 32_317
WARMUP = 200  # steps
CLIP = 5.0  # norm of all gradients


@dataclass(frozen=True, slots=True)
class Sizes:
    """Holds the sizes of MLPerf's `train.py`."""

    vocabulary: int = VOCABULARY
    hidden: int = 1024
    layers: int = 4  # of the encoder, of which the first goes both ways, and of the decoder
    dropout: float = 0.2  # of the inputs of recurrent layers


def made_up(samples: int, generator: Generator, vocabulary: int = VOCABULARY, tokens: int = TOKENS) -> Batch:
    """Return made-up pairs of sentences, as `sentences.made_up` does."""
    return sentences.made_up(samples, generator, vocabulary, tokens)


class Attention(nn.Module):
    """Computes Bahdanau's attention, whose vector of weights is normalised and scaled (reference: `normalize=True`)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key = (nn.Linear(width, width, bias=False) for _ in range(2))
        self.weights = nn.Parameter(torch.empty(width))
        self.scale = nn.Parameter(torch.full((1,), width**-0.5))
        self.bias = nn.Parameter(torch.zeros(width))
        for weight in (self.query.weight, self.key.weight, self.weights):
            nn.init.uniform_(weight, -0.1, 0.1)

    def forward(self, queries: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
        """Return what the queries find, float (batch, targets, hidden).

        Args:
            queries: float (batch, targets, hidden).
            memory: float (batch, sources, hidden).
            mask: bool (batch, sources), True for the tokens of the source.
        """
        together = self.query(queries)[:, :, None] + self.key(memory)[:, None] + self.bias
        weights = self.weights / self.weights.norm() * self.scale
        scores = linear(together.tanh(), weights[None]).squeeze(3)
        shares = scores.masked_fill(~mask[:, None], -math.inf).softmax(2)
        return shares @ memory


class Encoder(nn.Module):
    """Encodes the source: one recurrent layer both ways, then one way each, residual from the third on."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width = sizes.hidden
        self.dropout = nn.Dropout(sizes.dropout)
        inputs = [2 * width] + [width] * (sizes.layers - 2)
        self.first = _lstm(width, width, bidirectional=True)
        self.others = nn.ModuleList(_lstm(size, width) for size in inputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return float (batch, sources, hidden) for the embedded source of that shape."""
        x = self.first(self.dropout(x))[0]
        for number, layer in enumerate(self.others):
            out = layer(self.dropout(x))[0]
            x = out + x if number > 0 else out
        return x


class Decoder(nn.Module):
    """Decodes with a recurrent layer that asks the source; what it finds goes into every later layer ("gnmt_v2")."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width = sizes.hidden
        self.dropout = nn.Dropout(sizes.dropout)
        self.first = _lstm(width, width)
        self.attention = Attention(width)
        self.others = nn.ModuleList(_lstm(2 * width, width) for _ in range(sizes.layers - 1))
        self.output = nn.Linear(width, sizes.vocabulary)
        nn.init.uniform_(self.output.weight, -0.1, 0.1)
        nn.init.uniform_(self.output.bias, -0.1, 0.1)

    def forward(self, x: Tensor, memory: Tensor, mask: Tensor) -> Tensor:
        """Return logits, float (batch, targets, vocabulary), for the embedded target `x`."""
        x = self.first(self.dropout(x))[0]
        found = self.attention(x, memory, mask)
        for number, layer in enumerate(self.others):
            out = layer(self.dropout(torch.cat([x, found], 2)))[0]
            x = out + x if number > 0 else out
        logits: Tensor = self.output(x)
        return logits


class Module(pl.LightningModule):
    """Trains GNMT with cross-entropy and label smoothing of 0.1, without padding, summed over a sentence's tokens.

    Adam with 1e-3, from a hundredth of it within 200 steps, without the four halvings in the last third of a training;
    the gradients' norm is clipped to 5. One table is both languages' embeddings. The reference packs the sentences of a
    batch for its first layer, by length; these are of one length, and there is nothing to pack.

    Args:
        batch_size: Pairs of a training step; nothing depends on it.
        sizes: The network's sizes.
    """

    def __init__(self, batch_size: int = 128, sizes: Sizes | None = None) -> None:
        super().__init__()
        sizes = sizes or Sizes()
        self.embedding = nn.Embedding(sizes.vocabulary, sizes.hidden, padding_idx=PAD)
        nn.init.uniform_(self.embedding.weight, -0.1, 0.1)
        self.encoder = Encoder(sizes)
        self.decoder = Decoder(sizes)

    def example_input(self) -> tuple[Tensor, ...]:
        """Return a pair of sentences of 32 tokens."""
        return sentences.example()

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Return logits of the token after each of `target`, float (batch, targets, vocabulary).

        Args:
            source: int64 (batch, sources), filled up with `PAD`.
            target: int64 (batch, targets), filled up with `PAD`.
        """
        memory = self.encoder(self.embedding(source))
        logits: Tensor = self.decoder(self.embedding(target), memory, source != PAD)
        return logits

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        source, target = batch
        logits = self(source, target[:, :-1]).flatten(0, 1)
        wanted = target[:, 1:].flatten()
        total = cross_entropy(logits, wanted, ignore_index=PAD, label_smoothing=0.1, reduction="sum")
        return total / len(source)

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.Adam(self.parameters(), lr=1e-3, fused=True)
        return each_step(optimizer, lambda step: 0.01 ** (1 - min(1.0, step / WARMUP)))

    def configure_gradient_clipping(self, optimizer: Any, *_: Any, **__: Any) -> None:
        self.clip_gradients(optimizer, gradient_clip_val=CLIP, gradient_clip_algorithm="norm")


def _lstm(inputs: int, outputs: int, bidirectional: bool = False) -> nn.LSTM:
    layer = nn.LSTM(inputs, outputs, batch_first=True, bidirectional=bidirectional)
    for name, weight in layer.named_parameters():
        nn.init.uniform_(weight, -0.1, 0.1)
        if name.startswith("bias_hh"):
            nn.init.zeros_(weight)
    return layer
