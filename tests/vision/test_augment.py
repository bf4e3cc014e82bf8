"""Random changes of batches of images."""

from __future__ import annotations

import torch

from aibench.vision.augment import mirrored


def test_each_image_is_mirrored_left_to_right_or_left_alone():
    images = torch.arange(2000 * 6, dtype=torch.int32).view(2000, 1, 2, 3)
    torch.manual_seed(0)
    changed = mirrored(images)
    turned = [torch.equal(after, before[:, :, [2, 1, 0]]) for before, after in zip(images, changed, strict=True)]
    alone = [torch.equal(after, before) for before, after in zip(images, changed, strict=True)]
    assert all(one != other for one, other in zip(turned, alone, strict=True))
    assert 850 < sum(turned) < 1150  # half, within seven standard deviations
