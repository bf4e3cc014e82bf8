"""Makes digits without a network: what their kernel distance is."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from aibench.contract import Baseline
from aibench.tasks.image_generation import classifier
from aibench.tasks.image_generation.config import EMBEDDED, DataConfig
from aibench.tasks.image_generation.kernel import KernelDistance
from aibench.tasks.image_generation.mnist import digits
from aibench.vision.pixels import to_float

Images = NDArray[np.float64]
Draw = np.random.Generator
_COMPONENTS, _MIXED = 40, 50
_COPIES = "the best that can be: nothing is generated"


def baselines(data: DataConfig) -> Iterator[Baseline]:
    """Yield the kernel distance of digits that are drawn by what the training digits say of them."""
    images, labels = digits("train", data.train_size, data.seed)
    train = _values(images)
    real = {part: _features(_values(digits(part, data.val_size, data.seed)[0])) for part in list(EMBEDDED)[1:]}
    count = max(len(features) for features in real.values())
    for name, make, note in (
        ("training digits", _again, _COPIES),
        ("a normal distribution for each digit", partial(_by_digit, labels=labels), "mean and covariance"),
        ("mixture of 50 normal distributions", _mixture, "by scikit-learn, in the first 40 principal components"),
        ("one normal distribution", _normal, "mean and covariance of the training digits"),
        ("each pixel of a training digit of its own", _pixels, ""),
        ("mean of the training digits", _mean, ""),
        ("noise", _noise, "each pixel alike from black to white"),
    ):
        made = _features(np.clip(make(train, count, np.random.default_rng(data.seed)), -1, 1))
        quality = {
            part: KernelDistance(features, made[: len(features)]).value(np.arange(len(features)))
            for part, features in real.items()
        }
        yield Baseline(name, quality, note, unbeaten=make is _again)


def _values(images: NDArray[np.uint8]) -> Images:
    values: Images = to_float(torch.from_numpy(images)).double().numpy().reshape(len(images), -1)
    return values


def _features(values: Images) -> NDArray[np.float32]:
    with torch.no_grad():
        features: NDArray[np.float32] = classifier.trained()(
            torch.from_numpy(values).float().view(-1, 1, 16, 16)
        ).numpy()
    return features


def _again(train: Images, count: int, draw: Draw) -> Images:
    return train[draw.integers(len(train), size=count)] if count > len(train) else train[:count]


def _normal(train: Images, count: int, draw: Draw) -> Images:
    covariance = np.atleast_2d(np.cov(train.T))
    return draw.multivariate_normal(train.mean(0), covariance, count, method="eigh")


def _by_digit(train: Images, count: int, draw: Draw, labels: NDArray[np.int64]) -> Images:
    shown = labels[draw.integers(len(labels), size=count)]
    made = np.empty((count, train.shape[1]))
    for digit in np.unique(shown):
        made[shown == digit] = _normal(train[labels == digit], int((shown == digit).sum()), draw)
    return made


def _mixture(train: Images, count: int, draw: Draw) -> Images:
    from sklearn.decomposition import PCA
    from sklearn.mixture import GaussianMixture

    parts = PCA(min(_COMPONENTS, len(train)), random_state=0).fit(train)
    mixed = min(_MIXED, len(train))
    mixture = GaussianMixture(mixed, reg_covar=0.01, max_iter=30, tol=0.01, random_state=0)
    made: Images = parts.inverse_transform(mixture.fit(parts.transform(train)).sample(count)[0])
    return made


def _pixels(train: Images, count: int, draw: Draw) -> Images:
    return np.take_along_axis(train, draw.integers(len(train), size=(count, train.shape[1])), axis=0)


def _mean(train: Images, count: int, draw: Draw) -> Images:
    return np.repeat(train.mean(0, keepdims=True), count, axis=0)


def _noise(train: Images, count: int, draw: Draw) -> Images:
    return draw.uniform(-1, 1, (count, train.shape[1]))
