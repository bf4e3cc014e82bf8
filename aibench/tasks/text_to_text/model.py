"""Builds the Transformer, encoder and decoder (Vaswani et al. 2017, arXiv 1706.03762), with fused attention."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention

from aibench.tasks.text_to_text.config import ModelConfig, Scaled
from aibench.text.vocabulary import PAD

Past = tuple[Tensor, Tensor]  # keys and values of the tokens so far, float (rows, heads, tokens, head dimensions)


class Attention(nn.Module):
    """Attends with several heads, from a sequence to itself or to another one."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.dropout = config.attention_dropout
        self.queries = nn.Linear(config.dimensions, config.dimensions)
        self.keys_and_values = nn.Linear(config.dimensions, 2 * config.dimensions)
        self.output = nn.Linear(config.dimensions, config.dimensions)

    def query(self, x: Tensor) -> Tensor:
        """Return the queries of `x`, float (batch, tokens, dimensions), by head.

        They are float (batch, heads, tokens, head dimensions).
        """
        return self._by_head(self.queries(x))

    def memory(self, x: Tensor) -> Past:
        """Return keys and values of `x`, float (batch, tokens, dimensions), each by head like the queries."""
        key, value = self.keys_and_values(x).chunk(2, dim=2)
        return self._by_head(key), self._by_head(value)

    def forward(self, query: Tensor, past: Past, mask: Tensor | None = None, is_causal: bool = False) -> Tensor:
        """Return what the queries find, float (batch, tokens, dimensions).

        Args:
            query: float (batch, heads, tokens, head dimensions).
            past: Keys and values to look in.
            mask: bool, broadcast to (batch, heads, queries, keys): which keys there are.
            is_causal: Whether a query looks at no key that is later than itself.
        """
        dropout = self.dropout if self.training else 0.0
        found = scaled_dot_product_attention(query, *past, attn_mask=mask, dropout_p=dropout, is_causal=is_causal)
        answer: Tensor = self.output(found.transpose(1, 2).flatten(2))
        return answer

    def _by_head(self, x: Tensor) -> Tensor:
        batch, tokens, dimensions = x.shape
        return x.view(batch, tokens, self.heads, dimensions // self.heads).transpose(1, 2)


class Residual(nn.Module):
    """Puts dropout, sum and layer normalisation around a sub-layer."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.norm_first = config.norm_first
        self.norm = nn.LayerNorm(config.dimensions)
        self.dropout = nn.Dropout(config.dropout)

    def before(self, x: Tensor) -> Tensor:
        """Return what the sub-layer gets."""
        normalised: Tensor = self.norm(x) if self.norm_first else x
        return normalised

    def after(self, x: Tensor, output: Tensor) -> Tensor:
        """Return what comes of `x` and of the sub-layer's output."""
        total: Tensor = x + self.dropout(output)
        return total if self.norm_first else self.norm(total)


def _feed_forward(config: ModelConfig) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(config.dimensions, config.feed_forward),
        nn.ReLU(),
        nn.Linear(config.feed_forward, config.dimensions),
    )


class EncoderLayer(nn.Module):
    """Attends to the source itself, then runs the feed-forward network."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.around_attention = Residual(config)
        self.feed_forward = _feed_forward(config)
        self.around_feed_forward = Residual(config)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        inner = self.around_attention.before(x)
        found = self.attention(self.attention.query(inner), self.attention.memory(inner), mask)
        x = self.around_attention.after(x, found)
        return self.around_feed_forward.after(x, self.feed_forward(self.around_feed_forward.before(x)))


class DecoderLayer(nn.Module):
    """Attends to the target's earlier tokens, then to the source, then runs the feed-forward network."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.around_attention = Residual(config)
        self.source_attention = Attention(config)
        self.around_source_attention = Residual(config)
        self.feed_forward = _feed_forward(config)
        self.around_feed_forward = Residual(config)

    def forward(self, x: Tensor, memory: Past, mask: Tensor) -> Tensor:
        """Run all tokens of the target at once, float (batch, tokens, dimensions)."""
        inner = self.around_attention.before(x)
        found = self.attention(self.attention.query(inner), self.attention.memory(inner), is_causal=True)
        return self._rest(x, found, memory, mask)

    def step(self, x: Tensor, past: Past, memory: Past, mask: Tensor) -> tuple[Tensor, Past]:
        """Run the next token of every hypothesis, float (batch, hypotheses, dimensions).

        Args:
            x: The tokens.
            past: The keys and values of the hypotheses so far, rows (batch * hypotheses).
            memory: The sources', which their hypotheses share.
            mask: The mask of the source's tokens that there are.

        Returns:
            The same shape, and `past` with this token.
        """
        inner = self.around_attention.before(x).flatten(0, 1).unsqueeze(1)
        key, value = self.attention.memory(inner)
        past = (torch.cat([past[0], key], dim=2), torch.cat([past[1], value], dim=2))
        found = self.attention(self.attention.query(inner), past).reshape(x.shape)
        return self._rest(x, found, memory, mask), past

    def _rest(self, x: Tensor, found: Tensor, memory: Past, mask: Tensor) -> Tensor:
        x = self.around_attention.after(x, found)
        query = self.source_attention.query(self.around_source_attention.before(x))
        x = self.around_source_attention.after(x, self.source_attention(query, memory, mask))
        return self.around_feed_forward.after(x, self.feed_forward(self.around_feed_forward.before(x)))


