"""Computes probabilities of words that are known or copied from the source.

A word that the model does not know has the index `vocabulary + p` where `p` is the first place of the source that it
stands at: sources have their unknown words in common with no one else, and no list of them is kept.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from aibench.text.vocabulary import BOS, PAD, UNK

NEVER_WRITTEN = (PAD, BOS, UNK)


def first_places(source: Tensor, words: Tensor) -> tuple[Tensor, Tensor]:
    """Return where in the source each word stands first, and whether it does.

    Args:
        source: int64 (batch, source length).
        words: int64 (batch, any).

    Returns:
        int64 and bool, (batch, any) each.
    """
    same = words[:, :, None] == source[:, None, :]
    return same.int().argmax(2), same.any(2)


def extended(source: Tensor, words: Tensor, vocabulary: int) -> Tensor:
    """Return words by a pointer's indices over `source`, int64 (batch, any); `UNK` for what the source lacks."""
    places, there = first_places(source, words)
    return torch.where(words < vocabulary, words, torch.where(there, vocabulary + places, UNK))


def words_at(source: Tensor, indices: Tensor, vocabulary: int) -> Tensor:
    """Undo `extended`: return the word that each index stands for, both int64 (batch, any)."""
    copied = source.gather(1, (indices - vocabulary).clamp(min=0))
    return torch.where(indices < vocabulary, indices, copied)


def known(words: Tensor, vocabulary: int) -> Tensor:
    """Return `words` with `UNK` for those that the model does not know."""
    return words.masked_fill(words >= vocabulary, UNK)


def log_likelihood(logits: Tensor, attention: Tensor, gate: Tensor | None, source: Tensor, targets: Tensor) -> Tensor:
    """Return the log-probability of each target, float (batch, length).

    The probability that the gate gives the vocabulary times the target's there, plus the rest times the attention to
    the places where it stands; the sum is one of logarithms, and the whole distribution is never made.

    Args:
        logits: float (batch, length, vocabulary).
        attention: float (batch, length, source length); log-probabilities.
        gate: float (batch, length); a logit; None without a pointer.
        source: int64 (batch, source length).
        targets: int64 (batch, length); words, known or not.
    """
    vocabulary = logits.shape[2]
    if gate is None:
        return _chosen(logits, known(targets, vocabulary))
    same = targets[:, :, None] == source[:, None, :]
    same &= ((targets != UNK) & (targets != PAD))[:, :, None]
    copied = attention.masked_fill(~same, -torch.inf).logsumexp(2)
    reachable = (targets < vocabulary) | same.any(2)  # else the best that can be written is an unknown word
    generated = _chosen(logits, known(targets, vocabulary))
    generated = generated.masked_fill((targets >= vocabulary) & reachable, -torch.inf)
    return torch.logaddexp(F.logsigmoid(gate.float()) + generated, F.logsigmoid(-gate.float()) + copied)


def _chosen(logits: Tensor, words: Tensor) -> Tensor:
    return -F.cross_entropy(logits.flatten(0, 1).float(), words.flatten(), reduction="none").view_as(words)


def log_probabilities(logits: Tensor, attention: Tensor, gate: Tensor | None, source: Tensor) -> Tensor:
    """Return the log-probabilities of all words that may be written next, known ones and then those of the source.

    Padding, starts and unknown words are never written: -inf. The others keep their probabilities.

    Args:
        logits: float (batch, vocabulary).
        attention: float (batch, source length); log-probabilities.
        gate: float (batch,); a logit; None without a pointer.
        source: int64 (batch, source length).

    Returns:
        float (batch, vocabulary), and with a pointer (batch, vocabulary + source length).
    """
    vocabulary = logits.shape[1]
    probabilities = logits.float().log_softmax(1)
    if gate is not None:
        generate = torch.sigmoid(gate.float())[:, None]
        copied = (1 - generate) * attention.exp()
        both = torch.cat([generate * probabilities.exp(), torch.zeros_like(copied)], dim=1)
        probabilities = both.scatter_add(1, extended(source, source, vocabulary), copied).log()
    probabilities[:, NEVER_WRITTEN] = -torch.inf
    return probabilities


@torch.no_grad()
def drawn_words(logits: Tensor, attention: Tensor, gate: Tensor | None, source: Tensor) -> Tensor:
    """Draw a word of the mixture's distribution for each sample, int64 (batch,), as an index of the pointer.

    The gate is drawn first and then the word, from the vocabulary or from the source. Arguments as `log_probabilities`.
    """
    words = torch.multinomial(logits.float().softmax(1), 1)
    if gate is not None:
        place = torch.multinomial(attention.exp(), 1)
        copied = extended(source, source.gather(1, place), logits.shape[1])
        words = words.where(torch.rand_like(gate)[:, None] < torch.sigmoid(gate)[:, None], copied)
    return words[:, 0]


__all__ = [
    "drawn_words",
    "extended",
    "first_places",
    "known",
    "log_likelihood",
    "log_probabilities",
    "words_at",
]
