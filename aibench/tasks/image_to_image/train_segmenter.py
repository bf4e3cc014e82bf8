"""Trains the small network that scores the generated streets: `python -m aibench.tasks.image_to_image.train_segmenter`.

It was run once, and the file that it wrote is part of the package: no machine trains a yardstick of its own. Where the
streets change, run it again and write its checksum into `segmenter.py`; all scores and targets are then others.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from aibench.tasks.image_to_image import streets
from aibench.tasks.image_to_image.segmenter import WEIGHTS, SmallSegmenter, normalised

SCENES, SEED = 2048, 0
EPOCHS, BATCH, LR = 8, 32, 5e-3


def trained(photos: Tensor, classes: Tensor, epochs: int) -> SmallSegmenter:
    """Return the network, trained on `photos`, uint8 (scenes, 3, 32, 32), of `classes`, int64 (scenes, 32, 32)."""
    torch.manual_seed(SEED)
    network = SmallSegmenter(len(streets.CLASSES))
    images = normalised(photos)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LR)
    steps = epochs * (len(photos) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LR, total_steps=steps)
    for _ in range(epochs):
        for indices in torch.randperm(len(photos)).view(-1, BATCH):
            loss = cross_entropy(network(images[indices]), classes[indices])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    return network.eval()


def write(network: SmallSegmenter, path: Path) -> str:
    """Write the weights in half precision, and return the SHA-256 of the file."""
    state = {name: value.numpy() for name, value in network.state_dict().items()}
    halved = {name: value.astype(np.float16) if value.dtype == np.float32 else value for name, value in state.items()}
    np.savez_compressed(path, **halved)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """Train the network on scenes of its own, and write it where the package ships it from."""
    torch.set_num_threads(1)
    pairs = streets.pairs("segmenter", SCENES, SEED)
    network = trained(torch.from_numpy(pairs.photos), torch.from_numpy(pairs.classes).long(), EPOCHS)
    sys.stdout.write(f"{write(network, WEIGHTS)}\n")


if __name__ == "__main__":
    main()
