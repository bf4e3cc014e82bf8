"""Image-to-image translation: what is said of files of Cityscapes that are wrong."""

from __future__ import annotations

import numpy as np
import pytest
from fixtures import cityscapes as fixture
from fixtures.cityscapes import REFERENCE, WRITERS, read
from PIL import Image

from aibench.config import ConfigError
from aibench.contract import DataError


@pytest.fixture(params=WRITERS)
def tree(request, tmp_path):
    return WRITERS[request.param](tmp_path / request.param)


# Files that are wrong


def _without_labels(root):
    (root / "gtFine").rename(root / "gtCoarse")


def _without_a_split(root):
    (root / "leftImg8bit" / "val").rename(root / "leftImg8bit" / "test")


def _without_a_map(root):
    (root / f"gtFine/val/{fixture.FRAMES['val'][1]}_gtFine_labelIds.png").unlink()


def _nothing_in(*names):
    def empty(root):
        for name in names:
            for path in (root / name).iterdir():
                path.rename(path.with_suffix(".txt"))

    return empty


def _without_a_partner(root):
    (root / "testB" / "7_B.jpg").unlink()


@pytest.mark.parametrize(
    ("layout", "spoil", "said"),
    [
        (
            "raw",
            _without_labels,
            "looked for the folders leftImg8bit and gtFine, or trainA, trainB, testA and testB, ",
        ),
        ("raw", _without_a_split, "looked for leftImg8bit/val/CITY/*_leftImg8bit.png, found no such folder. Unpack"),
        (
            "raw",
            _without_a_map,
            "2 photos in leftImg8bit/val, and gtFine/val lacks munster/munster_000000_000019_gt",
        ),
        ("folders", _nothing_in("trainB"), "looked for images in trainB, found 0_B.txt, 10_B.txt,"),
        ("folders", _without_a_partner, "testA and testB must show the same scenes, and only one of them has 7."),
        ("joined", _nothing_in("val"), "looked for images in val, found 1.txt, 2.txt. Restore them."),
    ],
)
def test_a_wrong_layout_is_refused(composed, tmp_path, layout, spoil, said):
    root = WRITERS[layout](tmp_path)
    spoil(root)
    with pytest.raises(ConfigError) as caught:
        composed(*REFERENCE, f"data.root={root}")
    assert str(caught.value).startswith(f"data.root={root}: {said}")


@pytest.mark.parametrize("damage", ["cut off", "not an image", "empty"])
def test_a_damaged_image_is_named(composed, tree, damage):
    dataset = read(composed, tree).dataset("val")
    path = dataset.reader.photos[1]
    whole = path.read_bytes()
    path.write_bytes({"cut off": whole[: len(whole) // 2], "not an image": b"<html>", "empty": b""}[damage])
    with pytest.raises(DataError) as caught:
        [dataset[index] for index in range(len(dataset))]
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def _smaller(path):
    Image.open(path).resize((16, 8)).save(path)


def test_images_that_do_not_fit_each_other_are_named(composed, tmp_path):
    root = fixture.write_raw(tmp_path)
    dataset = read(composed, root).dataset("val")
    _smaller(dataset.reader.ids[0])
    with pytest.raises(DataError, match=r"gtFine_labelIds\.png: 16x8 pixels, and .*gtFine_color\.png has 64x32 pixels"):
        dataset[0]
    _smaller(dataset.reader.photos[1])
    with pytest.raises(DataError, match=r"gtFine_color\.png: 64x32 pixels, and its photo .*png has 16x8 pixels\."):
        dataset[1]


def test_a_value_that_is_no_label_is_named(composed, tmp_path):
    dataset = read(composed, fixture.write_raw(tmp_path)).dataset("val")
    Image.fromarray(np.full((fixture.HEIGHT, fixture.WIDTH), 77, np.uint8)).save(dataset.reader.ids[1])
    with pytest.raises(DataError, match=r"labelIds\.png: holds the value 77, and Cityscapes' labels are 0 to 33\."):
        dataset[1]


def test_a_joined_image_of_another_shape_is_named(composed, tmp_path):
    dataset = read(composed, fixture.write_joined(tmp_path)).dataset("train")
    _smaller(dataset.reader.photos[0])
    Image.open(dataset.reader.photos[0]).crop((0, 0, 12, 8)).save(dataset.reader.photos[0])
    with pytest.raises(DataError, match=r"train/1\.jpg: 12x8 pixels; a photo with its label map at its right is twice"):
        dataset[0]
