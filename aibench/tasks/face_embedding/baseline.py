"""Says how far distances of pixels, eigenfaces and Fisherfaces come in verifying people whom nobody has seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from aibench.contract import Baseline, Tensors
from aibench.tasks.face_embedding.verification import verify

COMPONENTS = 150  # principal components: of 2,400 pictures these hold all but noise

Vectors = NDArray[np.float64]


def baselines(parts: Mapping[str, Tensors], pairs: NDArray[np.int64]) -> Iterator[Baseline]:
    """Yield how often each distance tells rightly whether a pair is one person's, by the same ten folds.

    Args:
        parts: `train`, to which the projections are fitted, and the held-out parts.
        pairs: Pairs of either held-out part, int64 (pairs, 4): first, second, whether same, fold.
    """
    pixels = {part: (samples.tensors[0].flatten(1).double() / 255).numpy() for part, samples in parts.items()}
    people = parts["train"].tensors[1].numpy()
    for name, model in _projections():
        model.fit(pixels["train"], people)
        quality = {
            part: verified(model.transform(samples), pairs) for part, samples in pixels.items() if part != "train"
        }
        yield Baseline(name, quality)


def _projections() -> list[tuple[str, Any]]:
    components = PCA(COMPONENTS, random_state=0)
    discriminants = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto")
    return [
        ("distance of the pixels", FunctionTransformer()),
        ("eigenfaces (PCA, whitened)", PCA(COMPONENTS, whiten=True, random_state=0)),
        ("Fisherfaces (PCA, then LDA)", make_pipeline(components, discriminants)),
    ]


def verified(vectors: Vectors, pairs: NDArray[np.int64]) -> float:
    """Return the accuracy of `pairs` by the squared distance between `vectors` at length 1, less their mean."""
    centred = vectors - vectors.mean(0)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    first, second, same, fold = pairs.T
    distances = np.square(unit[first] - unit[second]).sum(1)
    verdict = verify(torch.from_numpy(distances), torch.from_numpy(same == 1), torch.from_numpy(fold))
    return float(verdict.accuracy)
