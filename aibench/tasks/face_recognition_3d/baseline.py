"""Says how far nearest neighbours, linear classifiers and Fisherfaces come in recognising a closed set of people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from aibench.contract import Baseline, Tensors

COMPONENTS = 150


def baselines(parts: Mapping[str, Tensors]) -> Iterator[Baseline]:
    """Yield what each classifier recognises from colours and depths, fitted to the pictures of `train` alone."""
    pixels = {part: (samples.tensors[0].flatten(1).float() / 255).numpy() for part, samples in parts.items()}
    people = {part: samples.tensors[1].numpy() for part, samples in parts.items()}
    for name, model in _classifiers():
        model.fit(pixels["train"], people["train"])
        quality = {part: float(model.score(pixels[part], people[part])) for part in parts if part != "train"}
        yield Baseline(name, quality)


def _classifiers() -> list[tuple[str, Any]]:
    def components(whiten: bool = False) -> PCA:
        return PCA(COMPONENTS, whiten=whiten, random_state=0)

    return [
        ("nearest picture by its pixels", KNeighborsClassifier(1)),
        (
            "nearest picture by eigenfaces (PCA, whitened)",
            make_pipeline(components(whiten=True), KNeighborsClassifier(1)),
        ),
        (
            "Fisherfaces (PCA, then LDA)",
            make_pipeline(components(), LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto")),
        ),
        ("support vector machine (RBF) on eigenfaces", make_pipeline(components(whiten=True), SVC(C=10))),
    ]
