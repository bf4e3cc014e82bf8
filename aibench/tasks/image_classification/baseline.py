"""Computes what classical classifiers make of the generated samples, from the training part alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import Tensor

from aibench.contract import Baseline

CELL = 4  # height and width of the cells of which gradients are counted, in pixels
DIRECTIONS = 9  # of a gradient, without its sign, in Dalal & Triggs (2005)
Features = NDArray[np.floating]


def baselines(parts: Mapping[str, tuple[Tensor, ...]]) -> Iterator[Baseline]:
    """Yield the classifiers, each trained on `train` and judged on all other parts.

    Args:
        parts: Images, uint8 (images, 3, height, width), and their classes, int64 (images,), of each part.
    """
    labels = {part: classes.numpy() for part, (_, classes) in parts.items()}
    pixels = {part: (images.numpy() / np.float32(255)).reshape(len(images), -1) for part, (images, _) in parts.items()}
    gradients = {part: oriented_gradients(images.numpy()) for part, (images, _) in parts.items()}
    yield _judged("5 nearest neighbours on pixels", KNeighborsClassifier(5), pixels, labels)
    logistic = make_pipeline(StandardScaler(), LogisticRegression(C=1e-3, max_iter=100, tol=1e-2))
    yield _judged("logistic regression on pixels", logistic, pixels, labels)
    components = make_pipeline(PCA(100, whiten=True, random_state=0), SVC(C=10))
    yield _judged("100 principal components of the pixels, kernel SVM", components, pixels, labels)
    yield _judged("100 principal components of oriented gradients, kernel SVM", components, gradients, labels)


def _judged(name: str, classifier: Any, features: Mapping[str, Features], labels: dict[str, Any]) -> Baseline:
    classifier.fit(features["train"], labels["train"])
    others = [part for part in features if part != "train"]
    return Baseline(name, {part: float(classifier.score(features[part], labels[part])) for part in others})


def oriented_gradients(images: NDArray[np.uint8]) -> Features:
    """Return histograms of the directions of brightness gradients in cells of 4x4 pixels, float (images, features).

    They are those of Dalal & Triggs (2005) without overlap in direction and place: blocks of 2x2 cells, each block's
    histograms divided by their length. A gradient's sign is left out, so that light on dark is as dark on light.

    Args:
        images: uint8 (images, 3, height, width).
    """
    grey = images.astype(np.float32).mean(1)
    down, across = np.gradient(grey, axis=(1, 2))
    strength = np.hypot(down, across)
    direction = (np.arctan2(down, across) % np.pi * (DIRECTIONS / np.pi)).astype(np.int64) % DIRECTIONS
    count, height, width = grey.shape
    cells = (count, height // CELL, CELL, width // CELL, CELL)
    histograms = np.stack(
        [np.where(direction == one, strength, 0).reshape(cells).sum((2, 4)) for one in range(DIRECTIONS)], axis=3
    )
    blocks = np.concatenate(
        [histograms[:, :-1, :-1], histograms[:, 1:, :-1], histograms[:, :-1, 1:], histograms[:, 1:, 1:]], axis=3
    )
    blocks /= np.linalg.norm(blocks, axis=3, keepdims=True) + 1
    features: Features = blocks.reshape(count, -1).astype(np.float32)
    return features
