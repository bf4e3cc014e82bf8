"""Predicts the text by counting, which is what the child must beat."""

from __future__ import annotations

from collections.abc import Iterator

from aibench.contract import Baseline
from aibench.tasks.neural_architecture_search.windows import Array
from aibench.text.ngrams import KneserNey, perplexity

ORDERS = {"unigram": 1, "bigram, Kneser-Ney": 2, "trigram, Kneser-Ney": 3, "5-gram, Kneser-Ney": 5}


def counted(train: Array, held_out: dict[str, Array], vocabulary: int) -> Iterator[Baseline]:
    """Yield the perplexities of n-grams of the training text, in its words; each but the first word is predicted.

    Args:
        train: int64 (words,).
        held_out: int64 (words,) each, by part.
        vocabulary: Number of words.
    """
    for name, order in ORDERS.items():
        if vocabulary**order < 2**63:
            model = KneserNey([train], order, vocabulary)
            yield Baseline(name, {part: perplexity(model.probabilities([text])[1:]) for part, text in held_out.items()})
