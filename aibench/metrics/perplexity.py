"""Measures the perplexity of a whole corpus."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torchmetrics import Metric

from aibench.metrics.joined import joined
from aibench.metrics.scores import Ratio


class CorpusPerplexity(Metric):
    """Measures exp(total loss / total tokens), the loss in nats: a guess among so many words would score as much.

    Every token weighs the same, whichever batch or sentence it is in: no mean of the perplexities of batches. The loss
    is taken from logits, so that a token with a probability too small for a float still counts with what it costs, and
    summed in float64 (`torchmetrics.text.Perplexity` takes the logarithm of a probability, which is infinite there,
    and sums in float32).

    Args:
        ignore: Target index that is no token: padding. None counts every target.

    >>> perplexity = CorpusPerplexity()
    >>> perplexity.update(torch.zeros(2, 8), torch.tensor([3, 5]))  # a guess among eight words
    >>> round(perplexity.compute().item(), 6)
    8.0
    """

    full_state_update = False
    higher_is_better = False
    loss: Tensor
    tokens: Tensor

    def __init__(self, ignore: int | None = None) -> None:
        super().__init__()
        self.ignore = ignore
        self.add_state("loss", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("tokens", torch.zeros((), dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, logits: Tensor, targets: Tensor) -> None:
        """Add some tokens.

        Args:
            logits: float (..., vocabulary), of the word at each position.
            targets: int64 (...), the words that stand there.
        """
        wanted = targets.flatten()
        counted = torch.ones_like(wanted, dtype=torch.bool) if self.ignore is None else wanted != self.ignore
        losses = cross_entropy(logits.flatten(0, -2).float(), wanted.where(counted, 0), reduction="none")
        self.loss += losses.double().where(counted, 0.0).sum()
        self.tokens += counted.sum()

    def compute(self) -> Tensor:
        """Return the perplexity, float64 (); NaN before the first token."""
        return torch.exp(self.loss / self.tokens)


class SamplePerplexity:
    """Measures what `CorpusPerplexity` does, and keeps what each sample (a sentence, a picture) adds to it.

    Nothing is read back from the device before `scores`.

    Args:
        ignore: Target index that is no token: padding.
    """

    def __init__(self, ignore: int) -> None:
        self.ignore = ignore
        self.losses: list[Tensor] = []
        self.samples: list[Tensor] = []

    def update(self, logits: Tensor, targets: Tensor, samples: Tensor) -> None:
        """Add some tokens.

        Args:
            logits: float (..., vocabulary), of the word at each position.
            targets: int64 (...), the words that stand there.
            samples: int64, of the shape of `targets` or one that broadcasts to it; the number of each one's sample.
        """
        wanted = targets.flatten()
        losses = cross_entropy(logits.flatten(0, -2).float(), wanted, reduction="none", ignore_index=self.ignore)
        self.losses.append(losses.detach())
        self.samples.append(samples.expand_as(targets).flatten().where(wanted != self.ignore, -1))

    def scores(self) -> Ratio:
        """Return the loss and the tokens of each sample, whose ratio's exponential is the perplexity; then forget them.

        Its value over all samples is NaN where nothing was added.
        """
        if not self.losses:
            return Ratio([], transform=math.exp)
        losses, samples = joined(self.losses).cpu().numpy(), joined(self.samples).cpu().numpy()
        self.losses, self.samples = [], []
        counted = samples >= 0
        _, numbers = np.unique(samples[counted], return_inverse=True)
        return Ratio(np.bincount(numbers, weights=losses[counted]), np.bincount(numbers), math.exp)
