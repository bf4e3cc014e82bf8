"""What the caption generator is trained on: generated scenes, and COCO 2014 as it lies on disk."""

from __future__ import annotations

import copy
import functools
import json
import math
import re

import numpy as np
import pytest
import torch
from PIL import Image

from aibench.composition.compose import composed
from aibench.config import ConfigError, Source
from aibench.config.checks import problems
from aibench.contract import DataError, example_batch
from aibench.tasks.image_to_text import coco, grammar, layout, scenes
from aibench.tasks.image_to_text.data import Data
from aibench.text.vocabulary import BOS, EOS, UNK
from tests.fixtures.coco import TRAIN, VAL, file_name, write_coco

TASK = "task=image_to_text"
SMALL = (TASK, "data.train_size=32", "data.val_size=6", "data.batch_size=8", "data.eval_batch_size=4")
ON_DISK = (TASK, "scale=reference", "data.workers=0", "data.batch_size=2", "data.least_count=2", "model.size=32")


@functools.cache
def _composed_once(words):
    return composed(words)


@functools.cache
def small_data():
    return Data(_composed_once(SMALL))


@pytest.fixture
def root(tmp_path):
    return write_coco(tmp_path / "coco")


def on_disk(root, **changes):
    """The data below `root`, as a run at reference scale with a frozen encoder of made-up weights reads them."""
    config = copy.deepcopy(_composed_once((*ON_DISK, "data.source=synthetic", "session=steps")))
    config.data.source, config.data.root, config.model.frozen = Source.disk, str(root), False
    config.data.cache = str(root.parent / "cache")
    for name, value in changes.items():
        setattr(config.data, name, value)
    assert not list(problems(config))
    return Data(config)


# Generated scenes


def every_scene(split):
    pairs = scenes.pairs(split, 0).tolist()
    return [grammar.Scene(*pair, beside) for pair in pairs + [pair[::-1] for pair in pairs] for beside in (False, True)]


def test_two_parts_share_no_pair_of_kinds_and_each_kind_is_in_all():
    parts = [{tuple(pair) for pair in scenes.pairs(split, 0).tolist()} for split in scenes.PAIRS]
    assert [len(pairs) for pairs in parts] == [315, 60, 60]
    assert len(set().union(*parts)) == sum(map(len, parts)) == math.comb(30, 2)
    assert all({kind for pair in pairs for kind in pair} == set(range(30)) for pairs in parts)


def test_no_two_scenes_share_a_description_and_no_scene_has_one_twice():
    texts = {split: set() for split in scenes.PAIRS}
    for split, found in texts.items():
        found |= {grammar.description(scene, number) for scene in every_scene(split) for number in range(12)}
        assert len(found) == scenes.PAIRS[split] * 2 * 2 * 12
    assert len(set().union(*texts.values())) == sum(map(len, texts.values()))


def test_two_parts_share_no_column_of_a_photograph():
    ranges = [set(range(*columns)) for columns in scenes.COLUMNS.values()]
    assert len(set().union(*ranges)) == sum(map(len, ranges)) == 640


def test_the_test_part_is_as_large_as_the_held_out_one_and_shares_no_caption_with_any():
    data = small_data()
    assert data.parts == ("train", "val", "test")
    assert len(data.dataset("test")) == len(data.dataset("val"))
    said = [
        {tuple(row.captions[at].tolist()) for at in range(len(row.captions))} for row in map(data.dataset, data.parts)
    ]
    assert not said[2] & (said[0] | said[1])
    assert UNK not in np.concatenate([np.array(words) for words in said[2]])


def test_a_description_says_what_the_scene_is():
    red_circle, blue_ring = 0, 2 * 5 + 3
    scene = grammar.Scene(red_circle, blue_ring, beside=False)
    texts = {grammar.description(scene, number) for number in range(12)}
    assert "a red circle above a blue ring" in texts
    assert "a red circle with a blue ring under it" in texts
    texts = {grammar.description(scene._replace(beside=True), number) for number in range(12)}
    assert "there is a red circle to the left of a blue ring" in texts
    assert "a red circle and right of it a blue ring" in texts


