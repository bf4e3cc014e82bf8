"""Says which digit an image shows; its features are what the kernel distance compares.

The weights are a file of this room, so that every machine measures with the same ones. To train them anew, on the
digits that the miniature trains on: `python -m aibench.tasks.image_generation.classifier`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from aibench.contract import digest
from aibench.tasks.image_generation.mnist import digits
from aibench.vision.pixels import to_float

FILE = Path(__file__).with_name("classifier.npz")
FEATURES = 64
_EPOCHS, _BATCH, _LR, _NOISE = 12, 50, 2e-3, 0.1


class Classifier(nn.Module):
    """Computes features of digits, float (batch, 1, 16, 16) in -1 to 1, and by them what digit each is.

    Two convolutions and a linear layer lead to 64 features, which are scaled such that those of the training digits
    have a mean square of 1.
    """

    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(512, FEATURES),
            nn.ReLU(),
        )
        self.head = nn.Linear(FEATURES, 10)
        self.register_buffer("scale", torch.ones(()))

    def forward(self, images: Tensor) -> Tensor:
        """Return the features of `images`, float (batch, 64)."""
        features: Tensor = self.body(images) * self.scale
        return features

    def logits(self, images: Tensor) -> Tensor:
        """Return how much `images` look like each digit, float (batch, 10)."""
        logits: Tensor = self.head(self.body(images))
        return logits


def trained() -> Classifier:
    """Return the classifier with the weights of the file, in evaluation mode and without gradients."""
    with torch.device("meta"):  # first weights are not drawn: random numbers of the training stay as they are
        classifier = Classifier()
    with np.load(FILE) as arrays:
        weights = {name: torch.from_numpy(arrays[name].astype(np.float32)) for name in arrays.files}
    classifier.load_state_dict(weights, assign=True)
    return classifier.eval().requires_grad_(False)


def fingerprint() -> str:
    """Return the digest of the weights."""
    return digest(*trained().state_dict().values())


def train() -> Classifier:
    """Train a classifier on the digits that the miniature trains on."""
    torch.manual_seed(0)
    images, labels = (torch.from_numpy(array) for array in digits("train", None, 0))
    pictures, classifier = to_float(images), Classifier()
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=_LR, weight_decay=0.01)
    steps = _EPOCHS * (len(pictures) // _BATCH)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.01, steps)
    for step in range(steps):
        if step % (len(pictures) // _BATCH) == 0:
            order = torch.randperm(len(pictures))
        chosen = order[step % (len(pictures) // _BATCH) * _BATCH :][:_BATCH]
        noisy = pictures[chosen] + _NOISE * torch.randn(_BATCH, 1, 16, 16)
        optimizer.zero_grad()
        cross_entropy(classifier.logits(noisy), labels[chosen]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        classifier.scale.copy_(classifier(pictures).square().mean().rsqrt())
    return classifier


def save(classifier: Classifier) -> None:
    """Write the weights, as numbers of 16 bits."""
    arrays: dict[str, NDArray[np.float16]] = {
        name: value.numpy().astype(np.float16) for name, value in classifier.state_dict().items()
    }
    np.savez_compressed(FILE, **arrays)  # type: ignore[arg-type]


if __name__ == "__main__":
    save(train())
