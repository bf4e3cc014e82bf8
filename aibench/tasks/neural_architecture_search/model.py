"""Holds the weights that all cells share (Pham et al., Efficient Neural Architecture Search, ICML 2018, 2.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, embedding, linear

from aibench.tasks.neural_architecture_search.cell import Cell, activate
from aibench.tasks.neural_architecture_search.config import ModelConfig


class SharedWeights(nn.Module):
    """Holds a language model with the weights of every cell that there is; a forward pass runs one of them.

    Node 0 reads the input x and the last state h, another node j its parent's value: with weights of their own for each
    pair of nodes, g = sigmoid(W_g v) and value = g * activation(W_c v) + (1 - g) * v, a highway. The state is the mean
    of the loose ends. The output is its layer normalisation, and the softmax has the embeddings as its weights.

    ENAS' code normalises over the batch, with running means that are those of all the cells sampled so far and fit none
    of them. A layer normalisation has as many parameters, and no memory.

    Args:
        vocabulary: Number of words.
        config: Sizes and dropout.
    """

    def __init__(self, vocabulary: int, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        hidden, blocks = config.hidden, config.blocks
        self.embedding = nn.Parameter(torch.empty(vocabulary, hidden))
        self.from_input = nn.Linear(hidden, 2 * hidden)  # gate, then candidate; the same in all that follow
        self.from_state = nn.Parameter(torch.empty(2 * hidden, hidden))
        self.between = nn.ParameterList(torch.empty(2 * hidden, hidden) for _ in range(blocks * (blocks - 1) // 2))
        self.bias = nn.Parameter(torch.empty(vocabulary))
        for weight in self.parameters():
            nn.init.uniform_(weight, -config.initial, config.initial)
        nn.init.zeros_(self.bias)
        self.norm = nn.LayerNorm(hidden)

    def edge(self, parent: int, node: int) -> Tensor:
        """Return the weights from `parent` to `node`, float (2 * hidden, hidden)."""
        weight: Tensor = self.between[node * (node - 1) // 2 + parent]
        return weight

    def forward(self, words: Tensor, cell: Cell, state: Tensor) -> tuple[Tensor, Tensor]:
        """Read on.

        Args:
            words: int64 (batch, window).
            cell: The child to run.
            state: Each row's state before its first word, float (batch, hidden); zeros at a text's start.

        Returns:
            Logits of the word after each, float (batch, window, vocabulary), and the states after the last.
        """
        config, training = self.config, self.training
        inputs = _at_all_places(self._embedded(words), config.input_dropout, training)
        read = self.from_input(inputs).unbind(1)
        from_state = dropout(self.from_state, config.weight_dropout, training)
        weights = [self.edge(parent, node) for node, parent in enumerate(cell.parents, start=1)]
        states = []
        for step in read:
            state = self._bounded(_next_state(step + linear(state, from_state), state, cell, weights))
            states.append(state)
        outputs = _at_all_places(self.norm(torch.stack(states, 1)), config.output_dropout, training)
        return linear(outputs, self.embedding, self.bias), state

    def _embedded(self, words: Tensor) -> Tensor:
        share = self.config.embedding_dropout
        if not self.training or share == 0:
            return embedding(words, self.embedding)
        kept = dropout(self.embedding.new_ones(len(self.embedding), 1), share)
        return embedding(words, self.embedding) * embedding(words, kept)

    def _bounded(self, state: Tensor) -> Tensor:
        """Scale states down to the largest norm; no gradient goes through the factor, as in ENAS-pytorch."""
        norm = state.detach().norm(dim=1, keepdim=True)
        bounded: Tensor = state * (self.config.largest_state / norm).clamp(max=1)
        return bounded


def _next_state(first: Tensor, state: Tensor, cell: Cell, weights: list[Tensor]) -> Tensor:
    """Return the mean of the loose ends, float (batch, hidden).

    Args:
        first: What node 0 gates and activates, float (batch, 2 * hidden).
        state: The last one, float (batch, hidden).
        cell: The child.
        weights: From its parent to each node but the first.
    """
    values = [_highway(first, state, cell.activations[0])]
    for parent, activation, weight in zip(cell.parents, cell.activations[1:], weights, strict=True):
        value = values[parent]
        values.append(_highway(linear(value, weight), value, activation))
    ends = [values[node] for node in cell.loose_ends]
    return ends[0] if len(ends) == 1 else torch.stack(ends).mean(0)


def _highway(both: Tensor, carried: Tensor, activation: int) -> Tensor:
    """Pass a state through a node; it keeps its precision where the products before it have a lower one."""
    gate, candidate = both.to(carried.dtype).chunk(2, dim=1)
    return torch.lerp(carried, activate(activation, candidate), gate.sigmoid())


def _at_all_places(values: Tensor, share: float, training: bool) -> Tensor:
    """Drop the same elements of `values`, float (batch, window, hidden), at all places of a window.

    This is variational dropout.
    """
    if not training or share == 0:
        return values
    return values * dropout(torch.ones_like(values[:, :1]), share)
