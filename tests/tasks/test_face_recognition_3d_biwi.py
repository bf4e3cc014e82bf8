"""3D face recognition: the frames of BIWI."""

from __future__ import annotations

import numpy as np
import pytest
from fixtures.rgbd import DEPTH, FRAMES, RGB, compressed, depths, write_biwi

from aibench.config import ConfigError
from aibench.contract import DataError
from aibench.tasks.face_recognition_3d.biwi import read_compressed
from aibench.tasks.face_recognition_3d.data import Data

BIWI = ("task=face_recognition_3d", "scale=reference", "data=face_recognition_3d/biwi", "data.workers=0")


@pytest.fixture(scope="module")
def biwi(tmp_path_factory):
    return write_biwi(tmp_path_factory.mktemp("biwi"))


def test_the_splits_of_biwi_are_blocks_of_time(composed, biwi):
    data = Data(composed(*BIWI, f"data.root={biwi}"))
    frames = {split: [tuple(frame) for frame in data.dataset(split).frames] for split in ("train", "val")}
    first, second = ("02", "03", "05", "07"), ("21", "15", "18", "22")
    for sequence in (f"{number:02d}" for number in range(1, 25)):
        counts = [sum(name == sequence for name, _ in frames[split]) for split in ("train", "val")]
        assert counts == ([FRAMES, 0] if sequence in first else [0, FRAMES] if sequence in second else [7, 2])
    assert frames["train"][:2] == [("01", "00003"), ("01", "00004")]
    assert frames["val"][:2] == [("01", "00011"), ("01", "00012")]
    people = {split: dict(zip(frames[split], data.dataset(split).labels.tolist(), strict=True)) for split in frames}
    assert people["train"]["03", "00003"] == people["val"]["15", "00003"]
    assert set(people["train"].values()) == set(people["val"].values()) == set(range(20))


def test_colour_and_depth_are_cut_out_around_the_same_point(composed, biwi):
    dataset = Data(composed(*BIWI, f"data.root={biwi}", "data.size=38")).dataset("train")
    for index in (0, 40, 90):
        image, _ = dataset[index]
        assert image.shape == (4, 38, 38)
        red = np.argwhere(image[0].numpy() > 125)
        near = np.argwhere(image[3].numpy() == round(1 + 254 * 0.5))
        behind = image[3][image[3] > 0].min()
        for found, camera in ((red, RGB), (near, DEPTH)):
            side = 300 * camera[0][0] / 890  # of the window, in the camera's pixels
            np.testing.assert_allclose(found.mean(0), 18.5, atol=2.5)  # of 38: one and a half of the fixture's pixels
            assert len(found) == pytest.approx((5 * 38 / side) ** 2, rel=0.3)
        assert int(behind) == round(1 + 254 * 0.3)  # 60 of 300 mm behind the middle


def test_compressed_depths_are_what_was_compressed(tmp_path):
    for picture in (
        depths((10.0, 5.0, 950.0)),
        np.zeros((4, 6), np.int16),
        np.arange(24, dtype=np.int16).reshape(4, 6),
    ):
        (tmp_path / "depth.bin").write_bytes(compressed(picture))
        np.testing.assert_array_equal(read_compressed(tmp_path / "depth.bin"), picture)


@pytest.mark.parametrize("damage", ["cut off", "not depths", "empty"])
def test_a_damaged_depth_image_is_named(tmp_path, damage):
    path = tmp_path / "frame_00003_depth.bin"
    whole = compressed(depths((10.0, 5.0, 950.0)))
    path.write_bytes({"cut off": whole[:-50], "not depths": b"<html></html>" * 9, "empty": b""}[damage])
    with pytest.raises(DataError, match=f"^{path}: not a depth image"):
        read_compressed(path)


def test_damaged_texts_of_biwi_are_named(composed, tmp_path):
    root = write_biwi(tmp_path, frames=4)
    folder = root / "hpdb" / "02"
    pose = folder / "frame_00003_pose.txt"
    dataset = Data(composed(*BIWI, f"data.root={root}")).dataset("train")
    index = [tuple(frame) for frame in dataset.frames].index(("02", "00003"))
    pose.write_text("1 0 0\n0 1 zero\n")
    with pytest.raises(DataError, match=f"^{pose}, line 2: '0 1 zero' is not a row of numbers."):
        dataset[index]
    pose.write_text("1 0 0\n")
    with pytest.raises(DataError, match=f"^{pose}: 1 rows of numbers, a pose has 4 or more."):
        dataset[index]
    (folder / "rgb.cal").write_text("1 0 0\n" * 8)
    with pytest.raises(DataError, match=r"rgb.cal: rows of \[3, 3, 3, 3, 3, 3, 3, 3\] numbers"):
        Data(composed(*BIWI, f"data.root={root}"))
    for path in folder.glob("*_rgb.png"):
        path.unlink()
    with pytest.raises(DataError, match=r"02: no frame_\*_rgb.png in this sequence."):
        Data(composed(*BIWI, f"data.root={root}"))


def test_a_wrong_layout_of_biwi_is_refused(composed, tmp_path):
    root = write_biwi(tmp_path, frames=1)
    with pytest.raises(ConfigError, match=r"^data.classes=24: BIWI has 20 people. Set data.classes=20."):
        composed(*BIWI, f"data.root={root}", "data.classes=24")
    (root / "hpdb" / "24").rename(root / "24th")
    with pytest.raises(ConfigError, match=r"hpdb has no folder 24. Unpack the whole database."):
        composed(*BIWI, f"data.root={root}")
    (root / "hpdb").rename(root / "sequences")
    with pytest.raises(ConfigError, match=r"looked for BIWI's folders 01 to 24 in it, in hpdb or in .*, found 24th"):
        composed(*BIWI, f"data.root={root}")
