"""Builds the big Transformer (Vaswani et al. 2017, arXiv 1706.03762), as MLPerf trains it on WMT English-German."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy, dropout, linear, scaled_dot_product_attention

from aibench.characterization.mlperf import sentences
from aibench.characterization.mlperf.sentences import PAD, TOKENS, Batch
from aibench.nn.schedules import each_step

VOCABULARY = 33_708
WARMUP = 16_000  # steps


@dataclass(frozen=True, slots=True)
class Sizes:
    """Holds the sizes of MLPerf's `model_params.py`, TransformerBigParams."""

    vocabulary: int = VOCABULARY
    layers: int = 6
    dimensions: int = 1024
    feed_forward: int = 4096
    heads: int = 16
    dropout: float = 0.1  # of sub-layers' outputs, of attention's weights and inside the feed-forward network


def made_up(samples: int, generator: Generator, vocabulary: int = VOCABULARY, tokens: int = TOKENS) -> Batch:
    """Return made-up pairs of sentences, as `sentences.made_up` does."""
    return sentences.made_up(samples, generator, vocabulary, tokens)


class Attention(nn.Module):
    """Adds multi-head attention of the normalised `x` to `memory`, without biases, to `x`."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        width, self.heads, self.rate = sizes.dimensions, sizes.heads, sizes.dropout
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.query, self.key, self.value, self.output = (nn.Linear(width, width, bias=False) for _ in range(4))

    def forward(self, x: Tensor, memory: Tensor | None, mask: Tensor | None) -> Tensor:
        """Return a tensor of the same shape as `x`.

        Args:
            x: float (batch, tokens, dimensions).
            memory: float (batch, keys, dimensions); None for the tokens of `x` themselves.
            mask: bool (batch, 1, 1, keys), True for keys that exist; None for those that are no later than a query.
        """
        inner = self.norm(x)
        memory = inner if memory is None else memory
        parts = (self.query(inner), self.key(memory), self.value(memory))
        query, key, value = (part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in parts)
        rate = self.rate if self.training else 0.0
        found = scaled_dot_product_attention(query, key, value, mask, rate, is_causal=mask is None)
        return x + dropout(self.output(found.transpose(1, 2).flatten(2)), self.rate, self.training)


class FeedForward(nn.Module):
    """Adds two linear layers of the normalised `x` to `x`."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.rate = sizes.dropout
        self.norm = nn.LayerNorm(sizes.dimensions, eps=1e-6)
        self.hidden = nn.Linear(sizes.dimensions, sizes.feed_forward)
        self.output = nn.Linear(sizes.feed_forward, sizes.dimensions)

    def forward(self, x: Tensor) -> Tensor:
        inner = dropout(self.hidden(self.norm(x)).relu(), self.rate, self.training)
        return x + dropout(self.output(inner), self.rate, self.training)


class Transformer(nn.Module):
    """Computes the logits of a translation's tokens; both languages' embeddings and the logits share one table."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.embedding = nn.Embedding(sizes.vocabulary, sizes.dimensions)
        attentions = [nn.ModuleList(Attention(sizes) for _ in range(sizes.layers)) for _ in range(3)]
        self.encoder_attention, self.decoder_attention, self.source_attention = attentions
        forwards = [nn.ModuleList(FeedForward(sizes) for _ in range(sizes.layers)) for _ in range(2)]
        self.encoder_forward, self.decoder_forward = forwards
        self.encoder_norm, self.decoder_norm = (nn.LayerNorm(sizes.dimensions, eps=1e-6) for _ in range(2))
        for part in self.modules():
            if isinstance(part, nn.Linear):
                nn.init.xavier_uniform_(part.weight)
                if part.bias is not None:
                    nn.init.zeros_(part.bias)
        nn.init.normal_(self.embedding.weight, std=sizes.dimensions**-0.5)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Return logits of the token after each of `target`, float (batch, targets, vocabulary).

        Args:
            source: int64 (batch, sources), filled up with `PAD`.
            target: int64 (batch, targets), filled up with `PAD`.
        """
        mask = (source != PAD)[:, None, None]
        x = self._embedded(source)
        for attention, forward in zip(self.encoder_attention, self.encoder_forward, strict=True):
            x = forward(attention(x, None, mask))
        memory = self.encoder_norm(x)
        x = self._embedded(target)
        layers = zip(self.decoder_attention, self.source_attention, self.decoder_forward, strict=True)
        for attention, source_attention, forward in layers:
            x = forward(source_attention(attention(x, None, None), memory, mask))
        return linear(self.decoder_norm(x), self.embedding.weight)

    def _embedded(self, tokens: Tensor) -> Tensor:
        """Return the embeddings of `tokens`, with sines and cosines of their positions."""
        width = self.sizes.dimensions
        rates = torch.exp(torch.arange(width // 2, device=tokens.device) * (-math.log(10_000) / (width // 2 - 1)))
        angles = torch.arange(tokens.shape[1], device=tokens.device)[:, None] * rates
        embedded = self.embedding(tokens) * math.sqrt(width) * (tokens != PAD)[..., None]
        return dropout(embedded + torch.cat([angles.sin(), angles.cos()], 1), self.sizes.dropout, self.training)


class Module(pl.LightningModule):
    """Trains the Transformer with cross-entropy and label smoothing of 0.1, without padding.

    Adam (0.9, 0.997, 1e-9): 2 / sqrt(dimensions), in proportion to the step for 16,000 steps and with the inverse of
    its root after. The reference's LazyAdam leaves rows of a table alone that no token of the batch asks for; here the
    table is the logits' weights too, and every row has a gradient.

    Args:
        batch_size: Pairs of a training step; nothing depends on it.
        sizes: The network's sizes.
    """

    def __init__(self, batch_size: int = 128, sizes: Sizes | None = None) -> None:
        super().__init__()
        self.network = Transformer(sizes or Sizes())

    def example_input(self) -> tuple[Tensor, ...]:
        """Return a pair of sentences of 32 tokens."""
        return sentences.example()

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Return logits; the arguments are the same as for `Transformer.forward`."""
        logits: Tensor = self.network(source, target)
        return logits

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        source, target = batch
        logits = self(source, target[:, :-1])
        return cross_entropy(logits.flatten(0, 1), target[:, 1:].flatten(), ignore_index=PAD, label_smoothing=0.1)

    def configure_optimizers(self) -> Any:
        peak = 2 * self.network.sizes.dimensions**-0.5
        optimizer = torch.optim.Adam(self.parameters(), lr=peak, betas=(0.9, 0.997), eps=1e-9, fused=True)
        return each_step(optimizer, lambda step: min(1.0, (step + 1) / WARMUP) * max(step + 1, WARMUP) ** -0.5)