def test_every_description_is_as_likely_as_any_other():
    scene = grammar.Scene(0, 1, beside=True)
    rows = grammar.drawn([scene] * 1200, 5, np.random.default_rng(0))
    assert all(len(set(row)) == 5 for row in rows)
    counts = np.unique([text for row in rows for text in row], return_counts=True)[1]
    assert len(counts) == 12
    assert np.all(np.abs(counts - 500) < 5 * np.sqrt(500))


@pytest.mark.parametrize("relation", ["above", "left of"])
def test_the_colours_of_a_picture_lie_where_its_description_puts_them(relation):
    pictures, texts = scenes.captioned_scenes("val", 600, 32, 0)
    checked = 0
    for picture, row in zip(pictures.astype(int), texts, strict=True):
        told = [re.fullmatch(rf"a (red|blue) \w+ (is )?{relation} a (red|blue) \w+", text) for text in row]
        for colours in {(match[1], match[3]) for match in told if match and match[1] != match[3]}:
            middles = [np.argwhere(redness_or_blueness(picture, colour) > 110).mean(0) for colour in colours]
            axis = 0 if relation == "above" else 1
            assert middles[0][axis] < middles[1][axis] - 5
            checked += 1
    assert checked >= 3


def redness_or_blueness(picture, colour):
    return picture[0] - picture[1:].max(0) if colour == "red" else picture[2] - picture[:2].max(0)


@pytest.mark.parametrize(("name", "area"), [("circle", math.pi), ("square", 1.76**2), ("cross", 4 * 0.6 - 0.36)])
def test_a_shape_covers_its_area(name, area):
    radius = 160  # twenty pixels
    inside = scenes._inside(np.array([grammar.SHAPES.index(name)]), *np.int32([[256], [256], [radius]]), 64)
    assert inside.sum() == pytest.approx(area * 20**2, rel=0.06)  # of whole pixels


def test_a_batch_gathered_at_once_is_one_collated_sample_by_sample():
    for split, indices in (("train", [31, 0, 7]), ("val", [5, 0, 2])):
        dataset = small_data().dataset(split)
        gathered = dataset.gather(torch.tensor(indices))
        collated = small_data().collate([dataset[index] for index in indices])
        for one, other in zip(gathered, collated, strict=True):
            assert torch.equal(one, other)


def test_a_training_sample_is_one_caption_and_a_held_out_one_has_five():
    images, captions, owners = example_batch(small_data(), "train", 8)
    assert (len(images), len(captions), owners.tolist()) == (8, 8, list(range(8)))
    images, captions, owners = example_batch(small_data(), "val", 3)
    assert (len(images), owners.tolist()) == (3, [0] * 5 + [1] * 5 + [2] * 5)
    assert bool((captions[:, 0] == BOS).all())
    assert bool(((captions == EOS).sum(1) == 1).all())


def test_facts_have_the_size_of_the_vocabulary():
    facts = small_data().facts
    assert facts["vocabulary"] == len(facts["words"])
    assert {"circle", "purple", "above", "picture"} <= set(facts["words"])


def test_made_up_samples_have_cocos_sizes_and_take_turns():
    words = (TASK, "scale=reference", "data.source=synthetic", "session=steps", "model.size=32", "data.vocabulary=50")
    data = Data(_composed_once(words))
    train, val = (data.dataset(split) for split in ("train", "val"))
    assert (len(train), len(val), data.facts["vocabulary"]) == (414_113, 40_504, 50)
    last = train.gather(torch.tensor([414_112, 3, 3 + 64 * 5]))
    assert torch.equal(last[1][1], last[1][2])
    assert int(last[1].max()) < 50


# COCO on disk


