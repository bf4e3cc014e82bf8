"""Measures token accuracy and BLEU of a whole corpus, added up over batches."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric

from aibench.text.vocabulary import PAD

_ORDER = 4  # the longest n-grams of BLEU


class TokenAccuracy(Metric):
    """Measures the part of all tokens that is the likeliest where the model knows the right ones before it."""

    full_state_update = False
    higher_is_better = True
    correct: Tensor
    tokens: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("correct", "tokens"):
            self.add_state(name, torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, logits: Tensor, targets: Tensor) -> None:
        """Add some tokens.

        Args:
            logits: float (..., vocabulary).
            targets: int64 (...).
        """
        correct, counted = right_tokens(logits, targets)
        self.correct += correct.sum()
        self.tokens += counted.sum()

    def compute(self) -> Tensor:
        """Return the accuracy, float (), in 0 to 1."""
        return self.correct / self.tokens


def right_tokens(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return which of `targets`, int64 (...), are the likeliest by `logits`, and which are none of padding; bool."""
    counted = targets != PAD
    return (logits.argmax(-1) == targets) & counted, counted


class CorpusBleu(Metric):
    """Measures BLEU of translations, in 0 to 100, by sacrebleu: its 13a tokens, case, exponential smoothing.

    Sums what sacrebleu counts in each batch, which makes the same number as all of the translations at once.
    """

    full_state_update = False
    higher_is_better = True
    correct: Tensor
    total: Tensor
    lengths: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("correct", torch.zeros(_ORDER, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("total", torch.zeros(_ORDER, dtype=torch.int64), dist_reduce_fx="sum")
        self.add_state("lengths", torch.zeros(2, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, translations: Sequence[str], references: Sequence[str]) -> None:
        """Add some translations with their references."""
        from sacrebleu.metrics.bleu import BLEU  # takes a moment: a run without translations does not wait for it

        score = BLEU().corpus_score(list(translations), [list(references)])
        self.correct += torch.tensor(score.counts, device=self.device)
        self.total += torch.tensor(score.totals, device=self.device)
        self.lengths += torch.tensor([score.sys_len, score.ref_len], device=self.device)

    def compute(self) -> float:
        """Return BLEU."""
        from sacrebleu.metrics.bleu import BLEU

        translated, reference = self.lengths.tolist()
        score = BLEU.compute_bleu(
            self.correct.tolist(), self.total.tolist(), translated, reference, smooth_method="exp"
        ).score
        return float(score)
