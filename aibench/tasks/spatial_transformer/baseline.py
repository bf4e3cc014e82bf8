"""Says how far classical classifiers come on distorted digits, as they are and put upright by their moments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from aibench.contract import Baseline, Tensors
from aibench.tasks.spatial_transformer.config import SIZE

MOST = 8_000  # training images: more of them make a support vector machine take minutes
COMPONENTS = 50
SPREAD = 5.0  # standard deviation of a digit's ink along either axis, in pixels, once it is normalised

Pixels = NDArray[np.float32]


def baselines(train: Tensors, val: Tensors, test: Tensors) -> Iterator[Baseline]:
    """Yield what each classifier answers rightly, fitted to images of `train` alone.

    With moments they are as good as the transformer is after two minutes.
    """
    images, labels = (tensor[:MOST] for tensor in train.tensors)
    for name, seen, model in _classifiers():
        model.fit(seen(images), labels.numpy())
        quality = {
            part: float(model.score(seen(samples.tensors[0]), samples.tensors[1].numpy()))
            for part, samples in (("val", val), ("test", test))
        }
        yield Baseline(name, quality, unbeaten=seen is normalised)


def _classifiers() -> list[tuple[str, Callable[[Tensor], Pixels], Any]]:
    machine = "support vector machine on 50 principal components"
    return [
        ("3 nearest neighbours by pixels", _as_they_are, KNeighborsClassifier(3)),
        (machine, _as_they_are, _machine()),
        ("3 nearest neighbours, centred and scaled by moments", normalised, KNeighborsClassifier(3)),
        (f"{machine}, centred and scaled by moments", normalised, _machine()),
    ]


def _machine() -> Any:
    return make_pipeline(PCA(COMPONENTS, random_state=0), SVC(C=10))


def _as_they_are(images: Tensor) -> Pixels:
    flat: Pixels = (images.flatten(1).float() / 255).numpy()
    return flat


def normalised(images: Tensor) -> Pixels:
    """Return the images with the middle of the ink in the middle, and its spread the same in all."""
    ink = images[:, 0].double() / 255
    total = ink.sum((1, 2)).clamp(min=1e-9)
    place = torch.arange(SIZE, dtype=torch.float64) - (SIZE - 1) / 2
    x, y = (ink.sum(1) @ place) / total, (ink.sum(2) @ place) / total
    squares = (place - x[:, None]).square(), (place - y[:, None]).square()
    spread = (((ink.sum(1) * squares[0]).sum(1) + (ink.sum(2) * squares[1]).sum(1)) / (2 * total)).sqrt()
    zoom = (spread / SPREAD).clamp(min=1e-3)
    maps = torch.zeros(len(images), 2, 3, dtype=torch.float64)
    maps[:, 0, 0] = maps[:, 1, 1] = zoom
    maps[:, 0, 2], maps[:, 1, 2] = 2 * x / SIZE, 2 * y / SIZE
    grid = affine_grid(maps, [len(images), 1, SIZE, SIZE], align_corners=False)
    sampled = grid_sample(ink[:, None], grid, align_corners=False)
    result: Pixels = sampled.flatten(1).float().numpy()
    return result
