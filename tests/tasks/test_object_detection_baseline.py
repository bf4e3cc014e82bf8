"""Object detection: what needs no network."""

from __future__ import annotations

import numpy as np
import torch

from aibench.tasks.object_detection import baseline
from aibench.tasks.object_detection.data import Scenes
from aibench.tasks.object_detection.scenes import scenes


def test_a_light_and_a_dark_blob_of_a_digits_size_are_boxed_and_a_small_one_is_not():
    pictures = torch.full((1, 3, 96, 96), 128, dtype=torch.uint8)
    pictures[0, :, 10:40, 20:35] = 255
    pictures[0, :, 60:85, 50:60] = 0
    pictures[0, :, 50:55, 80:85] = 255
    (boxes,) = baseline._blobs(pictures)
    assert {(20, 10, 35, 40), (50, 60, 60, 85)} <= {tuple(box) for box in boxes.int().tolist()}
    assert (boxes[:, 0] < 70).all(), "5 pixels are too few"


def test_patches_are_alike_light_on_dark_and_dark_on_light_with_mean_0_and_length_1():
    picture = torch.full((3, 48, 48), 50, dtype=torch.uint8)
    picture[:, 15:33, 20:24] = 200
    pictures = torch.stack([picture, 250 - picture])
    box = torch.tensor([[12.0, 12, 36, 36]])
    first, second = baseline._patches(pictures, [box, box])
    np.testing.assert_allclose(first, second, atol=1e-5)
    assert abs(first.mean()) < 1e-6
    np.testing.assert_allclose(np.linalg.norm(first), 1, rtol=1e-4)


def test_the_prior_has_every_class_at_its_frequency_on_a_grid_within_the_picture():
    target = {"boxes": torch.tensor([[0.0, 0, 20, 30], [10, 10, 30, 40]]), "labels": torch.tensor([3, 3])}
    other = {"boxes": torch.tensor([[5.0, 5, 25, 35], [40, 40, 60, 70]]), "labels": torch.tensor([1, 3])}
    always = baseline._prior([target, other], 96)
    assert len(always["boxes"]) == 10 * 10 * 9  # left edges 0 to 72, top edges 0 to 64
    assert always["boxes"].max() <= 96
    sides = always["boxes"][:, 2:] - always["boxes"][:, :2]
    assert sides.unique(dim=0).tolist() == [[20, 30]]
    share = dict(zip(always["labels"].tolist(), always["scores"].tolist(), strict=True))
    assert [share[label] for label in (1, 2, 3)] == [0.25, 0, 0.75]


def test_blobs_with_their_neighbours_find_more_than_the_prior_and_all_parts_are_judged():
    parts = {part: Scenes(*scenes(part, count, 96, 0)) for part, count in (("train", 60), ("val", 20), ("test", 20))}
    prior, blobs = baseline.baselines(parts)
    assert set(prior.quality) == set(blobs.quality) == {"val", "test"}
    assert prior.quality["val"] < 0.05 < blobs.quality["val"] < 1
