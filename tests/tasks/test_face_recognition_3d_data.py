"""3D face recognition: its generated, read and made-up samples."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import torch
from fixtures.rgbd import IN_EVAL, IN_TRAIN, PEOPLE, write_biwi, write_pairs
from PIL import Image
from rich.console import Console

from aibench.config import ConfigError
from aibench.contract import DataError
from aibench.results.result import Status
from aibench.tasks.face_recognition_3d.data import Data
from aibench.tasks.face_recognition_3d.depth import levels
from aibench.training.run import train

TASK = "task=face_recognition_3d"
REFERENCE = (TASK, "scale=reference", "data.classes=3", "data.batch_size=4", "data.workers=0")
BIWI = (TASK, "scale=reference", "data=face_recognition_3d/biwi", "data.workers=0")


@pytest.fixture
def pairs(tmp_path):
    return write_pairs(tmp_path / "vggface3d")


# The generated samples


def test_the_parts_show_the_same_people_in_different_pictures(composed):
    data = Data(composed(TASK, "data.train_size=80", "data.val_size=80"))
    parts = [data.dataset(split).tensors for split in data.parts]
    assert data.parts == ("train", "val", "test")
    for images, labels in parts:
        assert labels.tolist() == [index % 40 for index in range(80)]
        assert images.dtype == torch.uint8
        assert images.shape == (80, 4, 32, 32)
    everything = torch.cat([images for images, _ in parts]).flatten(1)
    assert len(everything.unique(dim=0)) == 240


def test_the_content_is_the_same_on_every_machine_and_with_every_version(composed):
    data = Data(composed(TASK))
    assert (data.fingerprint(), data.dataset("test").fingerprint()) == ("a0245bf14acda78b", "6a86f3e3a2243119")


def test_the_nearest_picture_is_that_of_a_loop_over_all_pixels(composed):
    data = Data(composed(TASK, "data.train_size=120", "data.val_size=40", "data.classes=4"))
    baseline = next(data.baselines())
    trained, people = (tensor.double().numpy() for tensor in data.dataset("train").tensors)
    for part in ("val", "test"):
        images, labels = (tensor.double().numpy() for tensor in data.dataset(part).tensors)
        answers = [people[np.argmin([((image - other) ** 2).sum() for other in trained])] for image in images]
        assert baseline.quality[part] == pytest.approx(np.mean(answers == labels))


def test_samples_depend_on_the_seed_of_the_data_alone(composed):
    def images(*words):
        torch.manual_seed(len(words))
        np.random.seed(len(words))
        return Data(composed(TASK, "data.train_size=64", "data.val_size=8", *words)).dataset("val").tensors[0]

    assert torch.equal(images(), images("seed=2"))
    assert not torch.equal(images(), images("data.seed=1"))


# Depth


@pytest.mark.parametrize(("near", "far"), [(-150.0, 150.0), (56.0, 0.0)])
def test_depths_become_one_to_255_and_what_is_unknown_zero(near, far):
    depth = np.random.default_rng(0).uniform(min(near, far) - 20, max(near, far) + 20, (9, 7))
    known = depth > min(near, far) + 10
    found = levels(depth, known, near, far)
    for row, column in np.ndindex(depth.shape):
        part = min(1.0, max(0.0, (depth[row, column] - far) / (near - far)))
        expected = round(1 + 254 * part) if known[row, column] else 0
        assert abs(int(found[row, column]) - expected) <= (1 if known[row, column] else 0)
    assert found.dtype == np.uint8


# The authors' lists


def test_the_lists_are_read_and_the_classes_are_those_of_the_training_list(composed, pairs):
    data = Data(composed(*REFERENCE, f"data.root={pairs}"))
    assert data.facts == {"classes": sorted(PEOPLE)}
    assert [len(data.dataset(split)) for split in ("train", "val")] == [3 * IN_TRAIN, 3 * IN_EVAL]
    for split in ("train", "val"):
        dataset = data.dataset(split)
        for index in range(len(dataset)):
            image, label = dataset[index]
            assert image.shape == (4, 224, 224)
            assert image.dtype == torch.uint8
            brightest = int(image[:3].float().mean((1, 2)).argmax())
            assert sorted(PEOPLE)[label] == PEOPLE[brightest]
    assert data.verify() == ["train: 12 samples, all readable", "val: 6 samples, all readable"]


def test_a_sample_is_its_files_resized(composed, pairs):
    image, _ = Data(composed(*REFERENCE, f"data.root={pairs}", "data.size=20")).dataset("val")[0]
    stem = pairs / PEOPLE[0] / f"{IN_TRAIN:04d}_01"
    colours = np.asarray(Image.open(f"{stem}.png").resize((20, 20), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(image[:3].numpy(), colours.transpose(2, 0, 1))
    depth = np.load(f"{stem}.npy")
    for row in range(20):
        for column in range(20):
            value = depth[int((row + 0.5) * depth.shape[0] / 20), int((column + 0.5) * depth.shape[1] / 20)]
            expected = 0 if value == 0 else 1 + 254 * value / 56
            assert float(image[3, row, column]) == pytest.approx(expected, abs=0.51)


def test_a_smaller_set_has_evenly_spaced_lines(composed, pairs):
    data = Data(composed(*REFERENCE, f"data.root={pairs}", "data.train_size=6", "data.val_size=3"))
    assert sorted(data.dataset("val").labels.tolist()) == [0, 1, 2]
    with pytest.raises(DataError, match=r"eval.csv: 6 pairs, fewer than data.val_size=7"):
        Data(composed(*REFERENCE, f"data.root={pairs}", "data.val_size=7"))


def test_processes_that_read_samples_can_be_handed_the_reader(composed, pairs):
    dataset = Data(composed(*REFERENCE, f"data.root={pairs}")).dataset("val")
    assert torch.equal(pickle.loads(pickle.dumps(dataset))[0][0], dataset[0][0])


def test_the_fingerprint_changes_with_a_line(composed, pairs):
    def fingerprint():
        return Data(composed(*REFERENCE, f"data.root={pairs}")).fingerprint()

    before = fingerprint()
    assert fingerprint() == before
    lines = (pairs / "eval.csv").read_text().splitlines()
    (pairs / "eval.csv").write_text("\n".join(lines[:-1]) + "\n")
    assert fingerprint() != before


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a.png,b.npy", r"eval.csv, line 8: looked for rgb_image_path,dep_image_path,cls_name, found 'a.png,b.npy'\."),
        ("a.png,b.npy,n009", r"eval.csv, line 8: the person 'n009' is not in train.csv, which fixes the classes\."),
    ],
)
def test_a_bad_line_is_named(composed, pairs, line, said):
    with (pairs / "eval.csv").open("a") as lines:
        lines.write(f"{line}\n")
    with pytest.raises(DataError, match=said):
        Data(composed(*REFERENCE, f"data.root={pairs}"))


def _of_other_size(path):
    np.save(path, np.zeros((3, 4)))


def _of_three_dimensions(path):
    np.save(path, np.zeros((3, 4, 1)))


def _of_words(path):
    np.save(path, np.array([["a"]]))


def _cut_off(path):
    path.write_bytes(path.read_bytes()[:200])


def _no_array(path):
    path.write_bytes(b"<html>")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_of_other_size, r"depths of shape \(3, 4\), and 0004_01.png has 52 rows of 35 pixels. Restore the pair."),
        (_of_three_dimensions, r"looked for depths of shape \(height, width\), found shape \(3, 4, 1\)."),
        (_of_words, r"looked for depths of shape \(height, width\), found shape \(1, 1\)."),
        (_cut_off, r"not an array of depths \(.*\). Restore this file."),
        (_no_array, r"not an array of depths \(.*\). Restore this file."),
        (lambda path: path.unlink(), "No such file or directory. Restore this file."),
    ],
)
def test_damaged_depths_are_named(composed, pairs, spoil, said):
    path = pairs / PEOPLE[0] / "0004_01.npy"
    spoil(path)
    with pytest.raises(DataError, match=f"^{path}: {said}") as caught:
        Data(composed(*REFERENCE, f"data.root={pairs}")).dataset("val")[0]
    assert "\n" not in str(caught.value)


def test_a_damaged_picture_is_named(composed, pairs):
    path = pairs / PEOPLE[0] / "0004_01.png"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=f"^{path}: "):
        Data(composed(*REFERENCE, f"data.root={pairs}")).dataset("val")[0]


def _without_list(root):
    (root / "eval.csv").unlink()


def _other_header(root):
    (root / "train.csv").write_text("id,name\n")


def _missing_person(root):
    lines = (root / "train.csv").read_text().splitlines()
    (root / "train.csv").write_text("\n".join(line for line in lines if PEOPLE[0] not in line) + "\n")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_without_list, f"looked for train.csv and eval.csv, found {', '.join(sorted(PEOPLE))}, test.csv, train.csv."),
        (_other_header, "looked for the columns rgb_image_path,dep_image_path,cls_name in train.csv, found id,name."),
        (_missing_person, "train.csv names 2 classes, and data.classes=3. Complete the list, or set data.classes=2."),
    ],
)
def test_a_wrong_layout_is_refused(composed, pairs, spoil, said):
    spoil(pairs)
    with pytest.raises(ConfigError) as caught:
        composed(*REFERENCE, f"data.root={pairs}")
    assert str(caught.value).startswith(f"data.root={pairs}: {said}")


@pytest.mark.slow
def test_the_reference_trains_on_either_layout(composed, pairs, tmp_path):
    biwi = write_biwi(tmp_path / "kinect", frames=4)
    for name, words in (("pairs", (*REFERENCE, f"data.root={pairs}")), ("biwi", (*BIWI, f"data.root={biwi}"))):
        small = ("data.size=32", "data.train_size=12", "data.val_size=6", "data.batch_size=4", "hardware=cpu")
        (tmp_path / name).mkdir()
        config = composed(*words, *small, "data.workers=1", "session=epochs", "epochs=1")
        result = train(config, tmp_path / name, None, Console(quiet=True))
        assert result.status is Status.completed, result.message
        assert math.isfinite(result.history[-1].metrics["val/accuracy"])


# Made-up samples


def test_made_up_samples_share_few_images_and_come_alike_one_by_one_and_in_batches(composed):
    data = Data(composed(TASK, "scale=reference", "data.source=synthetic", "session=steps"))
    train_set = data.dataset("train")
    assert len(train_set) == 62_172
    assert sum(tensor.nbytes for tensor in train_set.tensors) < 20e6
    assert len(data.facts["classes"]) == 253
    indices = torch.tensor([5, 60_000])
    images, labels = train_set.gather(indices)
    assert images.shape == (2, 4, 224, 224)
    for place, index in enumerate(indices.tolist()):
        image, label = train_set[index]
        assert torch.equal(image, images[place])
        assert label == labels[place]
