"""JPEG files become tensors with Pillow's pixels, whatever is in them, and parts of them with v2's draws."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from aibench.contract import DataError
from aibench.tasks.image_classification.imagenet import RandomPart
from aibench.vision.files import read_image
from aibench.vision.jpeg import is_usual, pixels, read_pixels

GENERATOR = np.random.default_rng(0)
PICTURE = Image.fromarray(GENERATOR.integers(0, 256, (37, 53, 3), dtype=np.uint8)).resize((113, 71))
KINDS = {
    "baseline": (PICTURE, {"quality": 90}),
    "progressive": (PICTURE, {"progressive": True}),
    "all colours": (PICTURE, {"subsampling": 0}),
    "optimised, with a comment": (PICTURE, {"optimize": True, "comment": b"\xff\xc0 is no frame here"}),
    "grey": (PICTURE.convert("L"), {}),
}
FOREIGN = {"CMYK": (PICTURE.convert("CMYK"), "JPEG"), "PNG named .JPEG": (PICTURE, "PNG")}


def encoded(picture, form="JPEG", **settings):
    stream = io.BytesIO()
    picture.save(stream, form, **settings)
    return stream.getvalue()


@pytest.mark.parametrize("kind", [*KINDS, *FOREIGN])
def test_pixels_are_those_of_pillow_bit_for_bit(kind, tmp_path):
    path = tmp_path / "picture.JPEG"
    picture, further = (KINDS | FOREIGN)[kind]
    path.write_bytes(encoded(picture, further) if kind in FOREIGN else encoded(picture, **further))
    found = read_pixels(path)
    assert (found.dtype, found.shape) == (torch.uint8, (3, 71, 113))
    np.testing.assert_array_equal(found.permute(1, 2, 0), np.asarray(read_image(path)))
    assert is_usual(path.read_bytes()) == (kind in KINDS)


def test_what_is_damaged_or_gone_is_named(tmp_path):
    whole = encoded(PICTURE)
    for cut in (0, 3, 200, len(whole) // 2):
        with pytest.raises(DataError, match=r"^cut\.JPEG: .*Restore this file\."):
            pixels(whole[:cut], "cut.JPEG")
    with pytest.raises(DataError, match=r"gone\.JPEG: No such file"):
        read_pixels(tmp_path / "gone.JPEG")


def test_no_header_makes_the_reader_look_beyond_the_end_or_take_a_giant_for_a_picture():
    whole = bytearray(encoded(PICTURE))
    for end in range(64):
        assert is_usual(bytes(whole[:end])) is False
    frame = whole.index(b"\xff\xc0")
    whole[frame + 5 : frame + 9] = b"\xff\xff\xff\xff"
    assert not is_usual(bytes(whole))


def test_a_random_part_is_the_one_that_v2_draws():
    whole = v2.Compose([v2.RandomResizedCrop(24), v2.RandomHorizontalFlip()])
    picture, own = pixels(encoded(PICTURE), "picture"), RandomPart(24)
    for seed in range(20):
        torch.manual_seed(seed)
        expected = whole(picture)
        torch.manual_seed(seed)
        assert torch.equal(own(picture), expected)
