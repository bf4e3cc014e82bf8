"""Makes up pairs of sentences for MLPerf's two translation models."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

PAD = 0
FIRST = 4  # entries before it are marks: padding, unknown, start, end
TOKENS = 32  # of each sentence: our choice; 128 such pairs are the 4,096 tokens of the Transformer's batch

Batch = tuple[Tensor, Tensor]


def made_up(samples: int, generator: Generator, vocabulary: int, tokens: int = TOKENS) -> Batch:
    """Return pairs of sentences of equal length, as the references' bucketing by length nearly makes them.

    Returns:
        Source, int64 (samples, tokens), and target, int64 (samples, tokens + 1): its start mark and its tokens.
    """
    source = torch.randint(FIRST, vocabulary, (samples, tokens), generator=generator)
    target = torch.randint(FIRST, vocabulary, (samples, tokens + 1), generator=generator)
    return source, target


def example(tokens: int = TOKENS) -> tuple[Tensor, Tensor]:
    """Return a source and the tokens from which the translation's next ones are told, int64 (1, tokens) each."""
    return torch.full((1, tokens), FIRST), torch.full((1, tokens), FIRST)