def test_captions_are_read_image_by_image_without_the_image_that_has_none(root):
    data = on_disk(root)
    train, val = (data.dataset(split) for split in ("train", "val"))
    assert (len(train), len(val)) == (15, 2)
    known = set(data.vocabulary.words)
    for dataset, texts in ((train, TRAIN), (val, VAL)):
        captions = [
            data.vocabulary.decode(caption.tolist()) for caption in map(dataset.captions.__getitem__, range(10))
        ]
        typed = [text for row in texts for text in row][:10]
        assert captions == [[word if word in known else "<unk>" for word in coco.words(text)] for text in typed]
    assert "zebra" not in known


def test_an_image_is_made_square_and_cut(root):
    dataset = on_disk(root, margin=0).dataset("val")
    picture = (
        Image.open(root / "val2014" / file_name("val2014", 14))
        .convert("RGB")
        .resize((32, 32), Image.Resampling.LANCZOS)
    )
    np.testing.assert_array_equal(dataset[1][0].permute(1, 2, 0).numpy(), np.asarray(picture))
    (image, captions), (again, _) = dataset[1], on_disk(root, margin=8).dataset("val")[1]
    assert len(captions) == 5
    assert image.shape == again.shape == (3, 32, 32)
    grey = on_disk(root).dataset("train")[5][0]
    assert grey.shape == (3, 32, 32)


def test_half_of_the_training_images_are_mirrored(root):
    """The pictures are brighter to the right."""
    dataset = on_disk(root, mirror=True).dataset("train")
    torch.manual_seed(0)
    turned = []
    for _ in range(60):
        image = dataset[0][0].float()
        turned.append(bool(image[..., :16].mean() > image[..., 16:].mean()))
    assert 15 < sum(turned) < 45


@pytest.mark.slow  # to import NLTK takes seconds
def test_words_are_those_of_nltk():
    nltk = pytest.importorskip("nltk.tokenize")
    texts = [text for row in (*TRAIN, *VAL) for text in row]
    texts += ["Don't they've got a well-known, half-eaten (red) apple?", "A man's 3 dogs; it's 5:30 & he'll run!"]
    for text in texts:
        assert coco.words(text) == nltk.word_tokenize(text.lower().strip(), preserve_line=True), text


def test_rare_words_of_the_training_captions_and_all_others_are_unknown(root):
    data = on_disk(root, least_count=4)
    counts = {}
    for word in (word for row in TRAIN for text in row for word in coco.words(text)):
        counts[word] = counts.get(word, 0) + 1
    assert set(data.vocabulary.words[4:]) == {word for word, count in counts.items() if count >= 4}
    assert UNK in data.dataset("val")[0][1][0].tolist()


def test_karpathys_split_trains_on_restval_and_holds_out_test(root):
    config_like = on_disk(root, split=layout.Split.karpathy)
    train, val = (config_like.dataset(split) for split in ("train", "val"))
    assert sorted(file.decode() for file in train.images.files) == sorted(
        [
            *(f"train2014/{file_name('train2014', number)}" for number in (5, 14, 23)),
            f"val2014/{file_name('val2014', 5)}",
        ]
    )
    assert [file.decode() for file in val.images.files] == [f"val2014/{file_name('val2014', 14)}"]
    assert (len(train), len(val)) == (20, 1)


def test_the_vocabulary_is_made_once_and_anew_for_other_files(root, capsys):
    first = on_disk(root).fingerprint()
    assert "into words (once; kept in " in capsys.readouterr().out
    assert on_disk(root).fingerprint() == first
    assert capsys.readouterr().out == ""
    change(root, "captions_train2014.json", lambda text: text.replace("Two dogs and a horse.", "Two dogs and a dog."))
    assert on_disk(root).fingerprint() != first
    assert "into words (once; kept in " in capsys.readouterr().out


