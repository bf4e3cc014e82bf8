"""Turns log-probabilities of labels at each step into characters."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from aibench.tasks.speech_recognition.alphabet import BLANK, decode
from aibench.tasks.speech_recognition.model import within

_UNLIKELY = np.log(1e-4)  # the beam search does not look at labels less likely than this at a step

Prefix = tuple[int, ...]


def transcripts(log_probabilities: Tensor, steps: Tensor, beams: int = 1) -> list[str]:
    """Return what each utterance of a batch says.

    Args:
        log_probabilities: float (batch, steps, labels).
        steps: int64 (batch,): steps of each utterance.
        beams: Prefixes that are kept at each step; 1 takes the likeliest label of each step.
    """
    if beams == 1:
        return [decode(labels) for labels in greedy(log_probabilities, steps)]
    tables, counts = log_probabilities.cpu().double().numpy(), steps.tolist()
    return [decode(beam_search(table[:count], beams)) for table, count in zip(tables, counts, strict=True)]


def greedy(log_probabilities: Tensor, steps: Tensor) -> list[list[int]]:
    """Return each step's likeliest label, repetitions joined, blanks left out, for the arguments of `transcripts`."""
    labels = log_probabilities.argmax(2)
    said = within(steps, labels.shape[1]) & (labels != BLANK)
    said[:, 1:] &= labels[:, 1:] != labels[:, :-1]
    return [row[kept].tolist() for row, kept in zip(labels.cpu(), said.cpu(), strict=True)]


def beam_search(log_probabilities: NDArray[np.float64], beams: int) -> Prefix:
    """Return the likeliest labels, over all the ways to spread them over the steps.

    Graves & Jaitly 2014; without a language model.

    Args:
        log_probabilities: (steps, labels).
        beams: Prefixes that are kept after each step.
    """
    kept: dict[Prefix, tuple[float, float]] = {(): (0.0, -np.inf)}  # those that end with a blank, and those that do not
    for row in log_probabilities:
        candidates = [int(label) for label in np.flatnonzero(row >= min(_UNLIKELY, row.max())) if label != BLANK]
        grown: defaultdict[Prefix, list[float]] = defaultdict(lambda: [-np.inf, -np.inf])
        for prefix, (blank, other) in kept.items():
            either = np.logaddexp(blank, other)
            same = grown[prefix]
            same[0] = np.logaddexp(same[0], either + row[BLANK])
            if prefix:
                same[1] = np.logaddexp(same[1], other + row[prefix[-1]])
            for label in candidates:
                before = blank if prefix and prefix[-1] == label else either
                longer = grown[(*prefix, label)]
                longer[1] = np.logaddexp(longer[1], before + row[label])
        best = sorted(grown, key=lambda prefix: -np.logaddexp(grown[prefix][0], grown[prefix][1]))[:beams]
        kept = {prefix: (grown[prefix][0], grown[prefix][1]) for prefix in best}
    return next(iter(kept))
