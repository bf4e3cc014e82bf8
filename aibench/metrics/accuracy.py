"""Measures how often a classifier is right, and names what it finds likeliest."""

from __future__ import annotations

from torch import Tensor
from torchmetrics import Metric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy


def accuracies(classes: int, top: int) -> MetricCollection:
    """Return `val/accuracy` and, where there are more than `top` classes, `val/accuracy_top...`: shares of samples."""
    metrics: dict[str, Metric | MetricCollection] = {"val/accuracy": _top(classes, 1)}
    if classes > top:
        metrics[f"val/accuracy_top{top}"] = _top(classes, top)
    return MetricCollection(metrics, compute_groups=False)


def _top(classes: int, count: int) -> MulticlassAccuracy:
    return MulticlassAccuracy(classes, top_k=count, average="micro", validate_args=False)


def likeliest(logits: Tensor, classes: list[str], top: int) -> list[list[tuple[str, float]]]:
    """Return names and probabilities of the `top` likeliest for each of `logits`, float (batch, classes), descending.

    >>> import torch
    >>> logits = torch.tensor([[0.25, 0.75]]).log()
    >>> [(name, round(probability, 2)) for name, probability in likeliest(logits, ["cat", "dog"], top=1)[0]]
    [('dog', 0.75)]
    """
    found = logits.float().softmax(1).topk(min(top, len(classes)))
    return [
        [(classes[index], probability) for index, probability in zip(indices, values, strict=True)]
        for indices, values in zip(found.indices.tolist(), found.values.tolist(), strict=True)
    ]
