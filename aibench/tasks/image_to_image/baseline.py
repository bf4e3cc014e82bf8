"""Computes how photos that no network has made are scored on the generated streets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import pairwise_distances_argmin
from torch import Tensor

from aibench.contract import Baseline
from aibench.tasks.image_to_image import streets
from aibench.tasks.image_to_image.config import Config
from aibench.tasks.image_to_image.scores import SceneScores, confusions
from aibench.tasks.image_to_image.segmenter import load_small

UNPAIRED = "each class in its one colour, found from the mean map and the mean photo"
WITHHELD = "uses which map belongs to which training photo, which training is not told"
Photos = NDArray[np.uint8]
Classes = NDArray[np.uint8]


def baselines(config: Config, splits: Mapping[str, Any]) -> Iterator[Baseline]:
    """Yield the scores of photos made of the held-out maps by simple means.

    Args:
        config: The run.
        splits: The data set of each part: `UnpairedTensors` of `train`, `PairedTensors` of all others.
    """
    labels, photos = splits["train"].labels.numpy(), splits["train"].photos.numpy()
    held_out = {part: dataset.tensors for part, dataset in splits.items() if part != "train"}
    judge = _Judge(config, {part: classes for part, (_, _, classes) in held_out.items()})
    maps = {part: classes.numpy() for part, (_, _, classes) in held_out.items()}
    yield judge.scored("the maps themselves", {part: colours.numpy() for part, (colours, _, _) in held_out.items()})
    average = photos.mean(0, keepdims=True).round().astype(np.uint8)
    yield judge.scored("the mean training photo", {part: average.repeat(len(maps[part]), 0) for part in maps})
    guessed = colours_of_classes(labels, photos)
    yield judge.scored(
        "colours by least squares", {part: painted(maps[part], guessed) for part in maps}, UNPAIRED, True
    )
    own = streets.scenes("photos", len(photos), config.data.seed)
    means = np.stack([photos.transpose(0, 2, 3, 1)[own == index].mean(0) for index in range(len(streets.CLASSES))])
    yield judge.scored("mean colours", {part: painted(maps[part], means) for part in maps}, WITHHELD, True)
    near = {part: photos[nearest(maps[part], own)] for part in maps}
    yield judge.scored("photo of the nearest training map", near, WITHHELD)


class _Judge:
    """Scores photos through the segmenter."""

    def __init__(self, config: Config, classes: Mapping[str, Tensor]) -> None:
        target = config.target
        self.criteria = (target.pixel_accuracy, target.class_accuracy, target.class_iou)
        self.segmenter = load_small(config.data.segmenter_size)
        self.classes = classes

    def scored(self, name: str, made: Mapping[str, Photos], note: str = "", unbeaten: bool = False) -> Baseline:
        quality = {}
        for part, classes in self.classes.items():
            seen = self.segmenter(torch.from_numpy(made[part]), classes.shape[1:])
            scores = SceneScores(confusions(classes.long(), seen, len(streets.CLASSES)), self.criteria)
            quality[part] = scores.value(np.arange(len(scores)))
        return Baseline(name, quality, note, unbeaten)


def colours_of_classes(labels: Photos, photos: Photos) -> NDArray[np.float64]:
    """Return the colours, float (classes, 3), that explain the mean photo best, from unpaired maps and photos.

    The mean photo has in each pixel the classes' colours, each times the share of the maps that have the class there.
    """
    palette = streets.coloured(np.arange(len(streets.CLASSES), dtype=np.uint8)[:, None, None])
    shares = np.stack([(labels == colour).all(1).mean(0).ravel() for colour in palette], axis=1)
    colours: NDArray[np.float64] = np.linalg.lstsq(shares, photos.mean(0).reshape(3, -1).T)[0]
    return colours


def painted(classes: Classes, colours: NDArray[np.float64]) -> Photos:
    """Return photos, uint8 (scenes, 3, height, width), in which each class has its one colour, (classes, 3)."""
    pixels = colours.clip(0, 255).round().astype(np.uint8)[classes]
    return np.ascontiguousarray(np.moveaxis(pixels, 3, 1))


def nearest(classes: Classes, own: Classes) -> NDArray[np.int64]:
    """Return for each of the maps `classes` the place of the map of `own` with the most pixels in common."""
    ours, theirs = (
        np.eye(len(streets.CLASSES), dtype=np.float32)[maps].reshape(len(maps), -1) for maps in (classes, own)
    )
    found: NDArray[np.int64] = pairwise_distances_argmin(ours, theirs)
    return found
