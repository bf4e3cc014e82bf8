"""Image generation: the two distances between real and generated images."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from aibench.tasks.image_generation.data import Data
from aibench.tasks.image_generation.distance import EmDistance, SlicedWasserstein
from aibench.tasks.image_generation.module import Module

TASK = "task=image_generation"


def images(count, size, channels, seed):
    return torch.randint(256, (count, channels, size, size), dtype=torch.uint8, generator=_seeded(seed))


def _seeded(seed):
    return torch.Generator().manual_seed(seed)


def test_the_em_distance_is_the_difference_of_mean_scores_over_all_batches():
    metric, generator = EmDistance(), np.random.default_rng(0)
    real, made = generator.normal(0, 1, 50).astype(np.float32), generator.normal(2, 1, 50).astype(np.float32)
    for start, stop in ((0, 20), (20, 40), (40, 50)):
        metric.update(torch.from_numpy(real[start:stop]), torch.from_numpy(made[start:stop]))
    assert float(metric.compute()) == pytest.approx(abs(np.mean(real) - np.mean(made)), rel=1e-5)


def test_the_em_distance_counts_every_one_of_very_many_scores():
    metric, scores = EmDistance(), torch.full((1,), 1000.0)
    for _ in range(50_000):
        metric.update(scores, scores - 0.52)
    assert float(metric.compute()) == pytest.approx(float(scores - (scores - 0.52)), abs=1e-6)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_evaluation_without_a_finite_distance_is_shown_and_not_averaged_away(composed, value, evaluated):
    data = Data(composed(TASK, "model.width=4", "data.val_size=8", "data.eval_batch_size=8", "target.window=3"))
    module = Module(data.config, data.facts).eval()
    assert np.isfinite(evaluated(module, data)[0]["val/em_distance"])
    module.em_distance.compute = lambda: torch.tensor(value)
    assert not np.isfinite(evaluated(module, data)[0]["val/em_distance"])


def test_an_evaluation_compares_all_held_out_images_with_as_many_from_the_same_noise(composed, evaluated):
    data = Data(composed(TASK, "model.width=4", "data.val_size=50", "data.eval_batch_size=20", "target.window=3"))
    module = Module(data.config, data.facts).eval()
    noise = torch.randn(50, 32, generator=_seeded(data.config.data.seed))
    with torch.no_grad():
        real = module.scores(data.dataset("val").tensors[0]).numpy()
    logged, distances = [], []
    for evaluation in range(5):
        with torch.no_grad():
            module.critic[-2].weight.mul_(2 - evaluation / 2)  # another critic; the last one tells nothing apart
            real = module.scores(data.dataset("val").tensors[0]).numpy()
            distances.append(abs(real.mean() - module.critic(module(noise)).numpy().mean()))
        logged.append(evaluated(module, data)[0])
    assert distances[-1] == 0
    assert [row["val/em_distance_unsmoothed"] for row in logged] == pytest.approx(distances, rel=1e-4)
    means = [np.mean(distances[max(0, place - 2) : place + 1]) for place in range(5)]
    assert [row["val/em_distance"] for row in logged] == pytest.approx(means, rel=1e-4)
    assert len({row["val/sliced_wasserstein"] for row in logged}) == 1, "the critic has no part in it"


@pytest.mark.parametrize(("channels", "size"), [(1, 16), (3, 17)])
def test_the_sliced_distance_is_that_of_scipy_over_all_patches(channels, size):
    metric = SlicedWasserstein(channels, size, seed=3)
    real, made = (images(5, size, channels, seed) / 127.5 - 1 for seed in (0, 1))
    metric.update(real[:3], made[:3])
    metric.update(real[3:], made[3:])
    filters = metric.filters.double().numpy()
    np.testing.assert_allclose((filters**2).sum((1, 2, 3)), 1, rtol=1e-5)
    distances = []
    for first, second in zip(_bands(real.double().numpy()), _bands(made.double().numpy()), strict=True):
        points = [
            np.array([(patch * filters).sum((1, 2, 3)) for image in band for patch in _patches(image)])
            for band in (first, second)
        ]
        each = [wasserstein_distance(points[0][:, at], points[1][:, at]) for at in range(len(filters))]
        distances.append(np.mean(each))
    assert len(distances) == 2
    assert float(metric.compute()) == pytest.approx(np.mean(distances), rel=1e-4)


def _patches(image):
    """Patches of 7x7 pixels, 3 pixels apart."""
    _, height, width = image.shape
    return [image[:, y : y + 7, x : x + 7] for y in range(0, height - 6, 3) for x in range(0, width - 6, 3)]


def _bands(pictures):
    """What two halvings lose: the image less its halved one, enlarged by bilinear interpolation."""
    for _ in range(2):
        height, width = (side // 2 for side in pictures.shape[2:])
        halved = np.zeros((*pictures.shape[:2], height, width))
        for y, x in np.ndindex(height, width):
            halved[:, :, y, x] = pictures[:, :, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].mean((2, 3))
        yield pictures - _enlarged(_enlarged(halved, pictures.shape[2], 2), pictures.shape[3], 3)
        pictures = halved


def _enlarged(pictures, length, axis):
    """Linear interpolation along `axis` between the middles of the pixels."""
    there = pictures.shape[axis]
    at = (np.arange(length) + 0.5) * there / length - 0.5
    return np.apply_along_axis(lambda line: np.interp(at, np.arange(there), line), axis, pictures)


def test_the_sliced_distance_grows_with_what_is_wrong(composed):
    digits = Data(composed(TASK)).dataset("train").tensors[0] / 127.5 - 1
    real, others = digits[:1000], digits[1000:2000]
    generator = _seeded(0)
    shuffled = torch.stack([others.flatten(1)[torch.randperm(1000, generator=generator), at] for at in range(256)], 1)
    wrong = {
        "the same": real,
        "other digits": others,
        "in noise": others + 0.3 * torch.randn(others.shape, generator=generator),
        "pixels of other digits": shuffled.view_as(others),
        "their mean": others.mean(0).expand_as(others),
    }
    distances = []
    for made in wrong.values():
        metric = SlicedWasserstein(1, 16, 0)
        metric.update(real, made)
        distances.append(float(metric.compute()))
    assert distances[0] == 0
    assert distances == sorted(distances)
    assert distances[2] > 3 * distances[1]
