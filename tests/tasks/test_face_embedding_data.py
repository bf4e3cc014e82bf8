"""Face embedding: its generated, read and made-up samples, its batches and its pairs."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import torch
from fixtures.faces import EACH, FOLDS, HELD_OUT, PAIRS, TRAINED, write_faces
from PIL import Image
from rich.console import Console

from aibench.config import ConfigError
from aibench.contract import DataError
from aibench.results.result import Status
from aibench.tasks.face_embedding.baseline import verified
from aibench.tasks.face_embedding.data import Data
from aibench.tasks.face_embedding.sampling import balanced_batches, balanced_pairs, random_triplets
from aibench.training.run import train

TASK = "task=face_embedding"
REFERENCE = (TASK, "scale=reference", "data.batch_size=4", "data.per_identity=2", "data.workers=0", "data.triplets=50")


@pytest.fixture
def root(tmp_path):
    return write_faces(tmp_path / "faces")


# Batches


@pytest.mark.parametrize(("people", "each"), [(4, 3), (2, 2), (5, 1)])
def test_a_batch_has_as_many_pictures_of_each_of_as_many_people(people, each):
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(9), [1, 2, 3, 4, 5, 9, 12, 12, 30]))
    batches = balanced_batches(labels, people, each, np.random.default_rng(1))
    for batch in batches:
        names, counts = np.unique(labels[batch], return_counts=True)
        assert len(names) == people
        assert set(counts) == {each}
    assert len(set(batches.flatten().tolist())) == batches.size
    hands = [count // each for count in np.bincount(labels)]
    expected = sum(sum(hand > deal for hand in hands) // people for deal in range(30))
    assert len(batches) == expected


def test_the_generator_decides_the_batches_and_not_how_many():
    labels = np.repeat(np.arange(10), 7)
    plans = [balanced_batches(labels, 3, 2, np.random.default_rng(seed)).tolist() for seed in (1, 1, 2)]
    assert plans[0] == plans[1] != plans[2]
    assert len(plans[0]) == len(plans[2])


@pytest.mark.parametrize(("batch", "shape"), [(64, (16, 4)), (16, (4, 4)), (7, (2, 3)), (4, (2, 2))])
def test_half_of_a_batch_shows_one_person_at_most(composed, batch, shape):
    config = composed(TASK, f"data.batch_size={batch}")
    assert config.batch_shape == shape
    data = Data(composed(TASK, f"data.batch_size={batch}", "data.train_size=240", "data.val_size=40"))
    plan = data.plan(data.dataset("train"), np.random.default_rng(0))
    assert {len(indices) for indices in plan} == {math.prod(shape)}


def test_too_few_people_for_a_batch_are_refused(composed):
    data = Data(composed(TASK, "data.train_size=64", "data.val_size=32", "data.batch_size=40"))
    with pytest.raises(ConfigError, match=r"^data.batch_size=40: needs 10 people with 4 training images each"):
        data.plan(data.dataset("train"), np.random.default_rng(0))


# Pairs


def test_pairs_are_as_many_of_either_kind_in_each_fold_and_none_comes_twice():
    labels = np.arange(60) // 3 % 10
    for count, expected in ((100, 100), (10_000, 300)):  # 10 people with 6 pictures each have 150 pairs
        pairs = balanced_pairs(labels, count, 5, np.random.default_rng(0))
        first, second, same, fold = pairs.T
        assert len(pairs) == len({frozenset(pair) for pair in pairs[:, :2].tolist()}) == expected
        assert np.array_equal(labels[first] == labels[second], same == 1)
        for part in range(5):
            assert same[fold == part].sum() * 2 == (fold == part).sum() == expected // 5


def test_triplets_have_an_anchor_one_of_the_same_person_and_one_of_another():
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(6), [1, 2, 3, 4, 5, 1]))
    pairs = random_triplets(labels, 500, 10, np.random.default_rng(1))
    near, far = pairs[:500], pairs[500:]
    assert np.array_equal(near[:, 0], far[:, 0])
    assert np.array_equal(near[:, 3], far[:, 3])
    assert (near[:, 0] != near[:, 1]).all()
    assert (labels[near[:, 0]] == labels[near[:, 1]]).all()
    assert (labels[far[:, 0]] != labels[far[:, 1]]).all()
    assert (near[:, 2] == 1).all()
    assert (far[:, 2] == 0).all()
    possible = {(a, b) for a in range(16) for b in range(16) if a != b and labels[a] == labels[b]}
    assert {tuple(pair) for pair in near[:, :2].tolist()} == possible
    assert len({tuple(pair) for pair in far[:, :2].tolist()}) > 150


# The generated samples


def test_the_splits_share_no_person(composed, monkeypatch):
    drawn = []
    module = "aibench.tasks.face_embedding.data.heads"
    from aibench.vision import heads

    def people(count, generator):
        drawn.append(heads.people(count, generator))
        return drawn[-1]

    monkeypatch.setattr(module, type("heads", (), {"people": people, "portraits": staticmethod(heads.portraits)}))
    data = Data(composed(TASK, "data.train_size=240", "data.val_size=120"))
    assert [len(crowd) for crowd in drawn] == [20, 20], "the test part waits until somebody asks for it"
    data.dataset("test")
    noses = np.concatenate([crowd.nose for crowd in drawn])
    assert len(np.unique(noses, axis=0)) == 60


def test_the_miniature_has_as_many_pictures_of_each_person(composed):
    data = Data(composed(TASK))
    for split, people, each in (("train", 200, 12), ("val", 240, 6), ("test", 240, 6)):
        images, labels = data.dataset(split).tensors
        assert images.dtype == torch.uint8
        assert images.shape == (each * people, 3, 32, 32)
        assert torch.bincount(labels).tolist() == [each] * people
    assert len(data.facts["pairs"]) == 6000
    assert len(data.facts["triplets"]) == 4000


def test_the_pairs_hold_for_either_held_out_part(composed):
    data = Data(composed(TASK))
    first, second, same, _ = np.array(data.facts["pairs"]).T
    for split in ("val", "test"):
        labels = data.dataset(split).tensors[1].numpy()
        assert np.array_equal(labels[first] == labels[second], same == 1)


def test_the_content_is_the_same_on_every_machine_and_with_every_version(composed):
    data = Data(composed(TASK))
    assert (data.fingerprint(), data.dataset("test").fingerprint()) == ("f99dd20aaf4ba67b", "9d57dc87951e25c1")


def test_the_pixels_baseline_is_the_protocol_on_centred_pixels_of_length_one():
    from sklearn.metrics.pairwise import cosine_similarity

    generator = np.random.default_rng(0)
    people = generator.normal(size=(30, 5)).repeat(4, axis=0)
    vectors = people + 0.9 * generator.normal(size=people.shape)
    pairs = balanced_pairs(np.arange(120) // 4, 120, 5, generator)
    alike = cosine_similarity(vectors - vectors.mean(0))
    right = []
    for fold in range(5):
        own, others = (pairs[(pairs[:, 3] == fold) == kind] for kind in (True, False))
        cuts = np.arange(400) / 100
        found = [np.mean((2 - 2 * alike[others[:, 0], others[:, 1]] < cut) == (others[:, 2] == 1)) for cut in cuts]
        right.append(np.mean((2 - 2 * alike[own[:, 0], own[:, 1]] < cuts[np.argmax(found)]) == (own[:, 2] == 1)))
    assert verified(vectors, pairs) == pytest.approx(np.mean(right))
    assert np.mean(right) > 0.6


def test_samples_and_pairs_depend_on_the_seed_of_the_data_alone(composed):
    def drawn(*words):
        torch.manual_seed(len(words))
        np.random.seed(len(words))
        data = Data(composed(TASK, "data.train_size=64", "data.val_size=32", *words))
        return data.dataset("val").tensors[0].tolist(), data.facts

    assert drawn() == drawn("seed=2")
    for one, other in zip(drawn(), drawn("data.seed=1"), strict=True):
        assert one != other


def test_too_few_faces_to_verify_are_refused(composed):
    with pytest.raises(ConfigError, match=r"^data.val_size=5: these faces make no 10 folds of pairs."):
        Data(composed(TASK, "data.train_size=64", "data.val_size=5"))


# VGGFace2 and LFW


@pytest.mark.parametrize("list_in_folder", [True, False])
def test_the_trees_are_read_as_they_were_written(composed, tmp_path, list_in_folder):
    root = write_faces(tmp_path / "faces", list_in_folder=list_in_folder)
    data = Data(composed(*REFERENCE, f"data.root={root}", "model.size=24"))
    trained, held_out = data.dataset("train"), data.dataset("val")
    assert trained.labels.tolist() == [place for place, count in enumerate(TRAINED.values()) for _ in range(count)]
    assert [path.decode() for path in trained.paths[:2]] == ["n000002/0001_01.jpg", "n000002/0002_01.jpg"]
    picture = Image.open(root / "train" / "n000002" / "0002_01.jpg")
    resized = picture.resize((24, int(24 * picture.height / picture.width)), Image.Resampling.BILINEAR)
    top = round((resized.height - 24) / 2)
    by_hand = np.asarray(resized.crop((0, top, 24, top + 24))).transpose(2, 0, 1)
    np.testing.assert_array_equal(trained[1][0].numpy(), by_hand)
    assert len(held_out) == len({image for pair in PAIRS for image in images_of(pair)})
    assert data.verify() == ["train: 15 samples, all readable", f"val: {len(held_out)} samples, all readable"]


def images_of(pair):
    name, number, *rest = pair
    other, last = rest if len(rest) == 2 else (name, rest[0])
    return [f"{name}/{name}_{number:04d}.jpg", f"{other}/{other}_{last:04d}.jpg"]


def test_pairs_and_folds_are_those_of_the_list_in_its_order(composed, root):
    data = Data(composed(*REFERENCE, f"data.root={root}"))
    paths = [path.decode() for path in data.dataset("val").paths]
    assert len(data.facts["pairs"]) == len(PAIRS)
    for place, (found, pair) in enumerate(zip(data.facts["pairs"], PAIRS, strict=True)):
        assert [paths[index] for index in found[:2]] == images_of(pair)
        assert found[2] == (len(pair) == 3)
        assert found[3] == place // (2 * EACH)
    assert {row[3] for row in data.facts["triplets"]} == set(range(FOLDS))


def test_a_smaller_set_has_the_first_people(composed, root):
    assert Data(composed(*REFERENCE, f"data.root={root}", "data.train_size=7")).dataset("train").labels.max() == 1
    with pytest.raises(DataError, match=r"train: 15 images, fewer than data.train_size=16. Lower data.train_size."):
        Data(composed(*REFERENCE, f"data.root={root}", "data.train_size=16"))


def test_processes_that_read_samples_can_be_handed_the_reader(composed, root):
    dataset = Data(composed(*REFERENCE, f"data.root={root}")).dataset("val")
    assert torch.equal(pickle.loads(pickle.dumps(dataset))[0][0], dataset[0][0])


def _replace(line, text):
    def spoil(path):
        lines = path.read_text().splitlines()
        lines[line - 1] = text
        path.write_text("\n".join(lines) + "\n")

    return spoil


def _cut(path):
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_replace(1, "10 folds"), "pairs.txt, line 1: looked for the numbers of folds and pairs, found '10 folds'."),
        (_replace(1, "1\t4"), "pairs.txt, line 1: 1 fold; the protocol needs 2 or more."),
        (_cut, "pairs.txt: 8 lines; 2 folds of twice 2 pairs take 9."),
        (_replace(3, "Zico\t1"), "pairs.txt, line 3: looked for a name and two numbers, found 'Zico"),
        (_replace(4, "Zico\t1\t3"), "pairs.txt, line 4: looked for two names, a number after each, found 'Zico"),
        (_replace(4, "Zico\t1\tZico\t3"), "pairs.txt, line 4: looked for two names, a number after each"),
        (_replace(6, "Li_Na\t1\t7"), "pairs.txt, line 6: no image Li_Na/Li_Na_0007.jpg in "),
    ],
)
def test_a_bad_list_of_pairs_is_named_with_its_line(composed, root, spoil, said):
    spoil(root / "lfw" / "pairs.txt")
    with pytest.raises(DataError) as caught:
        Data(composed(*REFERENCE, f"data.root={root}"))
    assert str(caught.value).startswith(f"{root / 'lfw'}/{said}")


def test_a_damaged_image_and_a_person_without_images_are_named(composed, root):
    path = root / "lfw" / "Zico" / "Zico_0001.jpg"
    path.write_bytes(path.read_bytes()[:200])
    data = Data(composed(*REFERENCE, f"data.root={root}"))
    with pytest.raises(DataError, match=f"^{path}: "):
        data.verify()
    for image in (root / "train" / "n000009").iterdir():
        image.unlink()
    with pytest.raises(DataError, match=r"train/n000009: no image in this person's folder."):
        Data(composed(*REFERENCE, f"data.root={root}"))


def _without_lfw(root):
    (root / "lfw").rename(root / "LFW")


def _without_pairs(root):
    (root / "lfw" / "pairs.txt").unlink()


def _flat(root):
    for path in [*(root / "train").glob("*/*")]:
        path.rename(root / "train" / f"{path.parent.name}_{path.name}")
    for name in TRAINED:
        (root / "train" / name).rmdir()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_without_lfw, "looked for the folders train (VGGFace2) and lfw (LFW), found LFW, train."),
        (_without_pairs, "looked for pairs.txt in lfw and beside it, found none."),
        (_flat, "looked for a folder for each person in train, found 15 images and no folder."),
    ],
)
def test_a_wrong_layout_is_refused(composed, root, spoil, said):
    spoil(root)
    with pytest.raises(ConfigError) as caught:
        composed(*REFERENCE, f"data.root={root}")
    assert str(caught.value).startswith(f"data.root={root}: {said}")


def test_a_part_of_lfw_is_refused(composed, root):
    with pytest.raises(ConfigError, match=r"^data.val_size=4: LFW's list of pairs says which images are held out."):
        composed(*REFERENCE, f"data.root={root}", "data.val_size=4")


@pytest.mark.slow
def test_the_reference_trains_on_the_trees(composed, root, tmp_path):
    small = ("model.size=64", "data.eval_batch_size=4", "hardware=cpu", "session=epochs", "epochs=1")
    (tmp_path / "run").mkdir()
    words = ("data.workers=1", "target.evaluations_per_epoch=1")
    config = composed(*REFERENCE, f"data.root={root}", *small, *words)
    result = train(config, tmp_path / "run", None, Console(quiet=True))
    assert result.status is Status.completed, result.message
    assert math.isfinite(result.history[-1].metrics["val/accuracy"])
    assert sum(HELD_OUT.values()) > len(Data(config).dataset("val"))


# Made-up samples


def test_made_up_samples_share_few_images_and_come_alike_one_by_one_and_in_batches(composed):
    data = Data(composed(TASK, "scale=reference", "data.source=synthetic", "session=steps"))
    dataset = data.dataset("train")
    assert len(dataset) == 3_141_890
    assert sum(tensor.nbytes for tensor in dataset.tensors) < 20e6
    indices = torch.tensor([5, 1_000_000])
    images, labels = dataset.gather(indices)
    assert images.shape == (2, 3, 224, 224)
    for place, index in enumerate(indices.tolist()):
        image, label = dataset[index]
        assert torch.equal(image, images[place])
        assert label == labels[place]
