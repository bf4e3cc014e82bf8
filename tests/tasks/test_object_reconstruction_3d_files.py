"""3D object reconstruction: two layouts on disk, and files of voxels."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import scipy.io
import torch
from fixtures.shapenet import (
    CATEGORIES,
    PTN,
    R2N2,
    binvox,
    matlab_axes,
    write_ptn,
    write_r2n2,
)
from PIL import Image
from rich.console import Console

from aibench.config import ConfigError
from aibench.contract import DataError
from aibench.results.result import Status
from aibench.tasks.object_reconstruction_3d.data import Data
from aibench.tasks.object_reconstruction_3d.volumes import read_binvox, read_mat
from aibench.training.run import train


@pytest.fixture
def ptn(tmp_path):
    return write_ptn(tmp_path / "ptn")


@pytest.fixture
def r2n2(tmp_path):
    return write_r2n2(tmp_path / "r2n2")


# Two layouts on disk


def test_ptn_trains_on_its_training_ids_and_holds_out_its_test_ids(composed, ptn):
    data = Data(composed(*PTN, f"data.root={ptn}"))
    train, val = data.dataset("train"), data.dataset("val")
    assert train.names.tolist() == [f"{category}/{number:032x}" for category in CATEGORIES for number in range(3)]
    assert val.names.tolist() == [f"{category}/{4:032x}" for category in CATEGORIES]
    assert (len(train), len(val)) == (6 * 24, 2 * 24)
    picture, solid = train[2 * 24 + 5]
    assert picture.dtype == torch.uint8
    assert solid.dtype == torch.bool
    file = ptn / "shapenetcore_viewdata" / CATEGORIES[0] / f"{2:032x}" / "imgs" / "a090_e030.jpg"
    resized = Image.open(file).convert("RGB").resize((32, 32), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(picture.permute(1, 2, 0).numpy(), np.asarray(resized))
    assert data.verify() == ["train: 144 samples, all readable", "val: 48 samples, all readable"]


def test_r2n2_trains_on_the_first_four_fifths_of_each_category(composed, r2n2):
    data = Data(composed(*R2N2, f"data.root={r2n2}"))
    train, val = data.dataset("train"), data.dataset("val")
    assert train.names.tolist() == [f"{category}/{number:032x}" for category in CATEGORIES for number in range(4)]
    assert val.names.tolist() == [f"{category}/{4:032x}" for category in CATEGORIES]
    picture, _ = val[24 + 7]
    file = r2n2 / "ShapeNetRendering" / CATEGORIES[1] / f"{4:032x}" / "rendering" / "07.png"
    pixels = np.asarray(Image.open(file)).astype(int)
    on_grey = np.where(pixels[:, :, 3:] == 255, pixels[:, :, :3], 240)[5:132, 5:132].astype(np.uint8)
    resized = Image.fromarray(on_grey).resize((32, 32), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(picture.permute(1, 2, 0).numpy(), np.asarray(resized))


def test_r2n2_counts_the_objects_that_have_volumes_and_names_those_without_pictures(composed, r2n2):
    before = Data(composed(*R2N2, f"data.root={r2n2}")).dataset("train").names.tolist()
    for number in range(90, 95):
        (r2n2 / "ShapeNetRendering" / CATEGORIES[0] / f"{number:032x}").mkdir()
    assert Data(composed(*R2N2, f"data.root={r2n2}")).dataset("train").names.tolist() == before
    (r2n2 / "ShapeNetVox32" / CATEGORIES[0] / f"{99:032x}").mkdir()
    with pytest.raises(DataError, match=rf"ShapeNetVox32/{CATEGORIES[0]}: .*ShapeNetRendering.* lacks {99:032x}\."):
        Data(composed(*R2N2, f"data.root={r2n2}"))


def test_models_that_3d_r2n2_names_erroneous_are_left_out(composed, tmp_path):
    for name in ("4a32519f44dc84aabafe26e2eb69ebf4", "1", "2", "3", "5"):
        for folder in ("ShapeNetRendering", "ShapeNetVox32"):
            (tmp_path / folder / "04090263" / name).mkdir(parents=True)
    words = (*R2N2, "data.categories=['04090263']", f"data.root={tmp_path}")
    assert Data(composed(*words)).dataset("train").names.tolist() == [f"04090263/{name}" for name in "123"]


def test_fewer_objects_and_views_are_evenly_spaced(composed, ptn):
    data = Data(composed(*PTN, f"data.root={ptn}", "data.train_size=2", "data.views=4"))
    train = data.dataset("train")
    assert train.names.tolist() == [f"{category}/{0:032x}" for category in CATEGORIES]
    whole = Data(composed(*PTN, f"data.root={ptn}")).dataset("train")
    assert len(train) == 8
    for view in range(4):
        assert torch.equal(train[view][0], whole[6 * view][0])
    with pytest.raises(DataError, match=r"2 val objects, fewer than data.val_size=3. Lower data.val_size."):
        Data(composed(*PTN, f"data.root={ptn}", "data.val_size=3"))


def test_processes_that_read_samples_can_be_handed_the_reader(composed, ptn):
    dataset = Data(composed(*PTN, f"data.root={ptn}")).dataset("val")
    assert torch.equal(pickle.loads(pickle.dumps(dataset))[3][0], dataset[3][0])


def test_the_fingerprint_changes_with_the_lists(composed, ptn):
    def fingerprint():
        return Data(composed(*PTN, f"data.root={ptn}")).fingerprint()

    before = fingerprint()
    assert fingerprint() == before
    ids = ptn / "shapenetcore_ids" / f"{CATEGORIES[0]}_testids.txt"
    ids.write_text(ids.read_text().replace("4", "3"))
    assert fingerprint() != before


def _without(name):
    return lambda root: (root / name).rename(root / "elsewhere")


@pytest.mark.parametrize(
    ("words", "write", "spoil", "said"),
    [
        (
            PTN,
            write_ptn,
            _without("shapenetcore_voxdata"),
            "looked for the folders shapenetcore_ids, shapenetcore_viewdata, shapenetcore_voxdata, found elsewhere, "
            "shapenetcore_ids, shapenetcore_viewdata. Set data.root to the folder that holds them.",
        ),
        (
            PTN,
            write_r2n2,
            lambda root: None,
            "looked for the folders shapenetcore_ids, shapenetcore_viewdata, shapenetcore_voxdata, found "
            "ShapeNetRendering, ShapeNetVox32. That is the layout r2n2: set data.layout=r2n2.",
        ),
        (
            R2N2,
            write_ptn,
            lambda root: None,
            "looked for the folders ShapeNetRendering, ShapeNetVox32, found shapenetcore_ids, shapenetcore_viewdata, "
            "shapenetcore_voxdata. That is the layout ptn: set data.layout=ptn.",
        ),
        (
            PTN,
            write_ptn,
            _without(f"shapenetcore_ids/{CATEGORIES[1]}_testids.txt"),
            f"looked for shapenetcore_ids/{CATEGORIES[1]}_testids.txt, found {CATEGORIES[0]}_testids.txt",
        ),
        (
            R2N2,
            write_r2n2,
            _without(f"ShapeNetVox32/{CATEGORIES[1]}"),
            f"looked for ShapeNetVox32/{CATEGORIES[1]}, found {CATEGORIES[0]}. Complete the data set, or leave "
            f"{CATEGORIES[1]} out of data.categories.",
        ),
    ],
)
def test_a_wrong_layout_is_refused(composed, tmp_path, words, write, spoil, said):
    root = write(tmp_path / "tree")
    spoil(root)
    with pytest.raises(ConfigError) as caught:
        composed(*words, f"data.root={root}")
    assert str(caught.value).startswith(f"data.root={root}: {said}")


def test_a_list_with_a_strange_line_is_named(composed, ptn):
    ids = ptn / "shapenetcore_ids" / f"{CATEGORIES[0]}_trainids.txt"
    ids.write_text(ids.read_text() + "\n04256520/1\n")
    with pytest.raises(DataError, match=rf"{ids}, line 5: not an object of {CATEGORIES[0]}, but '04256520/1'."):
        Data(composed(*PTN, f"data.root={ptn}"))
    ids.write_text("")
    with pytest.raises(DataError, match=rf"{ids}: names no train object. Restore it."):
        Data(composed(*PTN, f"data.root={ptn}"))


def test_a_missing_picture_is_named(composed, ptn, r2n2):
    for words, root, file in ((PTN, ptn, "imgs/a015_e030.jpg"), (R2N2, r2n2, "rendering/00.png")):
        dataset = Data(composed(*words, f"data.root={root}")).dataset("val")
        (path,) = root.glob(f"*/{CATEGORIES[0]}/{4:032x}/{file}")
        path.unlink()
        with pytest.raises(DataError, match=rf"{path}: No such file or directory. Restore this file."):
            dataset[0]


def test_a_picture_that_is_too_small_is_named(composed, r2n2):
    dataset = Data(composed(*R2N2, f"data.root={r2n2}")).dataset("val")
    (path,) = r2n2.glob(f"*/{CATEGORIES[0]}/{4:032x}/rendering/00.png")
    Image.new("RGBA", (120, 137)).save(path)
    with pytest.raises(DataError, match=rf"{path}: 120x137 pixels, less than 127x127. Restore this file."):
        dataset[0]


@pytest.mark.slow
@pytest.mark.parametrize(("words", "write"), [(PTN, write_ptn), (R2N2, write_r2n2)])
def test_a_session_trains_on_a_tree_and_ends_at_a_damaged_file(composed, tmp_path, words, write):
    root = write(tmp_path / "tree")
    small = ("model.encoder_channels=[4,4,4]", "model.decoder_channels=[4,4,4]", "model.hidden=8", "model.latent=8")
    short = ("hardware=cpu", "data.workers=2", "session=epochs", "epochs=1", "target.evaluations_per_epoch=1")
    config = composed(*words, f"data.root={root}", *small, *short)
    (tmp_path / "run").mkdir()
    result = train(config, tmp_path / "run", None, Console(quiet=True))
    assert result.status is Status.completed, result.message
    assert 0 <= result.history[-1].metrics["val/iou"] <= 1
    for path in root.glob(f"*/{CATEGORIES[0]}/{4:032x}/model*"):
        path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError) as caught:
        train(config, tmp_path / "run", None, Console(quiet=True))
    assert f"{4:032x}/model" in str(caught.value)


# Files of voxels


def test_a_binvox_file_is_read_by_its_own_order_of_axes(tmp_path):
    solid = np.random.default_rng(0).random((8, 8, 8)) < 0.3
    (tmp_path / "model.binvox").write_bytes(binvox(solid))
    np.testing.assert_array_equal(read_binvox(tmp_path / "model.binvox", 8), solid)


def test_a_binvox_header_may_be_short_and_its_full_voxels_of_any_value(tmp_path):
    path = tmp_path / "model.binvox"
    path.write_bytes(b"#binvox 2\ndim 8 8 8\ndata\n" + bytes([0, 200, 7, 56, 0, 255, 1, 1]))
    solid = read_binvox(path, 8)
    expected = np.zeros(512, dtype=bool)
    expected[200:256] = expected[511] = True
    np.testing.assert_array_equal(solid.transpose(0, 2, 1).ravel(), expected)


@pytest.mark.parametrize(
    ("header", "rest", "said"),
    [
        ("#vox 1\n", b"", "line 1: looked for #binvox, found b'#vox 1"),
        ("#binvox 1\ndim 8 8 8\n", b"", "no line `data` ends its header."),
        ("#binvox 1\ndata\n", b"", "looked for dim 8 8 8, found no line `dim`."),
        ("#binvox 1\ndim 8 8 4\ndata\n", b"", "looked for dim 8 8 8, found 8 8 4. Restore this file, or set"),
        ("#binvox 1\ndim 8 8 8\ndata\n", b"\x01", "ends in the middle of a run length."),
        ("#binvox 1\ndim 8 8 8\ndata\n", b"\x01\x09", "run lengths of 521 voxels, not 512."),
    ],
)
def test_a_damaged_binvox_file_is_named(tmp_path, header, rest, said):
    path = tmp_path / "model.binvox"
    path.write_bytes(binvox(np.zeros((8,) * 3, dtype=bool), header) + rest)
    _is_named(read_binvox, path, said)


def test_a_cut_off_binvox_file_is_named(tmp_path):
    path = tmp_path / "model.binvox"
    path.write_bytes(binvox(np.ones((8,) * 3, dtype=bool))[:-2])
    _is_named(read_binvox, path, "run lengths of 510 voxels, not 512.")
    path.write_bytes(b"")
    _is_named(read_binvox, path, "looked for #binvox, found b''.")
    path.unlink()
    _is_named(read_binvox, path, "No such file or directory.")


@pytest.mark.parametrize("kind", [np.uint8, np.float64, bool])
def test_a_matlab_file_is_read_whatever_the_type_of_its_numbers(tmp_path, kind):
    solid = np.random.default_rng(0).random((8, 8, 8)) < 0.3
    scipy.io.savemat(tmp_path / "model.mat", {"voxel": matlab_axes(solid).astype(kind), "other": 1.0})
    np.testing.assert_array_equal(read_mat(tmp_path / "model.mat", 8), solid)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"voxels": np.zeros((8, 8, 8))}, "has no variable `voxel`."),
        ({"voxel": np.zeros((8, 8, 4))}, "looked for 8 voxels along each edge, found 8x8x4 float64."),
        ({"voxel": np.zeros((8, 8))}, "looked for 8 voxels along each edge, found 8x8 float64."),
        ({"voxel": "text"}, "looked for 8 voxels along each edge, found 1 <U4."),
    ],
)
def test_a_matlab_file_with_other_contents_is_named(tmp_path, variables, said):
    scipy.io.savemat(tmp_path / "model.mat", variables)
    _is_named(read_mat, tmp_path / "model.mat", said)


@pytest.mark.parametrize("keep", [0, 60, 128, 150, 400, -8])
def test_a_damaged_matlab_file_is_named(tmp_path, keep):
    path = tmp_path / "model.mat"
    scipy.io.savemat(path, {"voxel": np.ones((8, 8, 8))})
    path.write_bytes(path.read_bytes()[:keep])
    _is_named(read_mat, path, "")


def test_a_missing_matlab_file_is_named(tmp_path):
    _is_named(read_mat, tmp_path / "model.mat", "No such file or directory. Restore this file.")


def _is_named(read, path, said):
    with pytest.raises(DataError) as caught:
        read(path, 8)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert said in message
    assert "\n" not in message