def test_everything_is_read_when_it_is_verified(root):
    assert on_disk(root).verify() == ["train: 15 samples, all readable", "val: 2 samples, all readable"]


def test_fewer_samples_can_be_asked_for_but_not_more(root):
    assert len(on_disk(root, train_size=4, val_size=1).dataset("train")) == 4
    with pytest.raises(DataError, match=r"15 captions, fewer than data\.train_size=16\. Lower it\."):
        on_disk(root, train_size=16)


# Faults


def change(root, name, edit):
    path = root / "annotations" / name
    text = path.read_text()
    path.write_text(edit(text))
    assert path.read_text() != text


def at(text, part):
    """The line of `text` with `part`."""
    return text[: text.index(part)].count("\n") + 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"A dog."', '" "', r"captions_train2014\.json: annotation 104 has an empty caption"),
        ('"image_id": 14', '"image_id": 4711', r"annotation 10\d is of image 4711, which is not listed"),
        ('"caption": "A dog."', '"text": "A dog."', r"an annotation without a caption of the right type"),
        ('"image_id": 14', '"image_id": "14"', r"an annotation without a image_id of the right type"),
        ('"images"', '"pictures"', r"no list 'images'"),
        ('"id": 14,', '"id": 5,', r"two images with the id 5"),
    ],
)
def test_a_wrong_annotation_is_named(root, old, new, said):
    change(root, "captions_train2014.json", lambda text: text.replace(old, new))
    with pytest.raises(DataError, match=said) as caught:
        on_disk(root)
    assert "\n" not in str(caught.value)


def test_a_cut_off_file_is_named_with_the_line(root):
    change(root, "captions_val2014.json", lambda text: text[: text.index("A zebra.")])
    line = at((root / "annotations/captions_val2014.json").read_text() + "end", "end")
    with pytest.raises(DataError, match=rf"captions_val2014\.json, line {line}: .*\. Restore this file\."):
        on_disk(root)


def test_a_byte_that_is_no_utf8_is_named_with_its_line(root):
    path = root / "annotations/captions_train2014.json"
    line = at(path.read_text(), "Two dogs and")
    path.write_bytes(path.read_bytes().replace(b"Two dogs and", b"Two d\xe9gs and"))
    with pytest.raises(DataError, match=rf"captions_train2014\.json, line {line}: byte .* is no UTF-8"):
        on_disk(root)


def test_missing_images_are_named_and_counted(root):
    name = file_name("train2014", 14)
    (root / "train2014" / name).unlink()
    with pytest.raises(DataError, match=rf"{name}: no such file, and 1 of 3 images with captions are not there"):
        on_disk(root)


def test_a_cut_off_image_is_named(root):
    path = root / "val2014" / file_name("val2014", 5)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(DataError, match=rf"{path.name}: .* Restore this file\."):
        on_disk(root).verify()


def test_no_image_with_a_caption_is_said(root):
    path = root / "annotations/captions_val2014.json"
    path.write_text(json.dumps({"images": [], "annotations": []}))
    with pytest.raises(DataError, match=r"no image with a caption to hold out"):
        on_disk(root)


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ("train2014", r"looked for train2014, found annotations, dataset_coco\.json, val2014\. Unpack"),
        ("annotations/captions_val2014.json", r"looked for annotations/captions_val2014\.json, found"),
    ],
)
def test_a_wrong_layout_is_refused_with_what_was_looked_for_and_found(root, gone, said):
    (root / gone).rename(root.parent / "elsewhere")
    with pytest.raises(ConfigError, match=said):
        composed((*ON_DISK, f"data.root={root}", "model.frozen=false"))


def test_a_missing_karpathy_file_is_refused(root):
    (root / "dataset_coco.json").unlink()
    with pytest.raises(ConfigError, match=r"looked for annotations/dataset_coco\.json, found .* data\.split=coco2014"):
        composed((*ON_DISK, f"data.root={root}", "model.frozen=false", "data=image_to_text/karpathy"))
