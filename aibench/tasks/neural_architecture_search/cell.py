"""Describes what the controller decides: which node each node of a cell takes, and what it does to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

ACTIVATIONS = ("tanh", "relu", "identity", "sigmoid")
_FUNCTIONS = (torch.tanh, torch.relu, lambda given: given, torch.sigmoid)


@dataclass(frozen=True, slots=True)
class Cell:
    """Describes a recurrent cell: nodes 0 to N - 1 without cycles.

    Attributes:
        activations: An index into `ACTIVATIONS` for each node.
        parents: The earlier node that each node takes; node 0, which takes input and last state, has none.
    """

    activations: tuple[int, ...]
    parents: tuple[int, ...]

    @classmethod
    def of(cls, decisions: Sequence[int]) -> Cell:
        """Build a cell of the controller's decisions: activation of node 0, parent and activation of each other."""
        return cls(tuple(decisions[::2]), tuple(decisions[1::2]))

    @property
    def loose_ends(self) -> list[int]:
        """Return the nodes that no other takes: the cell's output is their mean."""
        return [node for node in range(len(self.activations)) if node not in self.parents]

    def __str__(self) -> str:
        """Return parent and activation of each node, like `tanh, 0 relu, 1 tanh`."""
        names = [ACTIVATIONS[activation] for activation in self.activations]
        others = (f"{parent} {name}" for parent, name in zip(self.parents, names[1:], strict=True))
        return ", ".join([names[0], *others])


def chain(blocks: int) -> list[int]:
    """Return the decisions for a cell of tanh nodes in a row, which stands for a child before the first is derived."""
    return [0, *(decision for node in range(1, blocks) for decision in (node - 1, 0))]


def activate(activation: int, given: Tensor) -> Tensor:
    """Apply the function at index `activation` of `ACTIVATIONS` to each element."""
    return _FUNCTIONS[activation](given)
