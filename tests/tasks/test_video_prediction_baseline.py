"""Video prediction: what needs no network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aibench.tasks.video_prediction.baseline import baselines, constant_velocity
from aibench.tasks.video_prediction.pushing import pushing


def test_the_last_frame_and_the_nearest_episode_are_as_far_as_counted_one_by_one():
    parts = {"train": pushing(80, 6, "train", 0), "val": pushing(12, 6, "val", 0), "test": pushing(5, 6, "test", 0)}
    found = {baseline.name: baseline.quality for baseline in baselines(parts, 2)}
    assert len(found) == 6
    for part in ("val", "test"):
        video, actions, states = parts[part]
        still, near = [], []
        for frames, way, place in zip(video.double() / 255, actions, states, strict=True):
            still += [float((frames[later] - frames[1]).square().sum()) for later in range(2, 6)]
            distances = [
                float((frames[:2] - other[:2] / 255).square().sum())
                + float((way[:5] - moved[:5]).square().sum() + (place[:2] - been[:2]).square().sum())
                for other, moved, been in zip(*parts["train"], strict=True)
            ]
            other = parts["train"][0][int(np.argmin(distances))] / 255
            near += [float((frames[later] - other[later]).square().sum()) for later in range(2, 6)]
        assert found["last frame"][part] == pytest.approx(np.mean(still), rel=1e-5)
        name = "nearest training episode by frames shown and actions"
        assert found[name][part] == pytest.approx(np.mean(near), rel=1e-5)


def test_constant_velocity_goes_on_along_a_line_within_the_range_of_pixels():
    frames = np.array([[[0.2, 0.5], [0.3, 0.1], [0, 0], [0, 0]]])
    np.testing.assert_allclose(constant_velocity(frames, 2), [[[0.4, 0], [0.5, 0]]])
    np.testing.assert_allclose(constant_velocity(frames, 1), np.repeat(frames[:, :1], 3, axis=1))


def test_a_linear_model_finds_what_follows_from_the_action_alone():
    generator = torch.Generator().manual_seed(0)

    def drawn(count):
        actions = torch.rand(count, 3, 2, generator=generator)
        video = torch.full((count, 3, 3, 8, 8), 100, dtype=torch.uint8)
        video[:, 2] += (100 * actions[:, 1, 0]).to(torch.uint8)[:, None, None, None]
        return video, actions, torch.zeros(count, 3, 2)

    parts = {"train": drawn(300), "val": drawn(40)}
    found = {baseline.name: baseline.quality["val"] for baseline in baselines(parts, 2)}
    linear = found["linear regression on principal components and actions"]
    assert linear < 0.05 * found["last frame"]
