"""Draws pictures with boxes, for a person."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from aibench.tasks.object_detection.data import Batch

SHOWN = 0.5  # the least score of a detection that is drawn
COLUMNS, ROWS = 4, 2


def draw(batch: Batch, detections: list[dict[str, Tensor]], classes: list[str]) -> Figure:
    """Draw the first eight images: what is there in dashes, what was found in full lines, with class and score.

    Args:
        batch: Images, uint8 (3, height, width), and their targets.
        detections: `boxes`, `labels` and `scores` of each image.
        classes: Names; label 1 is the first.
    """
    figure = Figure(figsize=(12, 6.4), layout="constrained")
    axes = figure.subplots(ROWS, COLUMNS).flatten().tolist()
    for axis in axes:
        axis.set_axis_off()
    for axis, image, target, found in zip(axes, *batch, detections, strict=False):
        axis.imshow(image.permute(1, 2, 0).cpu().numpy())
        for box, label in zip(target["boxes"].tolist(), target["labels"].tolist(), strict=True):
            _outline(axis, box, "white", "--")
            axis.text(box[0], box[3], classes[label - 1], color="white", fontsize=8, va="top", bbox=_ground("black"))
        shown = found["scores"] >= SHOWN
        rows = zip(*(found[key][shown].tolist() for key in ("boxes", "labels", "scores")), strict=True)
        for box, label, score in reversed(list(rows)):  # the best-scored on top
            _outline(axis, box, "orangered", "-")
            text = f"{classes[label - 1]} {score:.2f}"
            axis.text(box[0], box[1], text, color="white", fontsize=8, va="bottom", bbox=_ground("orangered"))
    figure.suptitle(f"found with a score of at least {SHOWN} (full lines), and what is there (dashes)")
    return figure


def _outline(axis: Any, box: list[float], colour: str, style: str) -> None:
    left, top, right, bottom = (edge - 0.5 for edge in box)  # imshow centres a pixel on its index
    axis.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, ec=colour, ls=style, lw=1.5))


def _ground(colour: str) -> dict[str, Any]:
    return {"facecolor": colour, "edgecolor": "none", "pad": 1, "alpha": 0.7}
