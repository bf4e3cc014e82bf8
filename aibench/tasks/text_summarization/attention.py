"""Attends additively to the source and to the decoder's own states, in the log domain."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SourceAttention(nn.Module):
    """Attends additively (Bahdanau, Cho & Bengio 2014) from a decoder's state to the encoder's outputs.

    With `temporal`, a word's weight is divided by the sum of its earlier ones (Paulus et al. 2017, eq. 3): what was
    attended to once is attended to less. Both as logarithms, so that no exponential can overflow.

    Args:
        size: The length of the decoder's state, and of an output of the encoder.
        temporal: Whether earlier weights count.
    """

    def __init__(self, size: int, *, temporal: bool) -> None:
        super().__init__()
        self.temporal = temporal
        self.key = nn.Linear(size, size, bias=False)
        self.query = nn.Linear(size, size)
        self.energy = nn.Linear(size, 1, bias=False)

    def keys(self, outputs: Tensor) -> Tensor:
        """Return what is compared with a state, once for all steps: float (batch, length, size), as `outputs`."""
        keys: Tensor = self.key(outputs)
        return keys

    def forward(
        self, state: Tensor, outputs: Tensor, keys: Tensor, padding: Tensor, memory: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Take one step.

        Args:
            state: float (batch, size).
            outputs: float (batch, length, size).
            keys: float (batch, length, size); of `outputs`.
            padding: bool (batch, length); true where nothing is.
            memory: float (batch, length); what the step before returned, None at first.

        Returns:
            The context, float (batch, size); log-probabilities over the source, float (batch, length), -inf where
            nothing is; and the memory: the logarithm of the sum of exponentials of all energies so far.
        """
        energies = self.energy(torch.tanh(keys + self.query(state)[:, None])).squeeze(2).float()
        scores = energies
        if self.temporal:
            scores = energies if memory is None else energies - memory
            memory = energies if memory is None else torch.logaddexp(memory, energies)
        attention = scores.masked_fill(padding, -torch.inf).log_softmax(1)
        context = torch.bmm(attention.exp().to(outputs.dtype)[:, None], outputs).squeeze(1)
        return context, attention, memory


class DecoderAttention(nn.Module):
    """Attends additively from a decoder's state to its own earlier ones (Paulus et al. 2017, eq. 6 to 8).

    Args:
        size: The length of a state.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.key = nn.Linear(size, size, bias=False)
        self.query = nn.Linear(size, size)
        self.energy = nn.Linear(size, 1, bias=False)

    def forward(self, state: Tensor, earlier: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Take one step.

        Args:
            state: float (batch, size).
            earlier: The states so far and their keys, float (batch, steps, size) each; None at the first step, whose
                context is 0.

        Returns:
            The context, float (batch, size), and `earlier` with this step's.
        """
        key = self.key(state)[:, None]
        if earlier is None:
            return torch.zeros_like(state), (state[:, None], key)
        states, keys = earlier
        energies = self.energy(torch.tanh(keys + self.query(state)[:, None])).squeeze(2)
        context = torch.bmm(energies.softmax(1)[:, None], states).squeeze(1)
        return context, (torch.cat([states, state[:, None]], dim=1), torch.cat([keys, key], dim=1))


__all__ = ["DecoderAttention", "SourceAttention"]
