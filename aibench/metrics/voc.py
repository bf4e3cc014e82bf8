"""Measures mean average precision as PASCAL VOC defines it."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

Array = np.ndarray[Any, Any]
RECALLS = np.arange(0.0, 1.1, 0.1)


class VOC07mAP(Metric):
    """Measures the mean over classes of VOC2007's average precision, in 0 to 1 (Everingham et al. 2010, section 4.2).

    The rules, as the development kit and py-faster-rcnn's `voc_eval` have them:

    - Boxes are (left, top, right, bottom) in inclusive pixels: (0, 0, 9, 9) is ten pixels wide.
    - The detections of a class, best score first, are each compared with the object of that class in their image that
      they overlap most. An overlap (intersection over union) of more than `threshold` with an object that no better
      detection has taken is a true positive; with a taken one, or a lesser overlap, a false positive. A detection
      of a difficult object is neither, and difficult objects are not missed.
    - Average precision is the mean, over the recalls 0, 0.1, ... 1, of the best precision at that recall or a higher
      one. The recalls are those of `numpy.arange(0, 1.1, 0.1)`, where 0.30000000000000004 is one of them: 3 objects of
      10 do not reach it, there or here.

    Equal scores keep the order in which they came. A class without objects is left out of the mean; VOC's own code
    would count it as 0, and its test set has none such.

    Args:
        classes: Number of classes; labels run from 1 to it.
        threshold: What an overlap must exceed.
        eleven_point: VOC2007's mean over eleven recalls; else the area under the curve, VOC's rule since 2010.

    >>> there = {"boxes": torch.tensor([[0.0, 0, 9, 9]]), "labels": torch.tensor([1])}
    >>> found = VOC07mAP(classes=1)
    >>> found.update([there | {"scores": torch.tensor([0.9])}], [there | {"difficult": torch.tensor([False])}])
    >>> found.compute().item()
    1.0
    """

    higher_is_better = True
    is_differentiable = False
    full_state_update = False

    scores: list[Tensor]
    labels: list[Tensor]
    hits: list[Tensor]
    image: list[Tensor]
    objects: list[Tensor]

    def __init__(self, classes: int, threshold: float = 0.5, eleven_point: bool = True) -> None:
        super().__init__()
        self.classes = classes
        self.threshold = threshold
        self.eleven_point = eleven_point
        # Whether a detection is a hit depends on its own image alone, so that this is all that processes must share.
        for name in ("scores", "labels", "hits", "image", "objects"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(
        self, detections: list[dict[str, Tensor]], targets: list[dict[str, Tensor]], first: int | None = None
    ) -> None:
        """Add images.

        Args:
            detections: For each image `boxes`, float (detections, 4), `scores` and `labels`, (detections,).
            targets: For each image `boxes`, float (objects, 4), `labels` and `difficult`, bool, (objects,).
            first: Place of the first image among all that are judged; after those that came before, if None.
        """
        boxes, image = _joined(detections, "boxes")
        scores, labels = _joined(detections, "scores")[0], _joined(detections, "labels")[0]
        true_boxes, true_image = _joined(targets, "boxes")
        true_labels, difficult = _joined(targets, "labels")[0], _joined(targets, "difficult")[0].bool()
        before = sum(len(images) for images in self.objects) if first is None else first
        cells = (true_image * (self.classes + 1) + true_labels)[~difficult]
        counts = torch.bincount(cells, minlength=len(targets) * (self.classes + 1))
        self.objects.append(counts.view(len(targets), -1))

        order = torch.sort(scores, descending=True, stable=True).indices
        boxes, image, labels = boxes[order], image[order], labels[order]
        comparable = (image[:, None] == true_image) & (labels[:, None] == true_labels)
        overlap, nearest = _best_overlap(boxes, true_boxes, comparable)
        found = overlap > self.threshold
        ignored = found.clone()
        ignored[found] = difficult[nearest[found]]
        hits = found & ~ignored & _first_of_each(nearest, found, len(true_boxes))

        back = torch.argsort(order)  # the order in which they came decides between equal scores of other batches
        kept = ~ignored[back]
        self.scores.append(scores[kept].float())
        self.labels.append(labels[back][kept])
        self.hits.append(hits[back][kept])
        self.image.append(image[back][kept] + before)

    def compute(self) -> Tensor:
        """Return the mean, float64 (); 0 where no class has objects."""
        average_precision = self.per_class()
        present = average_precision[~average_precision.isnan()]
        return present.mean() if len(present) else average_precision.new_zeros(())

    def per_class(self) -> Tensor:
        """Return the average precision of each class, float64 (classes,); NaN for a class without objects."""
        scores, labels, hits, objects = (self._joined(name) for name in ("scores", "labels", "hits", "objects"))
        result = torch.full((self.classes,), torch.nan, dtype=torch.float64, device=objects.device)
        there = objects.sum(0)
        for label in there.nonzero().flatten().tolist():
            own = labels == label
            order = torch.sort(scores[own], descending=True, stable=True).indices
            result[label - 1] = self._average_precision(hits[own][order].double(), int(there[label]))
        return result

    def images(self) -> ImageScores:
        """Return what each image adds to the mean."""
        names = ("scores", "labels", "hits", "image", "objects")
        with self.sync_context():
            scores, labels, hits, image, objects = (self._joined(name).cpu().numpy() for name in names)
        order = np.argsort(-scores, kind="stable")
        return ImageScores(labels[order], hits[order].astype(bool), image[order], objects[:, 1:], self.eleven_point)

    def _joined(self, name: str) -> Tensor:
        state: list[Tensor] = getattr(self, name)
        if len(state):
            return dim_zero_cat(state)
        return torch.zeros((0, self.classes + 1) if name == "objects" else 0, dtype=torch.int64, device=self.device)

    def _average_precision(self, hits: Tensor, objects: int) -> Tensor:
        """Return the average precision of detections whose `hits`, float64 (detections,), stand best score first."""
        true = hits.cumsum(0)
        recall = true / objects
        precision = true / torch.arange(1, len(hits) + 1, dtype=torch.float64, device=hits.device)
        # The best precision at a recall or a higher one; recall never falls, so that is a running maximum from the end.
        best = torch.cat([precision, precision.new_zeros(1)]).flip(0).cummax(0).values.flip(0)
        if self.eleven_point:
            recalls = torch.from_numpy(RECALLS).to(recall.device)
            return best[torch.searchsorted(recall, recalls)].mean()
        return (torch.diff(recall, prepend=recall.new_zeros(1)) * best[:-1]).sum()


class ImageScores:
    """Holds what each image adds to the mean average precision: its objects, and which of its detections hit one.

    Args:
        labels: The detections' classes, from 1, best score first; int (detections,).
        hits: Whether each hit an object, bool (detections,).
        image: The image of each, int (detections,).
        objects: How many objects of each class an image has, int (images, classes).
        eleven_point: The rule of `VOC07mAP`.
    """

    def __init__(self, labels: Array, hits: Array, image: Array, objects: Array, eleven_point: bool) -> None:
        own = [labels == label for label in range(1, objects.shape[1] + 1)]
        self.detections = [(hits[which].astype(np.float64), image[which]) for which in own]
        self.objects = objects
        self.eleven_point = eleven_point

    def __len__(self) -> int:
        return len(self.objects)

    def value(self, indices: Array) -> float:
        """Return the mean over the images at `indices`, int64 (count,); 0 where they have no object.

        An image that was drawn twice has each detection twice, one after the other. Equal scores keep their order.
        """
        times = np.bincount(indices, minlength=len(self))
        there = times @ self.objects
        found = [
            self._average_precision(hits, times[image], count)
            for (hits, image), count in zip(self.detections, there.tolist(), strict=True)
            if count
        ]
        return float(np.mean(found)) if found else 0.0

    def _average_precision(self, hits: Array, times: Array, objects: int) -> float:
        true, detections = (hits * times).cumsum(), times.cumsum()
        recall, precision = true / objects, true / np.maximum(detections, 1)
        best = np.maximum.accumulate(np.append(precision, 0.0)[::-1])[::-1]
        if self.eleven_point:
            return float(best[np.searchsorted(recall, RECALLS)].mean())
        return float((np.diff(recall, prepend=0.0) * best[:-1]).sum())


def _joined(images: list[dict[str, Tensor]], key: str) -> tuple[Tensor, Tensor]:
    """Return the values of all images, and the image of each, int64."""
    values = [image[key] for image in images]
    counts = torch.tensor([len(value) for value in values], device=values[0].device)
    return torch.cat(values), torch.arange(len(values), device=counts.device).repeat_interleave(counts)


def _best_overlap(boxes: Tensor, true_boxes: Tensor, comparable: Tensor) -> tuple[Tensor, Tensor]:
    """Return each box's largest overlap with a comparable true one, float64 (boxes,), and which it is, int64 (boxes,).

    In float64, as the original: an overlap of exactly 0.5 must not become more.
    """
    if not true_boxes.numel():
        return boxes.new_full((len(boxes),), -1.0), torch.zeros(len(boxes), dtype=torch.int64, device=boxes.device)
    a, b = boxes.double()[:, None], true_boxes.double()[None]
    sides = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2]) + 1).clamp(min=0)
    shared = sides.prod(-1)
    overlap = shared / ((a[..., 2:] - a[..., :2] + 1).prod(-1) + (b[..., 2:] - b[..., :2] + 1).prod(-1) - shared)
    best = overlap.masked_fill(~comparable, -1.0).max(1)
    return best.values, best.indices


def _first_of_each(nearest: Tensor, found: Tensor, objects: int) -> Tensor:
    """Return whether each detection is the first `found` whose nearest object is this one; bool (detections,)."""
    position = torch.arange(len(nearest), device=nearest.device)
    first = torch.full((objects,), len(nearest), device=nearest.device)
    first.scatter_reduce_(0, nearest[found], position[found], "amin")
    is_first = torch.zeros_like(found)
    is_first[found] = first[nearest[found]] == position[found]
    return is_first
