"""Measures word and character error rates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric


class ErrorRates(Metric):
    """Measures error rates of sets of utterances: all edits over all words (or characters) of the references.

    An edit replaces, inserts or deletes a word (or a character, of which a space is one). As in jiwer; the authors'
    PyTorch code has this in `test.py`, and a mean over utterances in `train.py`.

    Args:
        sets: How many sets.

    Attributes:
        counted: A row for each utterance of the last evaluation: its set, edits and words, edits and characters.
    """

    full_state_update = False
    higher_is_better = False
    words: Tensor
    characters: Tensor

    def __init__(self, sets: int) -> None:
        super().__init__()
        for name in ("words", "characters"):
            self.add_state(name, torch.zeros(sets, 2, dtype=torch.float64), dist_reduce_fx="sum")
        self.counted: list[tuple[int, ...]] = []

    def update(self, transcripts: Sequence[str], references: Sequence[str], sets: Iterable[int]) -> None:
        """Count utterances; `sets` has the number of each one's set."""
        words, characters = np.zeros(self.words.shape), np.zeros(self.words.shape)
        for transcript, reference, place in zip(transcripts, references, sets, strict=True):
            of_words = edits(transcript.split(), reference.split()), len(reference.split())
            of_characters = edits(transcript, reference), len(reference)
            words[place] += of_words
            characters[place] += of_characters
            self.counted.append((place, *of_words, *of_characters))
        self.words += torch.from_numpy(words).to(self.words)
        self.characters += torch.from_numpy(characters).to(self.characters)

    def compute(self) -> dict[str, Tensor]:
        """Return `wer` and `cer` of all sets together, float64 (), and `wer_by_set`, float64 (sets,), NaN if empty.

        (torchmetrics makes `wer_by_set` a scalar where there is one set.)
        """
        wrong, words = self.words.unbind(1)
        errors, characters = self.characters.sum(0)
        return {"wer": wrong.sum() / words.sum(), "cer": errors / characters, "wer_by_set": wrong / words}


def edits(hypothesis: Sequence[str], reference: Sequence[str]) -> int:
    """Return the fewest replacements, insertions and deletions that turn one into the other (Levenshtein's distance).

    A row of the table at a time. Within it a cell is the least, over those to the left, of what they cost without an
    insertion plus the insertions from there: a running minimum.
    """
    number = {token: index for index, token in enumerate({*hypothesis, *reference})}
    columns = np.array([number[token] for token in hypothesis], dtype=np.int64)
    steps = np.arange(len(columns) + 1)
    row = steps
    for token in reference:
        cheapest = row + 1
        cheapest[1:] = np.minimum(cheapest[1:], row[:-1] + (columns != number[token]))
        row = np.minimum.accumulate(cheapest - steps) + steps
    return int(row[-1])
