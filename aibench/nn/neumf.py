"""Builds NeuMF (He et al., Neural Collaborative Filtering, WWW 2017, arXiv 1708.05031)."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, linear


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
        layers = [nn.Linear(before, after) for before, after in pairwise(widths)]
        self.mlp = nn.Sequential(*(layer for one in layers for layer in (one, nn.ReLU(inplace=True))))
        self.output = nn.Linear(config.factors + widths[-1], 1)
        for table in (self.gmf_users, self.gmf_items, self.mlp_users, self.mlp_items):
            nn.init.normal_(table.weight, std=0.01)
        for layer in layers:
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
        perceived = self.mlp[1:](self._first_layer(users, items))
        logits: Tensor = self.output(torch.cat([factorised, perceived], dim=-1)).squeeze(-1)
        return logits

    def _first_layer(self, users: Tensor, items: Tensor) -> Tensor:
        """Return the perceptron's first layer before its ReLU.

        Its product with a user's and an item's embedding side by side is the sum of its products with each.
        """
        first = self.mlp[0]
        assert isinstance(first, nn.Linear)
        of_users, of_items = torch.split(first.weight, self.mlp_users.embedding_dim, dim=1)
        return _product(users, self.mlp_users, of_users, first.bias) + _product(items, self.mlp_items, of_items)


def _product(indices: Tensor, table: nn.Embedding, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return the product of `weight` with the embedding at each of `indices`, and `bias` added.

    On a CPU each distinct index is multiplied once: a batch of 2,048 pairs of MovieLens 100K has some 690 users and
    1,190 items. A GPU would have to be waited for to know how many they are.
    """
    if indices.device.type != "cpu":
        return linear(table(indices), weight, bias)
    rows, places = torch.unique(indices, return_inverse=True)
    return embedding(places, linear(table(rows), weight, bias))
