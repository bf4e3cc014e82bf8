"""Builds a convolutional encoder, and an LSTM that writes what it saw (Vinyals et al. 2015, arXiv 1411.4555)."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import inception_v3, resnet152

from aibench.nn.weights import backbone_state
from aibench.tasks.image_to_text.config import Encoder, ModelConfig
from aibench.text.beam import beam_search
from aibench.text.vocabulary import BOS, PAD, UNK

State = tuple[Tensor, Tensor]


class Eye(nn.Module):
    """Encodes an image as a word of the decoder's language. Its linear layer and what follows always learn.

    Args:
        config: `encoder`, `weights`, `frozen`, `width`, `blocks`, `size` and `embedding` are used.

    Raises:
        ConfigError: The file of weights does not fit the encoder.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.frozen = config.frozen
        self.network, features = _network(config)
        self.network.requires_grad_(not config.frozen)
        self.linear = nn.Linear(features, config.embedding)
        self.normalisation = nn.BatchNorm1d(config.embedding, momentum=config.momentum)

    def train(self, mode: bool = True) -> Eye:
        """Switch to training or evaluation, but leave a frozen network's batch normalisation in evaluation."""
        super().train(mode)
        if self.frozen:
            self.network.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        """Return float (batch, embedding) for normalised images, float (batch, 3, size, size)."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            features = self.network(images)
        word: Tensor = self.normalisation(self.linear(features)).float()
        return word


class Writer(nn.Module):
    """Reads the image, then `BOS` and each word, and after each gives the next word's logits.

    Args:
        words: Length of the vocabulary.
        config: `embedding`, `hidden` and `forget_bias` are used.
    """

    def __init__(self, words: int, config: ModelConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, config.embedding)
        self.lstm = nn.LSTM(config.embedding, config.hidden, batch_first=True)
        bias: Any = self.lstm.bias_hh_l0  # input, forget, cell and output gates, one after the other
        with torch.no_grad():
            bias[config.hidden : 2 * config.hidden] += config.forget_bias
        self.linear = nn.Linear(config.hidden, words)

    def forward(self, seen: Tensor, captions: Tensor) -> Tensor:
        """Return the logits of what follows each word, float (captions, words, vocabulary).

        Args:
            seen: Float (captions, embedding), of each caption's image.
            captions: int64 (captions, words), from `BOS` on.
        """
        hidden, _ = self.lstm(torch.cat([seen[:, None], self.embedding(captions)], dim=1))
        logits: Tensor = self.linear(hidden[:, 1:])
        return logits

    def written(self, seen: Tensor, beams: int, longest: int) -> list[list[int]]:
        """Return the best caption that is found for each image, as indices, without `BOS`, `EOS` and `UNK`.

        Args:
            seen: Float (images, embedding).
            beams: Captions that are kept of each image.
            longest: Words of a caption, at most.
        """
        start = self._step(seen, tuple(seen.new_zeros(2, len(seen), self.lstm.hidden_size)))[1]

        def step(words: Tensor, state: State) -> tuple[Tensor, State]:
            hidden, state = self._step(self.embedding(words), state)
            logits = self.linear(hidden).float()
            logits[:, [PAD, BOS, UNK]] = -torch.inf  # no reader wants them
            return logits.log_softmax(1), state

        return beam_search(step, start, batch=len(seen), beams=beams, longest=longest)

    def _step(self, inputs: Tensor, state: Any) -> tuple[Tensor, State]:
        """Return the LSTM's output and state, (rows, hidden) each, after one more input, float (rows, embedding)."""
        hidden, cell = (part[None].contiguous() for part in state)
        output, (hidden, cell) = self.lstm(inputs[:, None], (hidden, cell))
        return output[:, 0], (hidden[0], cell[0])


def _network(config: ModelConfig) -> tuple[nn.Module, int]:
    """Build the encoder's network; return also how many features it gives, float (batch, features)."""
    match config.encoder:
        case Encoder.small:
            assert config.width is not None
            assert config.blocks is not None
            return _small(config.width, config.blocks, config.size)
        case Encoder.resnet152:
            network: Any = resnet152()  # no `weights`: nothing is downloaded
        case Encoder.inception_v3:
            network = inception_v3(transform_input=True, init_weights=False)  # its weights expect pixels of -1 to 1
    if config.weights is not None:
        network.load_state_dict(backbone_state(network, config.weights), strict=False)
    if config.encoder is Encoder.inception_v3:
        network.aux_logits, network.AuxLogits = False, None  # they belong to the classifier that it was trained as
    features: int = network.fc.in_features
    network.fc = nn.Identity()
    return network, features


def _small(width: int, blocks: int, size: int) -> tuple[nn.Module, int]:
    """Build convolutions that halve height and width.

    What is left at each place is a feature: where things are counts.
    """
    channels = [3, *(width * 2**block for block in range(blocks))]
    layers: list[tuple[str, nn.Module]] = []
    for block in range(blocks):
        convolution = nn.Conv2d(channels[block], channels[block + 1], 3, stride=2, padding=1, bias=False)
        layers.append((f"block{block}", nn.Sequential(convolution, nn.BatchNorm2d(channels[block + 1]), nn.ReLU())))
        size = (size + 1) // 2
    return nn.Sequential(OrderedDict([*layers, ("flatten", nn.Flatten())])), channels[-1] * size**2
