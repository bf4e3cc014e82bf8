"""Builds NeuMF (He et al., Neural Collaborative Filtering, WWW 2017, arXiv 1708.05031)."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor, nn


class Widths(Protocol):
    """Holds the sizes of the network.

    Attributes:
        factors: Dimensions of the embeddings whose product is the generalised matrix factorisation.
        layers: Widths of the perceptron: of its input, half of it the user's embedding and half the item's, and of its
            layers.
    """

    factors: int
    layers: list[int]


class NeuMF(nn.Module):
    """Joins a generalised matrix factorisation and a perceptron, each with its own embeddings, by a linear layer.

    First weights are those of MLPerf's `neumf.py`: embeddings N(0, 0.01), the perceptron's weights as Glorot's, the
    last layer's as LeCun's. The two halves are trained together from scratch, without the paper's pre-training (3.4.1).

    Args:
        users: Number of users.
        items: Number of items.
        config: Widths.
    """

    def __init__(self, users: int, items: int, config: Widths) -> None:
        super().__init__()
        widths = config.layers
        self.gmf_users, self.gmf_items = nn.Embedding(users, config.factors), nn.Embedding(items, config.factors)
        self.mlp_users, self.mlp_items = nn.Embedding(users, widths[0] // 2), nn.Embedding(items, widths[0] // 2)
        linear = [nn.Linear(before, after) for before, after in pairwise(widths)]
        self.mlp = nn.Sequential(*(layer for one in linear for layer in (one, nn.ReLU())))
        self.output = nn.Linear(config.factors + widths[-1], 1)
        for embedding in (self.gmf_users, self.gmf_items, self.mlp_users, self.mlp_items):
            nn.init.normal_(embedding.weight, std=0.01)
        for layer in linear:
            nn.init.xavier_uniform_(layer.weight)
        limit = math.sqrt(3 / self.output.in_features)
        nn.init.uniform_(self.output.weight, -limit, limit)

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """Return how likely users are to take items, before the sigmoid.

        Args:
            users: Whole numbers, from 0.
            items: Whole numbers, from 1; of a shape that broadcasts with that of `users`.

        Returns:
            float, of the common shape.
        """
        items = items - 1
        factorised = self.gmf_users(users) * self.gmf_items(items)
        pair = torch.broadcast_tensors(self.mlp_users(users), self.mlp_items(items))  # type: ignore[no-untyped-call]
        perceived = self.mlp(torch.cat(pair, dim=-1))
        logits: Tensor = self.output(torch.cat([factorised, perceived], dim=-1)).squeeze(-1)
        return logits
