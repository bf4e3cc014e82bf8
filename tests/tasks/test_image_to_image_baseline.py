"""Image-to-image translation: photos that no network has made, and what each scene adds to the criteria."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, jaccard_score, recall_score

from aibench.tasks.image_to_image import streets
from aibench.tasks.image_to_image.baseline import colours_of_classes, nearest, painted
from aibench.tasks.image_to_image.data import Data
from aibench.tasks.image_to_image.scores import SceneScores, confusions
from aibench.tasks.image_to_image.segmenter import load_small

TASK = "task=image_to_image"


def test_the_colours_are_found_from_maps_and_photos_of_other_scenes():
    colours = np.random.default_rng(0).integers(20, 236, (7, 3)).astype(float)
    labels = streets.coloured(streets.scenes("labels", 3000, 0))
    photos = painted(streets.scenes("photos", 3000, 0), colours)
    assert abs(colours_of_classes(labels, photos) - colours).max() < 30, "persons are rare"


def test_the_nearest_map_has_the_most_pixels_in_common():
    maps, own = streets.scenes("val", 20, 0), streets.scenes("photos", 50, 0)
    common = (maps[:, None] == own).sum((2, 3))
    for found, row in zip(nearest(maps, own), common, strict=True):
        assert row[found] == row.max()


def test_baselines_are_scored_as_the_module_scores(composed):
    config = composed(TASK, "data.train_size=40", "data.val_size=12")
    data = Data(config)
    found = {baseline.name: baseline for baseline in data.baselines()}
    assert [set(baseline.quality) for baseline in found.values()] == [{"val", "test"}] * 5
    assert [name for name, one in found.items() if one.unbeaten] == ["colours by least squares", "mean colours"]
    labels, _, classes = data.dataset("test").tensors
    seen, true = load_small([32, 32])(labels, classes.shape[1:]).flatten().numpy(), classes.flatten().numpy()
    target = config.target
    expected = min(
        accuracy_score(true, seen) / target.pixel_accuracy,
        recall_score(true, seen, average="macro", zero_division=0) / target.class_accuracy,
        jaccard_score(true, seen, average="macro", zero_division=0) / target.class_iou,
    )
    assert found["the maps themselves"].quality["test"] == pytest.approx(expected, rel=1e-6)


def test_confusions_are_counted_image_by_image_without_pixels_that_are_not_scored():
    generator = torch.Generator().manual_seed(0)
    classes = torch.randint(5, (6, 8, 9), generator=generator)
    seen = torch.randint(5, (6, 8, 9), generator=generator)
    classes[2, :3] = 255
    counted = confusions(classes, seen, 5)
    for image, (true, found) in enumerate(zip(classes, seen, strict=True)):
        scored = true != 255
        np.testing.assert_array_equal(counted[image], confusion_matrix(true[scored], found[scored], labels=range(5)))


def test_scenes_that_are_drawn_twice_count_twice():
    generator = torch.Generator().manual_seed(0)
    classes, seen = torch.randint(4, (2, 10, 8, 8), generator=generator)
    scores = SceneScores(confusions(classes, seen, 4), (0.5, 0.4, 0.3))
    assert len(scores) == 10
    drawn = np.array([3, 3, 7])
    again = SceneScores(confusions(classes[drawn], seen[drawn], 4), (0.5, 0.4, 0.3))
    assert scores.value(drawn) == pytest.approx(again.value(np.arange(3)), rel=1e-12)
    assert scores.value(drawn) != scores.value(np.array([3, 7]))
