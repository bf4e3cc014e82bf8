"""Image-to-image translation: its generated, read and made-up samples."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import torch
from fixtures import cityscapes as fixture
from fixtures.cityscapes import TASK, WRITERS, read
from PIL import Image
from torchvision.datasets import Cityscapes

from aibench.contract import DataError
from aibench.tasks.image_to_image import streets
from aibench.tasks.image_to_image.classes import CLASSES, LABELS, class_of_id
from aibench.tasks.image_to_image.data import Data
from aibench.training.loader import EvalBatches, TrainBatches
from aibench.vision.embedded import photographs


@pytest.fixture(params=WRITERS)
def tree(request, tmp_path):
    return WRITERS[request.param](tmp_path / request.param)


# The generated samples


def test_held_out_photos_share_no_column_of_a_photograph_with_other_photos(monkeypatch):
    numbers = np.broadcast_to(np.arange(640.0), (427, 640))
    columns = np.stack([numbers, numbers, numbers], axis=2)
    monkeypatch.setattr(streets, "photographs", lambda: (columns, columns))
    seen = {}
    for part, (left, right) in streets.COLUMNS.items():
        mean = np.arange(left, right).mean()
        textures = streets._textures((50, 7), left, right, np.random.default_rng(0))
        seen[part] = set(np.rint(255 * textures + mean).astype(int).ravel().tolist())
        assert seen[part] <= set(range(left, right))
    assert not seen["photos"] & seen["val"]
    assert not (seen["photos"] | seen["val"] | seen["segmenter"]) & seen["test"]
    assert not seen["segmenter"] & seen["val"]


def test_each_part_is_of_other_scenes():
    maps = [streets.scenes(part, 300, 0) for part in streets.SCENES]
    distinct = [{scene.tobytes() for scene in part} for part in maps]
    assert len(set.union(*distinct)) == sum(map(len, distinct))


def test_a_photo_shows_its_scene(monkeypatch):
    monkeypatch.setattr(streets, "_NOISE", 0.0)
    monkeypatch.setattr(streets, "_CONTRAST", np.zeros(7))
    pairs = streets.pairs("val", 20, 0)
    for classes, photo in zip(pairs.classes, pairs.photos.astype(float), strict=True):
        for index in np.unique(classes):
            for column in range(32):  # along a column a class has one colour: the light changes from left to right
                pixels = photo[:, :, column][:, classes[:, column] == index]
                assert pixels.size == 0 or np.ptp(pixels, axis=1).max() == 0


def test_the_maps_have_the_colours_of_cityscapes():
    published = {label.name: label.color for label in Cityscapes.classes}
    maps = streets.scenes("val", 30, 0)
    images = streets.coloured(maps)
    assert set(np.unique(maps).tolist()) == set(range(len(streets.CLASSES)))
    for index, name in enumerate(streets.CLASSES):
        assert {tuple(colour) for colour in images.transpose(0, 2, 3, 1)[maps == index].tolist()} == {published[name]}


def test_streets_depend_on_the_seed_of_the_data_alone():
    torch.manual_seed(1)
    np.random.seed(1)
    first, again, other = (streets.pairs("photos", 10, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.photos, again.photos)
    np.testing.assert_array_equal(first.classes, again.classes)
    assert (first.photos != other.photos).any()
    assert (first.classes != other.classes).any()
    more = streets.pairs("photos", 10, 3)
    np.testing.assert_array_equal(more.classes[:5], first.classes[:5])
    assert len(photographs()) == 2


def test_each_epoch_pairs_every_map_with_another_photo(composed):
    data = Data(composed(TASK, "data.train_size=40", "data.val_size=8"))
    train = data.dataset("train")
    seen = []
    for seed in (0, 1):
        train.redraw(np.random.default_rng(seed))
        labels, photos = train.gather(torch.arange(40))
        assert torch.equal(labels, train.labels)
        assert sorted(photos.flatten(1).sum(1).tolist()) == sorted(train.photos.flatten(1).sum(1).tolist())
        assert all(torch.equal(train[index][1], photos[index]) for index in range(40))
        seen.append(photos)
    assert not torch.equal(*seen)


# The labels


def test_the_labels_are_those_of_torchvisions_reader():
    for value, label in enumerate(LABELS):
        published = Cityscapes.classes[value]
        train_id = published.train_id if published.train_id not in (-1, 255) else 255
        assert (label.name, label.colour) == (published.name, published.color)
        assert class_of_id()[value] == train_id == (CLASSES.index(label.name) if label.scored else 255)
    assert len(CLASSES) == 19


# Cityscapes on disk


def test_the_published_tree_is_read_as_it_was_written(composed, tmp_path):
    data = read(composed, fixture.write_raw(tmp_path), "data.load=64", "data.size=32", "model.discriminator_layers=2")
    train, held_out = data.dataset("train"), data.dataset("val")
    assert data.facts["classes"] == list(CLASSES)
    assert json.loads(json.dumps(data.facts)) == data.facts
    assert (len(train), len(held_out)) == (3, 2)
    for index in range(3):
        ids = fixture.label_ids(index)
        labels, photo = train[index]
        _assert_resized(labels, fixture.colours(ids), 64)
        _assert_resized(photo, fixture.photo(index), 64)
    for index in range(2):
        ids = fixture.label_ids(10 + index)
        labels, photo, classes = held_out[index]
        _assert_resized(labels, fixture.colours(ids), 32)
        _assert_resized(photo, fixture.photo(10 + index), 32)
        np.testing.assert_array_equal(classes, fixture.train_ids(ids))


def _assert_resized(found, pixels, size):
    expected = Image.fromarray(pixels).resize((size, size), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(found.permute(1, 2, 0), np.asarray(expected))


def test_frames_come_in_the_order_of_torchvisions_reader_once_that_is_sorted(composed, tmp_path):
    root = fixture.write_raw(tmp_path)
    expected = Cityscapes(root, split="val", mode="fine", target_type=["color", "semantic"])
    reader = read(composed, root).dataset("val").reader
    assert [str(path) for path in reader.photos] == sorted(expected.images)
    assert [str(path) for path in reader.labels] == sorted(targets[0] for targets in expected.targets)
    assert [str(path) for path in reader.ids] == sorted(targets[1] for targets in expected.targets)


@pytest.mark.parametrize("held_out", ["test", "val"])
def test_prepared_folders_are_read_as_they_were_written(composed, tmp_path, held_out):
    data = read(composed, fixture.write_folders(tmp_path, held_out), f"data.load={fixture.SIDE}", *_size(fixture.SIDE))
    assert (len(data.dataset("train")), len(data.dataset("val"))) == (11, 11)
    numbers = sorted(range(11), key=str)
    for index, number in enumerate(numbers):
        _assert_prepared(data.dataset("train")[index], number)
        *images, classes = data.dataset("val")[index]
        _assert_prepared(images, 100 + number)
        ids = fixture.label_ids(100 + number, fixture.SIDE, fixture.SIDE)
        np.testing.assert_array_equal(classes, fixture.train_ids(ids))


@pytest.mark.parametrize("held_out", ["test", "val"])
def test_joined_images_are_cut_apart(composed, tmp_path, held_out):
    data = read(composed, fixture.write_joined(tmp_path, held_out), f"data.load={fixture.SIDE}", *_size(fixture.SIDE))
    assert (len(data.dataset("train")), len(data.dataset("val"))) == (3, 2)
    for index in range(3):
        _assert_prepared(data.dataset("train")[index], index + 1)
    for index in range(2):
        *images, classes = data.dataset("val")[index]
        _assert_prepared(images, 101 + index)
        ids = fixture.label_ids(101 + index, fixture.SIDE, fixture.SIDE)
        np.testing.assert_array_equal(classes, fixture.train_ids(ids))


def _size(size):
    return f"data.size={size}", "model.discriminator_layers=2"


def _assert_prepared(images, seed):
    """The label map exactly but for JPEG's rounding; the noisy photo nearly."""
    labels, photo = (image.permute(1, 2, 0).numpy().astype(int) for image in images)
    assert abs(labels - fixture.colours(fixture.label_ids(seed, fixture.SIDE, fixture.SIDE))).max() <= 3
    assert abs(photo - fixture.photo(seed, fixture.SIDE, fixture.SIDE)).mean() < 3


