"""Image compression: its samples from photographs, from disk, and made up."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from fixtures.kodak import KODAK, TRAIN, write_images
from PIL import Image
from rich.console import Console

from aibench.config import ConfigError
from aibench.contract import DataError
from aibench.results.result import Status
from aibench.tasks.image_compression.crops import COLUMNS, HELD_OUT_SIZE, crops
from aibench.tasks.image_compression.data import Data
from aibench.training.loader import EvalBatches, SeededSamples
from aibench.training.run import train
from aibench.vision.embedded import photographs

TASK = "task=image_compression"
REFERENCE = (TASK, "scale=reference", "data.batch_size=4")


@pytest.fixture
def root(tmp_path):
    return write_images(tmp_path / "images")


# The photographs


def test_the_splits_share_no_column_of_a_photograph(monkeypatch):
    columns = np.broadcast_to((np.arange(640) // 4).astype(np.uint8)[:, None], (427, 640, 3))
    monkeypatch.setattr("aibench.tasks.image_compression.crops.photographs", lambda: (columns, columns))
    train, val = (
        set(pieces.gather(torch.arange(len(pieces))).unique().tolist())
        for pieces in (crops("train", 2000, 32, 0), crops("val", 8, 32, 0))
    )
    assert val == set(range(224 // 4, 416 // 4))
    assert train == set(range(160)) - val


def test_a_sample_is_a_piece_of_a_photograph():
    for split, size in (("train", 32), ("val", HELD_OUT_SIZE)):
        pieces = crops(split, 4, 32, 0)
        batch = pieces.gather(torch.arange(4))
        assert batch.dtype == torch.uint8
        for index, (which, top, left) in enumerate(pieces.places.tolist()):
            expected = photographs()[which][top : top + size, left : left + size].transpose(2, 0, 1)
            assert np.array_equal(pieces[index], expected)
            assert np.array_equal(batch[index], expected)


def test_four_held_out_pictures_do_not_overlap_and_any_number_reaches_from_top_to_bottom():
    assert crops("val", 4, 32, 0).places.tolist() == [[0, 0, 224], [1, 0, 224], [0, 235, 224], [1, 235, 224]]
    many = crops("val", 32, 32, 0).places
    assert len({tuple(place) for place in many.tolist()}) == 32
    assert many[:, 1].max() == 427 - HELD_OUT_SIZE


def test_a_patch_is_the_more_detailed_of_two_random_places():
    shape = (2, 396, 386)
    lefts = np.concatenate([np.arange(first, last - 31) for first, last in COLUMNS["train"]])
    drawn = np.random.default_rng(5).permutation(np.prod(shape))[:80].reshape(40, 2)
    photos = [photo.astype(int) for photo in photographs()]

    def detail(place):
        which, top, column = np.unravel_index(place, shape)
        rows, columns = slice(top, top + 32), slice(lefts[column], lefts[column] + 32)
        grey = np.pad(photos[which].sum(2), ((0, 1), (0, 1)), mode="edge")
        changes = np.abs(grey[1:, :-1] - grey[:-1, :-1]) + np.abs(grey[:-1, 1:] - grey[:-1, :-1])
        return changes[rows, columns].sum()

    chosen = [max(pair, key=detail) for pair in drawn]
    expected = [(which, top, lefts[column]) for which, top, column in (np.unravel_index(at, shape) for at in chosen)]
    assert crops("train", 40, 32, 5).places.tolist() == [[int(part) for part in place] for place in expected]


def test_no_place_is_drawn_twice_and_the_seed_of_the_data_decides_which():
    places = crops("train", 5000, 32, 1).places
    assert len({tuple(place) for place in places.tolist()}) == 5000
    assert torch.equal(places, crops("train", 5000, 32, 1).places)
    assert not torch.equal(places, crops("train", 5000, 32, 2).places)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("data.train_size=200000",), "data.train_size=200000: the photographs have 152,856 places for 32x32 pixels."),
        (("data.size=256",), "data.train_size=1680: the photographs have 0 places for 256x256 pixels."),
        (("data.val_size=500",), "data.val_size=500: the photographs have 472 places for 192x192 pixels."),
    ],
)
def test_more_than_the_photographs_have_is_refused(composed, words, said):
    with pytest.raises(DataError) as caught:
        Data(composed(TASK, *words))
    assert str(caught.value).startswith(said)


# Images on disk


def test_pictures_to_evaluate_with_are_read_whole_and_as_they_are(composed, root):
    data = Data(composed(*REFERENCE, f"data.root={root}"))
    (batch,) = EvalBatches(data, data.dataset("val"))
    assert isinstance(batch, list), "they differ in size"
    for (name, (width, height)), picture in zip(KODAK.items(), batch, strict=True):
        assert picture.shape == (3, height, width)
        assert np.array_equal(picture.permute(1, 2, 0), Image.open(root / "kodak" / name))
    assert data.verify() == ["train: 5 samples, all readable", "val: 3 samples, all readable"]


def test_a_training_sample_is_a_patch_of_its_image_at_a_random_place(composed, root):
    dataset = Data(composed(*REFERENCE, f"data.root={root}")).dataset("train")
    assert [str(dataset.path(index).relative_to(root / "train")) for index in range(5)] == [
        "flat.png",
        *list(TRAIN)[:4],
    ]
    for index in range(5):
        pixels = np.asarray(Image.open(dataset.path(index)).convert("RGB"))
        side = max(0, 32 - pixels.shape[1])  # the border of an image that is too small is continued on both sides
        pixels = np.pad(pixels, ((0, 0), (side, side), (0, 0)), mode="edge").transpose(2, 0, 1)
        found = set()
        for epoch in range(4):
            patch = SeededSamples(dataset, seed=1)[epoch, index]
            assert patch.dtype == torch.uint8
            windows = np.lib.stride_tricks.sliding_window_view(pixels, (32, 32), axis=(1, 2))
            (place,) = np.argwhere((windows == patch.numpy()[:, None, None]).all((0, 3, 4)))
            found.add(tuple(place.tolist()))
        assert len(found) > 1


def test_a_smaller_set_is_spread_over_the_tree(composed, root):
    words = (*REFERENCE, f"data.root={root}", "data.batch_size=2")
    data = Data(composed(*words, "data.train_size=2", "data.val_size=1"))
    assert [data.dataset("train").path(index).name for index in range(2)] == ["flat.png", "n01440764_2.JPEG"]
    assert [data.dataset("val").path(0).name] == ["kodim01.png"]
    with pytest.raises(DataError, match=r"kodak: 3 images, fewer than data.val_size=4. Lower data.val_size."):
        Data(composed(*words, "data.val_size=4"))


def test_processes_that_read_samples_can_be_handed_the_reader(composed, root):
    dataset = Data(composed(*REFERENCE, f"data.root={root}")).dataset("val")
    assert torch.equal(pickle.loads(pickle.dumps(dataset))[0], dataset[0])


def test_the_fingerprint_changes_with_a_file(composed, root):
    def fingerprint():
        return Data(composed(*REFERENCE, f"data.root={root}")).fingerprint()

    before = fingerprint()
    assert fingerprint() == before
    (root / "train" / "flat.png").rename(root / "train" / "flatter.png")
    assert fingerprint() != before


@pytest.mark.parametrize("damage", ["cut off", "not an image", "empty"])
def test_a_damaged_image_is_named(composed, root, damage):
    path = root / "kodak" / "kodim02.png"
    whole = path.read_bytes()
    path.write_bytes({"cut off": whole[: len(whole) // 2], "not an image": b"<html>", "empty": b""}[damage])
    dataset = Data(composed(*REFERENCE, f"data.root={root}")).dataset("val")
    with pytest.raises(DataError) as caught:
        [dataset[index] for index in range(len(dataset))]
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_picture_too_small_for_the_metric_is_named(composed, root):
    path = root / "kodak" / "kodim03.png"
    Image.open(path).crop((0, 0, 187, 175)).save(path)
    dataset = Data(composed(*REFERENCE, f"data.root={root}")).dataset("val")
    with pytest.raises(DataError) as caught:
        dataset[2]
    said = f"{path}: 187x175 pixels, and MS-SSIM with five scales needs 176 on each side. Take larger images."
    assert str(caught.value) == said


def _without_kodak(root):
    (root / "kodak").rename(root / "test")


def _without_training_images(root):
    for name in TRAIN:
        (root / "train" / name).unlink()


def _empty_kodak(root):
    for path in [*(root / "kodak").iterdir()]:
        path.rename(path.with_suffix(".txt"))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_without_kodak, "looked for the folders train and kodak, found test, train. Set data.root to the folder"),
        (
            _without_training_images,
            "looked for images in train and the folders in it, found README.txt, n01440764, n01443537. Put",
        ),
        (_empty_kodak, "looked for images in kodak, found kodim01.txt, kodim02.txt, kodim03.txt. Put kodim01.png to"),
    ],
)
def test_a_wrong_layout_is_refused(composed, root, spoil, said):
    spoil(root)
    with pytest.raises(ConfigError) as caught:
        composed(*REFERENCE, f"data.root={root}")
    assert str(caught.value).startswith(f"data.root={root}: {said}")


@pytest.mark.slow
def test_a_session_trains_and_evaluates_on_images_from_disk(composed, root, tmp_path):
    small = ("model=image_compression/mini", "data.workers=2", "hardware=cpu", "hardware.threads=1")
    config = composed(*REFERENCE, f"data.root={root}", *small, "session=epochs", "epochs=1")
    (tmp_path / "run").mkdir()
    result = train(config, tmp_path / "run", None, Console(quiet=True))
    assert result.status is Status.completed, result.message
    assert 0 < result.history[-1].metrics["val/ms_ssim"] < 1


# Made-up samples


def test_made_up_samples_are_as_many_and_as_large_as_the_real_ones(composed):
    data = Data(composed(TASK, "scale=reference", "data.source=synthetic", "session=steps"))
    train_set, val_set = data.dataset("train"), data.dataset("val")
    assert (len(train_set), len(val_set)) == (1_281_167, 24)
    assert val_set[23].shape == (3, 512, 768)
    indices = torch.tensor([5, 1_000_000])
    batch = train_set.gather(indices)
    assert batch.shape == (2, 3, 32, 32)
    assert all(torch.equal(train_set[index], image) for index, image in zip(indices.tolist(), batch, strict=True))
