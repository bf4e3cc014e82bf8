"""VOC2007's mean average precision against plain loops and against cases worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from aibench.metrics.voc import VOC07mAP


def boxed(boxes, labels, **more):
    edges = torch.tensor(np.asarray(boxes), dtype=torch.float32).reshape(-1, 4)
    return {"boxes": edges, "labels": torch.tensor(labels, dtype=torch.int64), **more}


def found(boxes, labels, scores):
    return boxed(boxes, labels, scores=torch.tensor(scores, dtype=torch.float32))


def truth(boxes, labels, difficult=None):
    return boxed(boxes, labels, difficult=torch.tensor(difficult or [False] * len(labels), dtype=torch.bool))


def score(detections, targets, classes=1, **options):
    metric = VOC07mAP(classes, **options)
    metric.update(detections, targets)
    return float(metric.compute())


def overlap(a, b):
    """In pixels, counted one by one along each side."""
    sides = [
        len(set(range(int(a[at]), int(a[at + 2]) + 1)) & set(range(int(b[at]), int(b[at + 2]) + 1))) for at in (0, 1)
    ]
    area = [(box[2] - box[0] + 1) * (box[3] - box[1] + 1) for box in (a, b)]
    return sides[0] * sides[1] / (area[0] + area[1] - sides[0] * sides[1])


def brute_force(detections, targets, classes, threshold=0.5, eleven_point=True):
    """The definition with plain loops, one class and one detection after the other."""
    results = []
    for label in range(1, classes + 1):
        objects = [
            [
                {"box": box, "difficult": difficult, "taken": False}
                for box, own, difficult in zip(
                    *(target[key].tolist() for key in ("boxes", "labels", "difficult")), strict=True
                )
                if own == label
            ]
            for target in targets
        ]
        wanted = sum(not item["difficult"] for image in objects for item in image)
        if wanted == 0:
            continue
        rows = [
            (value, image, box)
            for image, detection in enumerate(detections)
            for box, own, value in zip(*(detection[key].tolist() for key in ("boxes", "labels", "scores")), strict=True)
            if own == label
        ]
        rows.sort(key=lambda row: -row[0])  # stable
        right = wrong = 0
        curve = []
        for _, image, box in rows:
            best, item = max(
                ((overlap(box, item["box"]), -place, item) for place, item in enumerate(objects[image])),
                key=lambda entry: entry[:2],
                default=(0.0, 0, None),
            )[::2]
            if best > threshold:
                if item["difficult"]:
                    continue
                right, wrong = (right, wrong + 1) if item["taken"] else (right + 1, wrong)
                item["taken"] = True
            else:
                wrong += 1
            curve.append((right / wanted, right / (right + wrong)))
        if eleven_point:
            points = [
                max((precision for recall, precision in curve if recall >= at), default=0.0)
                for at in np.arange(0.0, 1.1, 0.1)
            ]
            results.append(sum(points) / 11)
        else:
            before, area = 0.0, 0.0
            for place, (recall, _) in enumerate(curve):
                area += (recall - before) * max(precision for _, precision in curve[place:])
                before = recall
            results.append(area)
    return sum(results) / len(results) if results else 0.0


def random_scenes(seed, images=25, classes=4):
    """Detections near objects, far from them, doubled, of the wrong class; scores of few values, so that many tie."""
    generator = np.random.default_rng(seed)
    detections, targets = [], []
    for _ in range(images):
        count = generator.integers(0, 5)
        corner = generator.integers(0, 30, (count, 2))
        boxes = np.concatenate([corner, corner + generator.integers(3, 20, (count, 2))], 1)
        labels = generator.integers(1, classes, count)  # the last class has no object
        targets.append(truth(boxes, labels.tolist(), (generator.random(count) < 0.3).tolist()))
        near = generator.integers(0, count, generator.integers(0, 9)) if count else np.zeros(0, int)
        shifted = boxes[near] + generator.integers(-3, 4, (len(near), 4))
        shifted[:, 2:] = np.maximum(shifted[:, 2:], shifted[:, :2])
        guessed = np.where(
            generator.random(len(near)) < 0.8, labels[near], generator.integers(1, classes + 1, len(near))
        )
        far = generator.integers(40, 50, (2, 2)).repeat(2, 0).reshape(2, 4)
        values = generator.integers(0, 8, len(near) + 2) / 8
        detections.append(found(np.concatenate([shifted, far]), [*guessed.tolist(), 1, classes], values.tolist()))
    return detections, targets


@pytest.mark.parametrize("eleven_point", [True, False])
@pytest.mark.parametrize("seed", range(20))
def test_equals_the_definition_written_with_plain_loops(seed, eleven_point):
    detections, targets = random_scenes(seed)
    expected = brute_force(detections, targets, 4, eleven_point=eleven_point)
    assert 0.05 < expected < 0.95
    assert score(detections, targets, 4, eleven_point=eleven_point) == pytest.approx(expected, abs=1e-12)


def test_batches_of_any_size_give_the_same_number():
    detections, targets = random_scenes(7)
    metric = VOC07mAP(4)
    for first, last in ((0, 1), (1, 8), (8, 25)):
        metric.update(detections[first:last], targets[first:last])
    assert float(metric.compute()) == score(detections, targets, 4)


def test_what_two_processes_gathered_gives_the_same_number():
    detections, targets = random_scenes(3)
    halves = [VOC07mAP(4), VOC07mAP(4)]
    for rank, metric in enumerate(halves):
        metric.update(detections[rank::2], targets[rank::2])
    gathered = VOC07mAP(4)
    gathered.scores, gathered.labels, gathered.hits = (
        torch.cat([part for metric in halves for part in getattr(metric, name)])
        for name in ("scores", "labels", "hits")
    )
    gathered.objects = [part for metric in halves for part in metric.objects]
    gathered._update_count = 1
    assert float(gathered.compute()) == pytest.approx(
        score(detections[0::2] + detections[1::2], targets[0::2] + targets[1::2], 4), abs=1e-12
    )


@pytest.mark.parametrize("eleven_point", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_the_images_parts_give_the_number_of_any_images_that_are_drawn(seed, eleven_point):
    detections, targets = random_scenes(seed)
    metric = VOC07mAP(4, eleven_point=eleven_point)
    for first, last in ((0, 9), (9, 25)):
        metric.update(detections[first:last], targets[first:last])
    assert metric.images().value(np.arange(25)) == pytest.approx(float(metric.compute()), abs=1e-12)
    metric.reset()
    generator = np.random.default_rng(seed)
    for one in detections:  # all scores differ, so that no order decides
        one["scores"] = torch.from_numpy(generator.random(len(one["scores"]), dtype=np.float32))
    metric.update(detections, targets)
    images = metric.images()
    assert len(images) == 25
    for _ in range(5):
        drawn = generator.integers(25, size=25)
        again = [detections[index] for index in drawn], [targets[index] for index in drawn]
        assert images.value(drawn) == pytest.approx(brute_force(*again, 4, eleven_point=eleven_point), abs=1e-12)
    assert images.value(np.array([], dtype=np.int64)) == 0


def test_three_objects_two_found_between_two_mistakes():
    objects = truth([[0, 0, 9, 9], [20, 0, 29, 9], [40, 0, 49, 9]], [1, 1, 1])
    guesses = found([[0, 0, 9, 9], [60, 0, 69, 9], [20, 0, 29, 9], [80, 0, 89, 9]], [1, 1, 1, 1], [0.9, 0.8, 0.7, 0.6])
    # Recall and precision: (1/3, 1), (1/3, 1/2), (2/3, 2/3), (2/3, 1/2). Recalls 0 to 0.3: 1; 0.4 to 0.6: 2/3; then 0.
    assert score([guesses], [objects]) == pytest.approx((4 * 1 + 3 * 2 / 3) / 11, abs=1e-12)
    assert score([guesses], [objects], eleven_point=False) == pytest.approx((1 + 2 / 3) / 3, abs=1e-12)


def test_an_overlap_of_exactly_a_half_is_a_mistake():
    objects = truth([[0, 0, 9, 9]], [1])
    assert score([found([[0, 0, 9, 4]], [1], [1.0])], [objects]) == 0  # 50 of 100 pixels
    assert score([found([[0, 0, 9, 5]], [1], [1.0])], [objects]) == 1  # 60 of 100


def test_both_ends_of_a_box_are_pixels():
    # 2x2 pixels in 3x2. By differences of their edges they would be 1x1 in 2x1, and overlap by no more than a half.
    assert score([found([[0, 0, 1, 1]], [1], [1.0])], [truth([[0, 0, 2, 1]], [1])]) == 1


def test_the_second_detection_of_an_object_is_a_mistake_also_where_another_is_free():
    objects = truth([[0, 0, 9, 9], [4, 0, 13, 9]], [1, 1])
    near_the_first = [[0, 0, 9, 9], [1, 0, 10, 9]]  # the second overlaps the free object by 7/13
    assert overlap([1, 0, 10, 9], [4, 0, 13, 9]) > 0.5
    assert score([found(near_the_first, [1, 1], [0.9, 0.8])], [objects]) == pytest.approx(6 / 11)


def test_difficult_objects_are_neither_found_nor_missed():
    objects = truth([[0, 0, 9, 9], [20, 0, 29, 9]], [1, 1], [True, False])
    guesses = [[0, 0, 9, 9], [0, 0, 9, 9], [20, 0, 29, 9]]
    assert score([found(guesses, [1, 1, 1], [0.9, 0.8, 0.7])], [objects]) == 1
    assert score([found(guesses[:2], [1, 1], [0.9, 0.8])], [objects]) == 0


def test_three_objects_of_ten_do_not_reach_the_fourth_recall():
    boxes = [[20 * place, 0, 20 * place + 9, 9] for place in range(10)]
    assert math.isclose(score([found(boxes[:3], [1] * 3, [0.5] * 3)], [truth(boxes, [1] * 10)]), 3 / 11)


def test_a_class_without_objects_is_left_out_whatever_was_found_of_it():
    guesses = found([[0, 0, 9, 9], [0, 0, 9, 9]], [1, 2], [0.9, 0.9])
    metric = VOC07mAP(3)
    metric.update([guesses], [truth([[0, 0, 9, 9]], [1])])
    assert float(metric.compute()) == 1
    assert metric.per_class().isnan().tolist() == [False, True, True]


def test_classes_are_scored_apart():
    objects = truth([[0, 0, 9, 9], [0, 0, 9, 9]], [1, 2])
    assert score([found([[0, 0, 9, 9]], [2], [0.9])], [objects], 2) == 0.5


def test_nothing_found_or_nothing_there_scores_nothing():
    nothing = found(np.zeros((0, 4)), [], [])
    assert score([nothing], [truth([[0, 0, 9, 9]], [1])]) == 0
    assert score([found([[0, 0, 9, 9]], [1], [0.5])], [truth(np.zeros((0, 4)), [])]) == 0
    assert score([nothing], [truth(np.zeros((0, 4)), [])]) == 0


def test_forgets_after_reset():
    metric = VOC07mAP(1)
    metric.update([found([[50, 50, 59, 59]], [1], [1.0])], [truth([[0, 0, 9, 9]], [1])])
    metric.reset()
    metric.update([found([[0, 0, 9, 9]], [1], [0.1])], [truth([[0, 0, 9, 9]], [1])])
    assert float(metric.compute()) == 1
