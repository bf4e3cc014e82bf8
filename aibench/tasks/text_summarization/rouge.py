"""Measures ROUGE-1, ROUGE-2 and ROUGE-L F1 of sequences of words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

Words = Sequence[int] | Sequence[str]
NAMES = ("rouge_1", "rouge_2", "rouge_l")


class Rouge(Metric):
    """Measures texts' mean F1 of common words, of common pairs of words, and of the longest common subsequence.

    What `rouge-score` (the port of ROUGE-1.5.5 that papers use today) gives for the same words, without stemming. The
    words are the data's own: nothing is split again, dropped or changed. An empty summary scores 0.
    """

    full_state_update = False
    higher_is_better = True
    scores: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.add_state("scores", [], dist_reduce_fx="cat")

    def update(self, written: Sequence[Words], true: Sequence[Words]) -> None:
        """Add summaries and what they should be."""
        scores = [
            (grams_f1(one, other, 1), grams_f1(one, other, 2), subsequence_f1(one, other))
            for one, other in zip(written, true, strict=True)
        ]
        self.scores.append(torch.tensor(scores, dtype=torch.float64).reshape(-1, len(NAMES)))

    def of_each(self) -> dict[str, Tensor]:
        """Return each text's scores by name, float64 (texts,), in 0 to 1."""
        return dict(zip(NAMES, dim_zero_cat(self.scores).T, strict=True))

    def compute(self) -> dict[str, Tensor]:
        """Return the mean scores by name, in 0 to 1."""
        return {name: scores.mean() for name, scores in self.of_each().items()}


def grams_f1(written: Words, true: Words, size: int) -> float:
    """Return the F1 of the runs of `size` words, each counted as often as it occurs in both."""
    ours, theirs = (
        Counter(tuple(words[at : at + size]) for at in range(len(words) - size + 1)) for words in (written, true)
    )
    return _f1((ours & theirs).total(), ours.total(), theirs.total())


def subsequence_f1(written: Words, true: Words) -> float:
    """Return the F1 of the longest common subsequence."""
    return _f1(_common(written, true), len(written), len(true))


def _common(first: Words, second: Words) -> int:
    """Return the length of the longest common subsequence, found a row of the table at a time."""
    row = [0] * (len(second) + 1)
    for one in first:
        above, row = row, [0]
        for at, other in enumerate(second):
            row.append(above[at] + 1 if one == other else max(above[at + 1], row[at]))
    return row[-1]


def _f1(common: int, written: int, true: int) -> float:
    return 2 * common / (written + true) if common else 0.0


__all__ = ["NAMES", "Rouge", "grams_f1", "subsequence_f1"]
