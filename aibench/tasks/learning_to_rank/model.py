"""Builds Caser, the convolutional sequence embedding recommender (Tang & Wang, WSDM 2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aibench.tasks.learning_to_rank.config import Activation, ModelConfig

ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    Activation.identity: nn.Identity,
    Activation.relu: nn.ReLU,
    Activation.tanh: nn.Tanh,
    Activation.sigmoid: nn.Sigmoid,
}
PADDING = 0


class HorizontalFilters(nn.Module):
    """Runs filters over whole rows of the embedded sequence, each followed by its maximum over time.

    A filter of height h is a linear map of h embeddings in a row, at every place where they fit. As a matrix product
    of each place this takes a third of the time on a CPU of the same thing written as a convolution with one channel.

    Args:
        length: Embeddings in a sequence, L.
        dimensions: The length d of an embedding.
        filters: Filters of each height 1 to L.
        activation: Before the maximum.
    """

    def __init__(self, length: int, dimensions: int, filters: int, activation: nn.Module) -> None:
        super().__init__()
        self.length = length
        self.activation = activation
        self.filters = nn.ModuleList(nn.Linear(height * dimensions, filters) for height in range(1, length + 1))

    def forward(self, embedded: Tensor) -> Tensor:
        """Return the maxima, float (batch, length * filters), over embeddings, float (batch, length, dimensions)."""
        strongest = []
        for height, linear in enumerate(self.filters, start=1):
            places = range(self.length - height + 1)
            answers = [linear(embedded[:, at : at + height].flatten(1)) for at in places]
            strongest.append(self.activation(torch.stack(answers, dim=1)).amax(1))
        return torch.cat(strongest, dim=1)


class Caser(nn.Module):
    """Scores items as the next of a user who has just been with some others.

    Horizontal and vertical filters read the embeddings of the last L items, a fully-connected layer makes d numbers
    of them, the user's embedding adds d more, and an item's score is their product with its own 2d weights, plus
    its bias (Tang & Wang, WSDM 2018, section 3; WSDM's ReLU is a sigmoid and an identity in the KDD 2018 code).

    Args:
        users: Number of users.
        items: Number of items, without the padding item 0.
        dimensions: d.
        config: Filters, dropout, activations.
    """

    def __init__(self, users: int, items: int, dimensions: int, config: ModelConfig) -> None:
        super().__init__()
        length = config.sequence_length
        self.user_embedding = nn.Embedding(users, dimensions)
        self.item_embedding = nn.Embedding(items + 1, dimensions, padding_idx=PADDING)
        self.vertical = nn.Linear(length, config.vertical_filters)
        activation = ACTIVATIONS[config.convolution_activation]()
        self.horizontal = HorizontalFilters(length, dimensions, config.horizontal_filters, activation)
        width = config.vertical_filters * dimensions + config.horizontal_filters * length
        self.dropout = nn.Dropout(config.dropout)
        self.sequence = nn.Sequential(nn.Linear(width, dimensions), ACTIVATIONS[config.sequence_activation]())
        self.output_embedding = nn.Embedding(items + 1, 2 * dimensions)
        self.output_bias = nn.Embedding(items + 1, 1)
        for embedding in (self.user_embedding, self.item_embedding, self.output_embedding):
            nn.init.normal_(embedding.weight, std=1 / embedding.embedding_dim)
        nn.init.zeros_(self.output_bias.weight)
        with torch.no_grad():
            self.item_embedding.weight[PADDING].zero_()

    def forward(self, users: Tensor, sequences: Tensor, items: Tensor) -> Tensor:
        """Return the scores of some items.

        Args:
            users: int64 (batch,).
            sequences: int64 (batch, length); the items before, oldest first, 0 where there was none.
            items: int64 (batch, any).

        Returns:
            float (batch, any); the sigmoid of a score is a probability.
        """
        return self.score(self.encode(users, sequences), items)

    def encode(self, users: Tensor, sequences: Tensor) -> Tensor:
        """Return what users are after, float (batch, 2 * dimensions)."""
        embedded = self.item_embedding(sequences)
        vertical = self.vertical(embedded.transpose(1, 2)).flatten(1)
        read = torch.cat([vertical, self.horizontal(embedded)], dim=1)
        return torch.cat([self.sequence(self.dropout(read)), self.user_embedding(users)], dim=1)

    def score(self, encoded: Tensor, items: Tensor) -> Tensor:
        """Return scores, float (batch, any), of `items`, int64 (batch, any), for `encoded`, float (batch, 2d)."""
        products = self.output_embedding(items) * encoded.unsqueeze(1)  # faster than bmm, on a CPU
        scores: Tensor = products.sum(2) + self.output_bias(items).squeeze(2)
        return scores

    def score_alike(self, encoded: Tensor, items: Tensor) -> Tensor:
        """Return scores, float (batch, any), of the same items for all, int64 (any,)."""
        return torch.addmm(self.output_bias(items).T, encoded, self.output_embedding(items).T)

    def score_all(self, encoded: Tensor) -> Tensor:
        """Return the scores of every item, the padding item 0 included, float (batch, items + 1)."""
        return torch.addmm(self.output_bias.weight.T, encoded, self.output_embedding.weight.T)
