"""Measures how often a classifier is right, and names what it finds likeliest."""

from __future__ import annotations

from torch import Tensor
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy

TOP = 5


def accuracies(classes: int) -> MetricCollection:
    """Return `val/accuracy`, and `val/accuracy_top5` where there are more than 5 classes: shares of the samples."""
    metrics: dict[str, Metric | MetricCollection] = {"val/accuracy": _top(classes, 1)}
    if classes > TOP:
        metrics[f"val/accuracy_top{TOP}"] = _top(classes, TOP)
    return MetricCollection(metrics, compute_groups=False)


def _top(classes: int, count: int) -> MulticlassAccuracy:
    return MulticlassAccuracy(classes, top_k=count, average="micro", validate_args=False)


def likeliest(logits: Tensor, classes: list[str]) -> list[list[tuple[str, float]]]:
    """Return for each of `logits`, float (batch, classes), the names and probabilities of the 5 likeliest, descending.

    >>> import torch
    >>> logits = torch.tensor([[0.25, 0.75]]).log()
    >>> [(name, round(probability, 2)) for name, probability in likeliest(logits, ["cat", "dog"])[0]]
    [('dog', 0.75), ('cat', 0.25)]
    """
    found = logits.float().softmax(1).topk(min(TOP, len(classes)))
    return [
        [(classes[index], probability) for index, probability in zip(indices, values, strict=True)]
        for indices, values in zip(found.indices.tolist(), found.values.tolist(), strict=True)
    ]
