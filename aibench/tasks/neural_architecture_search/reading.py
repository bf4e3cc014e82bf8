"""Carries states from one batch to the next, keeps streams in order, and finds the words after the last one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from aibench.tasks.neural_architecture_search.cell import Cell
from aibench.tasks.neural_architecture_search.model import SharedWeights
from aibench.tasks.neural_architecture_search.windows import HeldOutBatch


class CarriedState(nn.Module):
    """Holds the state of each of some streams where it was read to; zeros for one that does not go on from there.

    Buffers, so that a checkpoint holds them: a run that is resumed in the middle of a text reads on as it would have.

    Args:
        streams: How many.
        hidden: Elements of a state.
        persistent: Whether a checkpoint holds them.
    """

    state: Tensor
    number: Tensor

    def __init__(self, streams: int, hidden: int, *, persistent: bool = True) -> None:
        super().__init__()
        self.register_buffer("state", torch.zeros(streams, hidden), persistent=persistent)
        self.register_buffer("number", torch.full((streams,), -2), persistent=persistent)

    def forget(self) -> None:
        """Let no window go on."""
        self.number.fill_(-2)

    def before(self, number: Tensor, stream: Tensor | slice = slice(None)) -> Tensor:
        """Return the states in which the windows of these numbers, int64 (batch,), begin, float (batch, hidden).

        Args:
            number: The number of each row's window; a row goes on if the last of its stream was the one before.
            stream: The stream of each row, int64 (batch,).
        """
        goes_on = number == self.number[stream] + 1
        return self.state[stream] * goes_on[:, None]

    def put(self, number: Tensor, state: Tensor, stream: Tensor | slice = slice(None)) -> None:
        """Keep the states after those windows; no gradient goes back through them."""
        self.state[stream] = state.detach()
        self.number[stream] = number


def in_order(batch: HeldOutBatch) -> Iterator[tuple[int, HeldOutBatch]]:
    """Yield the rows of a batch that can be read at once, one place of their streams at a time, each with its part."""
    places = torch.stack([batch.part, batch.time], 1)
    kinds, counts = torch.unique_consecutive(places, dim=0, return_counts=True)
    first = 0
    for (part, _), count in zip(kinds.tolist(), counts.tolist(), strict=True):
        yield part, HeldOutBatch(*(tensor[first : first + count] for tensor in batch))
        first += count


def continuation(
    shared: SharedWeights, cell: Cell, words: Tensor, state: Tensor, count: int, never: Sequence[int]
) -> Tensor:
    """Return the most probable word after `words`, and after that one, and so on.

    Args:
        shared: The weights.
        cell: The child.
        words: int64 (batch, window).
        state: Before the first word, float (batch, hidden).
        count: How many words.
        never: Words that are passed over.

    Returns:
        int64 (batch, count).
    """
    found: list[Tensor] = []
    for _ in range(count):
        logits, state = shared(words, cell, state)
        last = logits[:, -1].index_fill(1, torch.tensor(list(never), device=logits.device), -torch.inf)
        words = last.argmax(1, keepdim=True)
        found.append(words)
    return torch.cat(found, 1)
