"""Holds utterances in memory, and makes batches of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from aibench.contract import digest
from aibench.text.batches import Ragged, padded

Sample = tuple[Tensor, Tensor, int]
Batch = tuple[Tensor, Tensor, Tensor, Tensor]


class Utterances(Dataset[Sample]):
    """Holds utterances whose spectrograms lie in memory, one behind the other.

    A sample is a spectrogram, float (frames, bins), its labels, int64 (characters,), and the number of its set.

    Args:
        frames: float (all frames, bins).
        lengths: int64 (utterances,): frames of each.
        labels: The labels of each utterance.
        count: How many samples; the utterances take turns. None: each once.
        sets: How many sets the samples belong to, in turn.
        order: The utterance of each sample, int64 (samples,), instead of `count`.
        content: Names the utterances where they were computed from others that are the same on every machine: a
            spectrum's last digit is not. None has the spectrograms name them.

    Attributes:
        lengths: int64 (samples,): frames of each sample.
    """

    def __init__(
        self,
        frames: Tensor,
        lengths: NDArray[np.int64],
        labels: Sequence[Sequence[int]],
        count: int | None = None,
        sets: int = 1,
        order: NDArray[np.int64] | None = None,
        content: str | None = None,
    ) -> None:
        self.content = content
        self.frames = frames
        self.labels = Ragged.of(labels)
        in_turn = torch.arange(len(lengths) if count is None else count) % len(lengths)
        self.which = in_turn if order is None else torch.from_numpy(order)
        self.sets = torch.arange(len(self.which)) % sets
        self.starts = torch.from_numpy(np.cumsum(lengths) - lengths)
        self._lengths = torch.from_numpy(lengths)
        self.lengths: NDArray[np.int64] = self._lengths[self.which].numpy()

    def __len__(self) -> int:
        return len(self.which)

    def __getitem__(self, index: int) -> Sample:
        which = int(self.which[index])
        start, length = int(self.starts[which]), int(self._lengths[which])
        return self.frames[start : start + length], self.labels[which], int(self.sets[index])

    def gather(self, indices: Tensor) -> Batch:
        """Return the batch of the samples at `indices`, int64 (batch,); see `collated`."""
        which = self.which[indices]
        lengths = self._lengths[which]
        places = torch.arange(int(lengths.max()))
        within = places < lengths[:, None]
        rows = torch.where(within, self.starts[which][:, None] + places, 0)
        spectra = self.frames[rows] * within[:, :, None]
        return spectra, lengths, self.labels.gather(which), self.sets[indices]

    def fingerprint(self) -> str:
        """Return the digest of all spectrograms and labels, or of what they were computed from."""
        return self.content or digest(self.frames, self.lengths, self.labels.fingerprint())


def collated(samples: Sequence[Sample]) -> Batch:
    """Collate samples into a batch.

    Returns:
        Spectrograms, float (batch, frames, bins); how many frames each has, int64 (batch,); labels, int64 (batch,
        characters); sets, int64 (batch,). Behind the last frame and the last character of an utterance come zeros.
    """
    spectra, labels, sets = zip(*samples, strict=True)
    lengths = torch.tensor([len(spectrum) for spectrum in spectra])
    return (
        pad_sequence(list(spectra), batch_first=True),
        lengths,
        padded([part.numpy() for part in labels]),
        torch.tensor(sets),
    )
