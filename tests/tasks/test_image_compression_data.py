"""Image compression: its samples from generated pictures, from disk, and made up, and what no model makes of them."""

from __future__ import annotations

import io
import pickle
import re

import numpy as np
import pytest
import torch
from fixtures.kodak import KODAK, TRAIN, write_images
from PIL import Image
from rich.console import Console

from aibench.config import ConfigError
from aibench.contract import DataError
from aibench.results.result import Status
from aibench.tasks.image_compression.baseline import _tables, baselines
from aibench.tasks.image_compression.crops import HELD_OUT_SIZE, PARTS, crops
from aibench.tasks.image_compression.data import Data
from aibench.tasks.image_compression.metric import ms_ssim
from aibench.tasks.image_compression.scenes import LARGEST, SMALLEST, _radius
from aibench.training.loader import EvalBatches, SeededSamples
from aibench.training.run import train

TASK = "task=image_compression"
REFERENCE = (TASK, "scale=reference", "data.batch_size=4")
# The fingerprints of 20 held-out pictures and 2,520 patches.
VAL = "826d824febe7dc62"
TRAINING = "52ce746a2eaae1b5"


@pytest.fixture
def root(tmp_path):
    return write_images(tmp_path / "images")


# The generated pictures


def pictures(pieces):
    return {picture.tobytes() for picture in pieces.pictures.numpy()}


def test_no_two_pictures_are_alike_within_a_part_or_in_two():
    parts = [crops(part, None, 32, 0) for part in PARTS]
    assert [len(part.pictures) for part in parts] == [48, 20, 20]
    assert len(set().union(*map(pictures, parts))) == 88


def test_the_pictures_are_these_on_every_machine():
    assert crops("val", 20, 32, 0).fingerprint() == VAL
    assert crops("train", 2520, 32, 0).fingerprint() == TRAINING


def test_a_sample_is_a_piece_of_a_picture():
    for split, size in (("train", 32), ("val", HELD_OUT_SIZE), ("test", HELD_OUT_SIZE)):
        pieces = crops(split, 4, 32, 0)
        batch = pieces.gather(torch.arange(4))
        assert batch.dtype == torch.uint8
        for index, (which, top, left) in enumerate(pieces.places.tolist()):
            expected = pieces.pictures[which].numpy()[top : top + size, left : left + size].transpose(2, 0, 1)
            assert np.array_equal(pieces[index], expected)
            assert np.array_equal(batch[index], expected)


def test_held_out_pictures_are_taken_whole_and_once():
    assert crops("val", 3, 32, 0).places.tolist() == [[0, 0, 0], [1, 0, 0], [2, 0, 0]]
    assert crops("val", 3, 32, 0).pictures.shape == (3, HELD_OUT_SIZE, HELD_OUT_SIZE, 3)


def test_no_place_is_drawn_twice_and_the_seed_of_the_data_decides_which():
    places = crops("train", 5000, 32, 1).places
    assert len({tuple(place) for place in places.tolist()}) == 5000
    assert set(places[:, 0].tolist()) == set(range(48))
    assert torch.equal(places, crops("train", 5000, 32, 1).places)
    assert not torch.equal(places, crops("train", 5000, 32, 2).places)


def test_sizes_of_leaves_are_alike_at_all_scales():
    radii = np.array([_radius(number) for number in range(65536)])
    assert radii.min() == SMALLEST
    assert radii.max() == LARGEST - 1
    for radius in (10, 20, 40):  # the integral of 2 / r ** 3, within the least and the largest
        larger = (radius**-2 - LARGEST**-2) / (SMALLEST**-2 - LARGEST**-2)
        assert (radii >= radius).mean() == pytest.approx(larger, abs=1e-3)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ("data.train_size=1000000", "data.size=64"),
            "data.train_size=1000000: the training pictures have 798,768 places for 64x64 ",
        ),
        (("data.size=256",), "data.train_size=2520: the training pictures have 0 places for 256x256 pixels."),
    ],
)
def test_more_than_the_pictures_have_is_refused(composed, words, said):
    with pytest.raises(DataError) as caught:
        Data(composed(TASK, *words))
    assert str(caught.value).startswith(said)


def test_the_test_part_is_there_for_generated_pictures_alone(composed, root):
    assert Data(composed(TASK, "data.train_size=64", "data.val_size=2")).parts == ("train", "val", "test")
    assert Data(composed(*REFERENCE, f"data.root={root}")).parts == ("train", "val")


# Answers without a model


@pytest.fixture(scope="module")
def answers():
    return {one.name: one.quality for one in baselines({"val": crops("val", 2, 32, 0)}, 0.5)}


def test_jpeg_is_the_best_file_of_all_qualities_that_fits_the_rate(answers):
    found = []
    for picture in crops("val", 2, 32, 0).pictures.numpy():
        fitting = []
        for quality in range(1, 96):
            file = io.BytesIO()
            Image.fromarray(picture).save(file, "JPEG", quality=quality, optimize=True)
            if 8 * len(file.getvalue()) <= 0.5 * HELD_OUT_SIZE**2:
                fitting.append(np.asarray(Image.open(file)))
        images = (torch.from_numpy(one.copy()).permute(2, 0, 1)[None] for one in (fitting[-1], picture))
        found.append(ms_ssim(*images).item())
    assert answers["JPEG (Pillow), whole files"]["val"] == pytest.approx(np.mean(found), abs=1e-6)


def test_what_is_left_of_a_jpeg_file_without_its_tables_is_the_coded_picture():
    file = io.BytesIO()
    Image.fromarray(crops("val", 1, 32, 0).pictures[0].numpy()).save(file, "JPEG", quality=10, optimize=True)
    content = file.getvalue()
    (scan,) = re.findall(rb"\xff\xda\x00\x0c.{10}", content, flags=re.DOTALL)
    assert content[_tables(content) :] == content.split(scan)[1]


def test_the_better_a_format_the_better_its_answer_and_mosaics_are_the_worst(answers):
    ordered = sorted(answers, key=lambda name: answers[name]["val"])
    assert ordered[:2] == ["one mean colour a picture", "mosaic, interpolated"]
    assert ordered[-1] == "WebP (Pillow), whole files"


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