def test_an_epoch_has_as_many_samples_as_the_larger_set_and_the_smaller_takes_turns(composed, tmp_path):
    root = fixture.write_folders(tmp_path)
    for number in range(4):
        (root / "trainB" / f"{number}_B.jpg").unlink()
    train = read(composed, root, "data.load=32", *_size(32)).dataset("train")
    train.redraw(np.random.default_rng(0))
    assert (len(train), len(train.reader.labels), len(train.reader.photos)) == (11, 7, 11)
    assert sorted(train.order.tolist()) == list(range(11))
    assert torch.equal(train[8][0], train[1][0])
    for number in range(4, 11):
        (root / "trainA" / f"{number}_A.jpg").unlink()
    train = read(composed, root, "data.load=32", *_size(32)).dataset("train")
    train.redraw(np.random.default_rng(0))
    assert sorted(train.order.tolist()) == [0, 0, 1, 1, 2, 2, 3]


def test_every_layout_trains_and_is_scored_in_batches(composed, tree):
    data = read(composed, tree, "data.load=36", *_size(32))
    batches = TrainBatches(data, data.dataset("train"), seed=1)
    assert [tuple(images.shape) for images in next(iter(batches))] == [(1, 3, 36, 36)] * 2
    labels, photos, classes = next(iter(EvalBatches(data, data.dataset("val"))))
    assert labels.shape == photos.shape == (2, 3, 32, 32)
    assert classes.shape == (2, 32, 64 if tree.name == "raw" else 32)
    assert torch.equal(pickle.loads(pickle.dumps(data.dataset("val")))[0][0], labels[0])
    assert data.verify()[1] == f"val: {len(data.dataset('val'))} samples, all readable"


