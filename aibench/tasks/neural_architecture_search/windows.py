"""Cuts text into windows, in an order in which each goes on where one of the batch before it ended."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from aibench.contract import digest
from aibench.text.vocabulary import EOS, PAD

Array = np.ndarray[Any, Any]
PARTS = ("reward", "val", "test")  # the parts of held-out text; `HeldOutBatch.part` is an index into them


class WeightsBatch(NamedTuple):
    """Holds what the shared weights are trained on.

    Attributes:
        number: The place of each window in its text, int64 (batch,). Row i goes on where row i of the last batch ended
            if its number is the next.
        words: int64 (batch, window).
        targets: The word after each, int64 (batch, window).
    """

    number: Tensor
    words: Tensor
    targets: Tensor


class RewardBatch(NamedTuple):
    """Holds what the controller's cells are tried on, like `WeightsBatch`, but in no order."""

    words: Tensor
    targets: Tensor


class HeldOutBatch(NamedTuple):
    """Holds what is evaluated.

    Attributes:
        part: Index into `PARTS`, int64 (batch,).
        stream: The number of the stream, of those that the text is cut into, int64 (batch,).
        time: Place in that stream, int64 (batch,). Rows of one part and time stand together, in the order of streams.
        words: int64 (batch, window); `PAD` after a text's end.
        targets: int64 (batch, window); likewise.
        sentences: The number of the sentence that each target stands in, int64 (batch, window).
    """

    part: Tensor
    stream: Tensor
    time: Tensor
    words: Tensor
    targets: Tensor
    sentences: Tensor


class TrainingWindows(Dataset[Any]):
    """Holds windows of the training text, then windows for an epoch's controller steps.

    The latter are those of the reward text in turn: it is shorter.

    Args:
        text: Words that the shared weights learn, int64 (words,).
        reward: Words that cells are tried on, int64 (words,).
        window: Words in a window.
        count: How many windows of `text`; None takes all.
        batch: Windows in a batch.
        controller_steps: Batches of an epoch that train the controller.
    """

    def __init__(
        self, text: Array, reward: Array, window: int, count: int | None, batch: int, controller_steps: int
    ) -> None:
        self.words, self.targets = (part[:count] for part in cut(text, window))
        self.reward_words, self.reward_targets = cut(reward, window)
        self.batch, self.controller_steps = batch, controller_steps

    @property
    def passes(self) -> int:
        """Return the batches in a pass over the text: the steps of an epoch that train the shared weights."""
        return len(self.words) // self.batch

    def __len__(self) -> int:
        return len(self.words) + self.controller_steps * self.batch

    def __getitem__(self, index: int) -> WeightsBatch | RewardBatch:
        batch = self.gather(torch.tensor([index]))
        return type(batch)(*(tensor[0] for tensor in batch))

    def gather(self, indices: Tensor) -> WeightsBatch | RewardBatch:
        """Return the windows at `indices`, int64 (batch,): all for the weights or all for the controller."""
        if int(indices[0]) < len(self.words):
            return WeightsBatch(indices, self.words[indices], self.targets[indices])
        which = (indices - len(self.words)) % len(self.reward_words)
        return RewardBatch(self.reward_words[which], self.reward_targets[which])

    def plan(self, generator: np.random.Generator) -> list[Array]:
        """Return the batches of an epoch: one pass over the text in parallel streams, then the controller's.

        The text is taken as a circle and cut at a place that the generator draws: the streams begin elsewhere in each
        epoch. What is left when the text is divided among them is left out, elsewhere in each epoch too.
        """
        total = len(self.words)
        starts = generator.integers(total) + np.arange(self.batch) * self.passes
        order = total + generator.permutation(self.controller_steps * self.batch)
        return [*((starts + time) % total for time in range(self.passes)), *order.reshape(-1, self.batch)]

    def fingerprint(self) -> str:
        """Return the digest of all windows."""
        return digest(self.words, self.targets, self.reward_words, self.reward_targets)


class HeldOutWindows(Dataset[HeldOutBatch]):
    """Cuts each of some texts into streams; time by time, all streams at each, so that all are read in parallel.

    Args:
        texts: Words of some of `PARTS`, int64 (words,), in that order.
        window: Words in a window.
        streams: How many streams to cut each text into.
    """

    def __init__(self, texts: dict[str, Array], window: int, streams: int) -> None:
        parts = [_in_streams(text, window, streams) for text in texts.values()]
        sentences = [_in_streams(sentence_numbers(text), window, streams)[1] for text in texts.values()]
        places = [PARTS.index(part) for part in texts]
        of_part = [torch.full((len(words),), place) for place, (words, _) in zip(places, parts, strict=True)]
        along = [torch.arange(len(words)) for words, _ in parts]
        self.tensors = HeldOutBatch(
            torch.cat(of_part),
            torch.cat(along) % streams,
            torch.cat(along) // streams,
            torch.cat([words for words, _ in parts]),
            torch.cat([targets for _, targets in parts]),
            torch.cat(sentences),
        )

    def __len__(self) -> int:
        return len(self.tensors.part)

    def __getitem__(self, index: int) -> HeldOutBatch:
        return HeldOutBatch(*(tensor[index] for tensor in self.tensors))

    def gather(self, indices: Tensor) -> HeldOutBatch:
        """Return the batch of the windows at `indices`, int64 (batch,)."""
        return HeldOutBatch(*(tensor[indices] for tensor in self.tensors))

    def fingerprint(self) -> str:
        """Return the digest of all windows."""
        return digest(*self.tensors)


def cut(text: Array, window: int) -> tuple[Tensor, Tensor]:
    """Return the whole windows of a text and what follows each of their words, each int64 (windows, window)."""
    count = (len(text) - 1) // window
    words, targets = text[: count * window], text[1 : count * window + 1]
    return torch.from_numpy(words.reshape(-1, window)), torch.from_numpy(targets.reshape(-1, window))


def sentence_numbers(text: Array) -> Array:
    """Return the number of the sentence that each word of a text stands in, its end included, int64 (words,)."""
    ends = text == EOS
    numbers: Array = np.cumsum(ends) - ends
    return numbers


def _in_streams(text: Array, window: int, streams: int) -> tuple[Tensor, Tensor]:
    """Return words and targets, each int64 (times * streams, window); filled up at the end with `PAD`."""
    times = math.ceil((len(text) - 1) / (window * streams))
    filled = np.full(streams * times * window + 1, PAD)
    filled[: len(text)] = text
    parallel = (part.view(streams, times, window).transpose(0, 1) for part in cut(filled, window))
    words, targets = (part.reshape(-1, window) for part in parallel)
    return words, targets