class Transformer(nn.Module):
    """Computes logits of a translation's tokens.

    Args:
        config: Its sizes.
        source_size: Entries of the source's vocabulary.
        target_size: Entries of the target's vocabulary; the same where the embeddings are shared.
    """

    positions: Tensor

    def __init__(self, config: ModelConfig, source_size: int, target_size: int) -> None:
        super().__init__()
        self.config = config
        deviation = 1.0 if config.scaled is Scaled.logits else config.dimensions**-0.5
        self.target = nn.Embedding(target_size, config.dimensions)
        self.source = self.target if config.shared_embeddings else nn.Embedding(source_size, config.dimensions)
        assert not config.shared_embeddings or source_size == target_size
        for embedding in {self.source, self.target}:
            nn.init.normal_(embedding.weight, std=deviation)
        self.encoder = nn.ModuleList(EncoderLayer(config) for _ in range(config.layers))
        self.decoder = nn.ModuleList(DecoderLayer(config) for _ in range(config.layers))
        last = nn.LayerNorm if config.norm_first else nn.Identity
        self.norms = nn.ModuleList(last(config.dimensions) for _ in range(2))
        self.dropouts = nn.ModuleList(nn.Dropout(dropout) for dropout in config.embedding_dropout)
        self.register_buffer("positions", sinusoids(512, config.dimensions), persistent=False)
        for layer in [*self.encoder.modules(), *self.decoder.modules()]:
            if isinstance(layer, nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    @property
    def decoder_layers(self) -> list[DecoderLayer]:
        """Return the decoder's layers, by their own type."""
        return [layer for layer in self.decoder if isinstance(layer, DecoderLayer)]

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the logits of the token after each of `target`, float (batch, targets, target vocabulary).

        Args:
            source: int64 (batch, sources), filled up with `PAD`.
            target: int64 (batch, targets), likewise, without the last token.
        """
        encoded, mask = self.encode(source)
        x = self.dropouts[1](self.embedded(self.target, target))
        for layer in self.decoder_layers:
            x = layer(x, layer.source_attention.memory(encoded), mask)
        return self.logits(x)

    def encode(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """Return the encoded source, float (batch, sources, dimensions), and which tokens there are, bool."""
        mask = (source != PAD)[:, None, None]
        x = self.dropouts[0](self.embedded(self.source, source))
        for layer in self.encoder:
            x = layer(x, mask)
        return self.norms[0](x), mask

    def decoding(self, source: Tensor) -> tuple[Decoding, list[Past]]:
        """Return what goes on token by token, and the hypotheses' past, which is empty."""
        encoded, mask = self.encode(source)
        memories = [layer.source_attention.memory(encoded) for layer in self.decoder_layers]
        none = memories[0][0][:, :, :0]
        return Decoding(self, memories, mask), [(none, none) for _ in self.decoder]

    def embedded(self, embedding: nn.Embedding, tokens: Tensor, start: int = 0) -> Tensor:
        """Return embeddings with their positions, of which the first is `start`."""
        end = start + tokens.shape[1]
        if end > len(self.positions):
            self.positions = sinusoids(2 * end, self.config.dimensions).to(self.positions)
        factor = 1.0 if self.config.scaled is Scaled.logits else math.sqrt(self.config.dimensions)
        summed: Tensor = embedding(tokens) * factor + self.positions[start:end]
        return summed

    def logits(self, x: Tensor) -> Tensor:
        """Return the logits of the decoder's output."""
        factor = self.config.dimensions**-0.5 if self.config.scaled is Scaled.logits else 1.0
        return linear(self.norms[1](x) * factor, self.target.weight)


class Decoding:
    """Translates token by token: keys and values of what is done are kept.

    Args:
        network: In evaluation mode.
        memories: The source's keys and values, by layer.
        mask: The mask of the source's tokens that there are.
    """

    def __init__(self, network: Transformer, memories: list[Past], mask: Tensor) -> None:
        self.network = network
        self.memories = memories
        self.mask = mask

    def __call__(self, tokens: Tensor, pasts: list[Past]) -> tuple[Tensor, list[Past]]:
        """Return the logits of each hypothesis's next token, float (rows, vocabulary), and its new past.

        Args:
            tokens: int64 (rows,), the last ones; row `r` is a hypothesis of source `r // (rows // batch)`.
            pasts: By layer.
        """
        network, batch = self.network, len(self.mask)
        x = network.embedded(network.target, tokens[:, None], start=pasts[0][0].shape[2])
        x = x.reshape(batch, len(tokens) // batch, -1)
        after = []
        for layer, before, memory in zip(network.decoder_layers, pasts, self.memories, strict=True):
            x, past = layer.step(x, before, memory, self.mask)
            after.append(past)
        return network.logits(x).flatten(0, 1), after


def sinusoids(length: int, dimensions: int) -> Tensor:
    """Return positions, float (length, dimensions): sines and cosines by turns (Vaswani et al. 2017, 3.5)."""
    rates = 10_000 ** (-torch.arange(0, dimensions, 2, dtype=torch.float64) / dimensions)
    angles = torch.arange(length, dtype=torch.float64)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1).float()