def test_a_smaller_set_is_spread_over_the_whole(composed, tmp_path):
    root = fixture.write_folders(tmp_path)
    data = read(composed, root, "data.train_size=2", "data.val_size=4")
    assert [path.name for path in data.dataset("train").reader.photos] == ["0_A.jpg", "4_A.jpg"]
    assert len(data.dataset("val")) == 4
    with pytest.raises(DataError, match=r"testB: 11 images, fewer than data.val_size=12"):
        read(composed, root, "data.val_size=12")


def test_the_fingerprint_changes_with_a_file(composed, tmp_path):
    root = fixture.write_folders(tmp_path)
    before = read(composed, root).fingerprint()
    assert read(composed, root).fingerprint() == before
    (root / "trainA" / "3_A.jpg").unlink()
    assert read(composed, root).fingerprint() != before


# Made-up samples


def test_made_up_samples_share_few_images_and_come_alike_one_by_one_and_in_batches(composed):
    data = Data(composed(TASK, "scale=reference", "data.source=synthetic", "session=steps"))
    assert (len(data.dataset("train")), len(data.dataset("val"))) == (2975, 500)
    for dataset in (data.dataset("train"), data.dataset("val")):
        indices = torch.tensor([5, 400])
        batch = dataset.gather(indices)
        for place, index in enumerate(indices.tolist()):
            assert all(torch.equal(part[place], single) for part, single in zip(batch, dataset[index], strict=True))
    labels, photos, classes = data.dataset("val").gather(torch.arange(3))
    assert labels.shape == photos.shape == (3, 3, 256, 256)
    assert set(classes.unique().tolist()) == {*range(19), 255}
