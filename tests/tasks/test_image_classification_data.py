"""Image classification: its generated, read and made-up samples."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import torch
from fixtures.imagenet import CLASSES, write_imagenet
from PIL import Image
from rich.console import Console
from scipy.io import savemat

from aibench.config import ConfigError
from aibench.contract import DataError
from aibench.datasets.unpack import unpack
from aibench.results.result import Status
from aibench.tasks.image_classification.cluttered import COLUMNS, HELD_OUT, cluttered_digits
from aibench.tasks.image_classification.data import Data
from aibench.tasks.image_classification.origin import ORIGIN, arrange
from aibench.training.run import train
from aibench.vision.embedded import digits, photographs
from aibench.vision.files import read_image

TASK = "task=image_classification"
REFERENCE = (TASK, "scale=reference", "data.classes=3", "data.batch_size=4")


@pytest.fixture
def tree(tmp_path):
    return write_imagenet(tmp_path / "imagenet")


# The generated samples


def test_no_two_parts_share_a_digit_or_a_column_of_a_photograph(monkeypatch):
    pictures, labels = digits()
    numbered = np.arange(len(labels))
    columns = np.broadcast_to(np.arange(640) // 4, (427, 640)).astype(np.uint8)
    coordinates = np.stack([columns] * 3, axis=2)
    module = "aibench.tasks.image_classification.cluttered"
    monkeypatch.setattr(f"{module}.digits", lambda: (np.zeros_like(pictures), numbered))
    monkeypatch.setattr(f"{module}.photographs", lambda: (coordinates, coordinates))
    monkeypatch.setattr(f"{module}._NOISE", 0.0)
    seen = {split: cluttered_digits(split, None, 0) for split in COLUMNS}
    for part in (0, 1):
        own = [set(seen[split][part].unique().tolist()) for split in COLUMNS]
        assert all(own)
        assert len(set.union(*own)) == sum(map(len, own))
    assert [len(seen[split][1].unique()) for split in COLUMNS] == [1280, HELD_OUT, HELD_OUT]
    twice = cluttered_digits("val", 2 * HELD_OUT, 0)[1]
    assert torch.equal(twice[:HELD_OUT], twice[HELD_OUT:]), "the digits take turns"


def test_a_digit_stands_out_from_its_photograph():
    with_digit, _ = cluttered_digits("val", 400, 0)
    inner = with_digit[:, :, 8:24, 8:24].float().flatten(1)
    border = with_digit[:, :, [0, -1]].float().flatten(1)
    assert inner.std(1).median() > 1.5 * border.std(1).median()


def test_samples_depend_on_the_seed_of_the_data_alone():
    torch.manual_seed(1)
    np.random.seed(1)
    images, labels = cluttered_digits("train", 50, 3)
    again, same = cluttered_digits("train", 50, 3)
    other, _ = cluttered_digits("train", 50, 4)
    assert images.dtype == torch.uint8
    assert torch.equal(images, again)
    assert torch.equal(labels, same)
    assert not torch.equal(images, other)


def test_a_sample_is_its_photograph_where_the_digit_has_no_ink(monkeypatch):
    module = "aibench.tasks.image_classification.cluttered"
    pictures, labels = digits()
    monkeypatch.setattr(f"{module}.digits", lambda: (np.zeros_like(pictures), labels))
    monkeypatch.setattr(f"{module}._NOISE", 0.0)
    images, _ = cluttered_digits("val", 3, 0)
    for image in images.permute(0, 2, 3, 1).numpy():
        assert any(
            np.array_equal(photo[top : top + 32, left : left + 32], image)
            for photo in photographs()
            for top, left in np.argwhere((photo == image[0, 0]).all(2))
            if left >= 400
        )


# The tree on disk


@pytest.mark.parametrize("val", ["val", "validation"])
def test_the_tree_is_read_whatever_the_format_of_its_images(composed, tmp_path, val):
    root = write_imagenet(tmp_path, val)
    data = Data(composed(*REFERENCE, f"data.root={root}"))
    train, held_out = data.dataset("train"), data.dataset("val")
    assert data.facts == {"classes": list(CLASSES)}
    assert (len(train), len(held_out)) == (12, 6)
    for dataset in (train, held_out):
        for index in range(len(dataset)):
            image, label = dataset[index]
            assert image.shape == (3, 224, 224)
            assert image.dtype == torch.uint8
            assert dataset.path(index).parent.name == CLASSES[label]
            if Image.open(dataset.path(index)).mode == "RGB":
                assert image.float().mean((1, 2)).argmax() == label, "the bright colour tells the class"
    assert data.verify() == ["train: 12 samples, all readable", "val: 6 samples, all readable"]


def test_class_indices_are_those_of_torchvisions_reader(composed, tree):
    from torchvision.datasets import ImageFolder

    dataset = Data(composed(*REFERENCE, f"data.root={tree}")).dataset("train")
    expected = ImageFolder(tree / "train").samples
    assert [(str(dataset.path(i)), int(dataset.labels[i])) for i in range(len(dataset))] == expected


def test_a_held_out_image_is_its_resized_middle(composed, tree):
    dataset = Data(composed(*REFERENCE, f"data.root={tree}")).dataset("val")
    picture = Image.open(dataset.path(3)).convert("RGB")
    width, height = picture.size
    resized = picture.resize((int(256 * width / height), 256), Image.Resampling.BILINEAR)
    left, top = round((resized.width - 224) / 2), (256 - 224) // 2
    by_hand = np.asarray(resized.crop((left, top, left + 224, top + 224))).transpose(2, 0, 1)
    difference = np.abs(dataset[3][0].numpy().astype(int) - by_hand)  # Pillow rounds between its two directions
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.002


def test_a_smaller_set_has_images_of_all_classes(composed, tree):
    data = Data(composed(*REFERENCE, f"data.root={tree}", "data.train_size=6", "data.val_size=3"))
    assert data.dataset("train").labels.tolist() == [0, 0, 1, 1, 2, 2]
    assert data.dataset("val").labels.tolist() == [0, 1, 2]
    with pytest.raises(DataError, match=r"val: 6 images, fewer than data.val_size=7"):
        Data(composed(*REFERENCE, f"data.root={tree}", "data.val_size=7"))


def test_processes_that_read_samples_can_be_handed_the_reader(composed, tree):
    dataset = Data(composed(*REFERENCE, f"data.root={tree}")).dataset("val")
    assert torch.equal(pickle.loads(pickle.dumps(dataset))[0][0], dataset[0][0])


def test_the_fingerprint_changes_with_a_file(composed, tree):
    def fingerprint():
        return Data(composed(*REFERENCE, f"data.root={tree}")).fingerprint()

    before = fingerprint()
    assert fingerprint() == before
    (tree / "val" / CLASSES[0] / f"{CLASSES[0]}_1.JPEG").unlink()
    assert fingerprint() != before


@pytest.mark.parametrize("damage", ["cut off", "not an image", "empty"])
def test_a_damaged_image_is_named(composed, tree, damage):
    path = tree / "train" / CLASSES[1] / f"{CLASSES[1]}_2.JPEG"
    whole = path.read_bytes()
    path.write_bytes({"cut off": whole[: len(whole) // 2], "not an image": b"<html>", "empty": b""}[damage])
    dataset = Data(composed(*REFERENCE, f"data.root={tree}")).dataset("train")
    with pytest.raises(DataError) as caught:
        [dataset[index] for index in range(len(dataset))]
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert message.count(str(path)) == 1
    assert "\n" not in message


def test_a_missing_image_is_named(tmp_path):
    with pytest.raises(DataError, match=r"gone.JPEG: No such file or directory. Restore this file."):
        read_image(tmp_path / "gone.JPEG")


def test_a_class_without_images_is_named(composed, tree):
    for path in (tree / "val" / CLASSES[2]).iterdir():
        path.rename(path.with_suffix(".txt"))
    with pytest.raises(DataError, match=rf"val/{CLASSES[2]}: no image in this class folder"):
        Data(composed(*REFERENCE, f"data.root={tree}"))


def _without_train(root):
    (root / "train").rename(root / "training")


def _flat_val(root):
    for path in [*(root / "val").glob("*/*")]:
        path.rename(root / "val" / path.name)
    for folder in CLASSES:
        (root / "val" / folder).rmdir()


def _strange_class(root):
    (root / "val" / CLASSES[0]).rename(root / "val" / "n99999999")


def _missing_class(root):
    for split in ("train", "val"):
        for path in [*(root / split / CLASSES[0]).iterdir()]:
            path.unlink()
        (root / split / CLASSES[0]).rmdir()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_without_train, "looked for the folders train and val (or validation), found training, val."),
        (_flat_val, "looked for a folder for each class in val, found 6 images and no folder. Sort the images"),
        (_strange_class, "val has classes that train lacks: n99999999."),
        (_missing_class, "2 class folders in train, and data.classes=3. Complete the data set, or set data.classes=2."),
    ],
)
def test_a_wrong_layout_is_refused(composed, tree, spoil, said):
    spoil(tree)
    with pytest.raises(ConfigError) as caught:
        composed(*REFERENCE, f"data.root={tree}")
    assert str(caught.value).startswith(f"data.root={tree}: {said}")


@pytest.mark.slow
def test_the_reference_trains_on_a_tree_and_ends_at_a_damaged_image(composed, tree, tmp_path):
    small = ("data.size=64", "data.resize=72", "data.eval_batch_size=4", "data.workers=2", "hardware=cpu")
    config = composed(*REFERENCE, f"data.root={tree}", *small, "session=epochs", "epochs=1")
    (tmp_path / "run").mkdir()
    result = train(config, tmp_path / "run", None, Console(quiet=True))
    assert result.status is Status.completed, result.message
    assert math.isfinite(result.history[-1].metrics["val/accuracy"])
    damaged = tree / "train" / CLASSES[1] / f"{CLASSES[1]}_2.JPEG"
    damaged.write_bytes(damaged.read_bytes()[:500])
    with pytest.raises(DataError) as caught:
        train(config, tmp_path / "run", None, Console(quiet=True))
    assert str(caught.value).startswith(f"{damaged}: ")


# Made-up samples


def test_made_up_samples_share_few_images_and_come_alike_one_by_one_and_in_batches(composed):
    data = Data(composed(TASK, "scale=reference", "data.source=synthetic", "session=steps"))
    train = data.dataset("train")
    assert len(train) == 1_281_167
    assert train.tensors[0].nbytes < 20e6
    assert len(data.facts["classes"]) == 1000
    indices = torch.tensor([5, 1_000_000])
    images, labels = train.gather(indices)
    assert images.shape == (2, 3, 224, 224)
    for place, index in enumerate(indices.tolist()):
        image, label = train[index]
        assert torch.equal(image, images[place])
        assert label == labels[place]


def test_held_out_pictures_that_were_sorted_into_classes_are_not_unpacked_again(tmp_path):
    names = [f"ILSVRC2012_val_{number:08}.JPEG" for number in (1, 2, 3)]
    fetched, root = tmp_path / "fetched", tmp_path / "root"
    (fetched / "kit/data").mkdir(parents=True)
    for name in names:
        (fetched / name).write_bytes(name.encode())
    synsets = np.zeros(2, dtype=[("ILSVRC2012_ID", "i4"), ("WNID", "O")])
    synsets["ILSVRC2012_ID"], synsets["WNID"] = [1, 2], ["n01", "n02"]
    savemat(fetched / "kit/data/meta.mat", {"synsets": synsets})
    (fetched / "kit/data/ILSVRC2012_validation_ground_truth.txt").write_text("2\n1\n2\n")
    assert unpack(fetched, root, ORIGIN, lambda *_: None).written == 5
    arrange(root)
    places = sorted(path.relative_to(root / "val").as_posix() for path in root.glob("val/*/*"))
    assert places == [f"n01/{names[1]}", f"n02/{names[0]}", f"n02/{names[2]}"]
    again = unpack(fetched, root, ORIGIN, lambda *_: None)
    assert (again.written, again.there) == (0, 5)
    arrange(root)
    assert not (root / "val/unsorted").exists()
