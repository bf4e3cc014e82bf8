"""Image classification: what needs no training of its network."""

from __future__ import annotations

import numpy as np
import torch

from aibench.metrics.scores import Ratio
from aibench.tasks.image_classification.baseline import baselines, oriented_gradients
from aibench.tasks.image_classification.cluttered import HELD_OUT, cluttered_digits


def test_the_nearest_neighbours_are_those_of_a_plain_search():
    parts = {"train": cluttered_digits("train", 200, 0), "val": cluttered_digits("val", 60, 0)}
    found = {baseline.name: baseline.quality for baseline in baselines(parts)}
    pixels = {part: images.flatten(1).long() for part, (images, _) in parts.items()}
    right = 0
    for image, label in zip(pixels["val"], parts["val"][1].tolist(), strict=True):
        nearest = (pixels["train"] - image).square().sum(1).argsort()[:5]
        votes = torch.bincount(parts["train"][1][nearest], minlength=10)
        right += int(votes.argmax()) == label  # of equal votes the least class
    assert found["5 nearest neighbours on pixels"] == {"val": right / 60}
    assert len(found) == 4


def test_a_histogram_of_gradients_counts_directions_without_their_sign():
    ramp = np.zeros((2, 3, 8, 8), dtype=np.uint8)
    ramp[0] = 10 * np.arange(8)  # brightness rises by 10 a pixel to the right
    ramp[1] = 100 - ramp[0]
    features = oriented_gradients(ramp).reshape(2, 4, 9)  # one block of four cells
    expected = np.zeros((4, 9))
    expected[:, 0] = 10 * 16 / (np.sqrt(4 * 160**2) + 1)
    np.testing.assert_allclose(features[0], expected, rtol=1e-6)
    np.testing.assert_allclose(features[1].sum(1), features[0].sum(1), rtol=1e-6)


def test_pictures_of_one_digit_are_one_sample():
    right = np.arange(3 * HELD_OUT) % 4 != 0
    scores = Ratio.of_groups(right, HELD_OUT)
    assert len(scores) == HELD_OUT
    assert scores.value(np.arange(HELD_OUT)) == right.mean()
    drawn = np.array([5, 5, 17])
    pictures = [digit + turn * HELD_OUT for digit in drawn for turn in range(3)]
    assert scores.value(drawn) == right[pictures].mean()
