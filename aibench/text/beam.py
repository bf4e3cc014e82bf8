"""Searches for the best sequence of words with beams, over whatever gives the next word's probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from aibench.text.vocabulary import BOS, EOS

Step = Callable[[Tensor, Any], tuple[Tensor, Any]]


@torch.inference_mode()
def beam_search(
    step: Step,
    state: Any,
    *,
    batch: int,
    beams: int,
    longest: int | Tensor,
    length_penalty: float = 0.0,
    start: int = BOS,
    end: int = EOS,
) -> list[list[int]]:
    """Return the best word sequence that is found for each sample; with one beam, the greedy one.

    A sequence's score is the sum of its words' log-probabilities, that of `end` included, over
    `((5 + words) / 6) ** length_penalty`, `end` counted among the words (Wu et al. 2016, arXiv:1609.08144, eq. 14).
    After `longest` words only `end` may follow. A sample is done once `beams` of its sequences have ended, or once
    none that goes on can still win. What is found for it does not depend on the other samples in the batch, as long
    as its `longest` does not.

    Args:
        step: Takes the last word of each hypothesis, int64 (batch * beams,), and the state; returns the next word's
            log-probabilities, float (batch * beams, vocabulary), and the new state. Row `r` is of sample
            `r // beams` in every step, so what all hypotheses of a sample share need not be part of the state.
        state: Tensors with a row for each sample, in tuples, lists or dicts. The search repeats the rows for the
            beams, and from then on gives each hypothesis its own.
        batch: Samples.
        beams: Hypotheses that are kept of each sample.
        longest: Most words of a sequence, `end` not counted: of all samples, or of each, int64 (batch,).
        length_penalty: At least 0; greater ones favour longer sequences.
        start: The word before the first.
        end: The word after the last.

    Returns:
        A sequence for each sample, without `start` and `end`.
    """
    assert beams >= 1
    assert length_penalty >= 0
    search = _Search(batch, beams, longest, length_penalty, end, _device(state))
    state = _rows(state, search.samples.repeat_interleave(beams))
    words = torch.full((batch * beams,), start, device=search.device)
    for place in range(search.places):
        log_probabilities, state = step(words, state)
        words, rows = search.extend(log_probabilities, place)
        if search.is_over():
            break
        state = state if beams == 1 else _rows(state, rows)
    return search.best()


class _Search:
    """Holds the hypotheses of all samples, and the best ended one of each."""

    def __init__(
        self, batch: int, beams: int, longest: int | Tensor, length_penalty: float, end: int, device: torch.device
    ) -> None:
        self.beams = beams
        self.longest = torch.as_tensor(longest, device=device).expand(batch)
        self.places = int(self.longest.max()) + 1  # after the last word comes the end
        self.least = int(self.longest.min())
        self.length_penalty = length_penalty
        self.end = end
        self.device = device
        self.samples = torch.arange(batch, device=device)
        self.scores = torch.full((batch, beams), -torch.inf, device=device)
        self.scores[:, 0] = 0  # at first there is one hypothesis: no words
        self.words = torch.full((batch, beams, self.places), end, device=device)
        self.ended = torch.zeros(batch, dtype=torch.int64, device=device)
        self.best_scores = torch.full((batch,), -torch.inf, device=device)
        self.best_words = torch.full((batch, self.places), end, device=device)

    def extend(self, log_probabilities: Tensor, place: int) -> tuple[Tensor, Tensor]:
        """Lengthen every hypothesis by the word number `place`, or end it where it has as many words as it may.

        Returns:
            The new last words, and the rows that their hypotheses had until now; int64 (batch * beams,) each.
        """
        batch, vocabulary = len(self.samples), log_probabilities.shape[1]
        log_probabilities = log_probabilities.reshape(batch, self.beams, vocabulary)
        if place >= self.least:
            goes_on = torch.arange(vocabulary, device=self.device) != self.end
            full = self.longest <= place
            log_probabilities = log_probabilities.masked_fill(full[:, None, None] & goes_on, -torch.inf)
        total = (self.scores[:, :, None] + log_probabilities).flatten(1)
        scores, at = total.topk(min(2 * self.beams, total.shape[1]))  # at most one of each hypothesis ends
        origins, words = at // vocabulary, at % vocabulary
        ends = words == self.end
        self._collect(scores.where(ends, -torch.inf)[:, : self.beams], origins[:, : self.beams], place + 1)
        self.scores, which = scores.masked_fill(ends, -torch.inf).topk(self.beams)
        origins, words = origins.gather(1, which), words.gather(1, which)
        self.words = self.words[self.samples[:, None], origins]
        self.words[:, :, place] = words
        return words.flatten(), (self.samples[:, None] * self.beams + origins).flatten()

    def _collect(self, scores: Tensor, origins: Tensor, length: int) -> None:
        """Keep the best ended hypothesis of each sample. A score of -inf is of none."""
        score, which = (scores / ((5 + length) / 6) ** self.length_penalty).max(1)
        better = (score > self.best_scores) & (self.ended < self.beams)
        words = self.words[self.samples, origins.gather(1, which[:, None])[:, 0]]
        self.best_scores = score.where(better, self.best_scores)
        self.best_words = words.where(better[:, None], self.best_words)
        self.ended += (scores > -torch.inf).sum(1)

    def is_over(self) -> bool:
        """Return whether every sample is done: a score only falls, so the greatest length's penalty bounds it."""
        bound = self.scores.amax(1) / ((6 + self.longest) / 6) ** self.length_penalty
        return bool(((self.ended >= self.beams) | (self.best_scores >= bound)).all())

    def best(self) -> list[list[int]]:
        """Return the best ended hypothesis of each sample."""
        rows: list[list[int]] = self.best_words.tolist()
        return [row[: row.index(self.end)] if self.end in row else row for row in rows]


def _rows(state: Any, rows: Tensor) -> Any:
    """Return `state` with `rows` of every tensor in it."""
    match state:
        case Tensor():
            return state.index_select(0, rows)
        case dict():
            return {name: _rows(part, rows) for name, part in state.items()}
        case tuple() | list():
            return type(state)(_rows(part, rows) for part in state)
        case _:
            return state


def _device(state: Any) -> torch.device:
    """Return where the first tensor in `state` is; the CPU if it has none."""
    parts = list(state.values()) if isinstance(state, dict) else state
    if isinstance(parts, Tensor):
        return parts.device
    for part in parts or ():
        device = _device(part)
        if device.type != "cpu":
            return device
    return torch.device("cpu")


__all__ = ["beam_search"]
