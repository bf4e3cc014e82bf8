"""A field outside of its domain, or an entry twice, is refused by file and line, or counted and said."""

from __future__ import annotations

import io
import json
import re
import struct

import numpy as np
import pytest
import scipy.io
from fixtures.movielens import ratings, write_ratings
from fixtures.shapenet import CATEGORIES
from fixtures.trees import TREES

from aibench.composition import registry
from aibench.config import ConfigError
from aibench.contract import DataError
from aibench.tasks.face_recognition_3d.biwi import read_compressed
from aibench.tasks.face_recognition_3d.pairs import read_depth

TREE = {str(tree): tree for tree in TREES}


@pytest.fixture
def read(composed, tmp_path):
    """`read("task-name", *words)` is the data of the tree in `tmp_path / "root"`."""

    def reader(name, *words):
        tree = TREE[name]
        return registry.data_class(tree.task)(composed(*tree.overrides(tmp_path / "root", tmp_path / "cache"), *words))

    return reader


def text(old, new):
    def change(content):
        assert old.encode() in content
        return content.replace(old.encode(), new.encode(), 1)

    return change


def first_line_again(content):
    lines = content.splitlines(keepends=True)
    return b"".join([*lines, lines[0]])


def second_line_again(content):
    lines = content.splitlines(keepends=True)
    return b"".join([*lines, lines[1]])


def changed_json(change):
    def edit(content):
        parsed = json.loads(content)
        change(parsed)
        return json.dumps(parsed).encode()

    return edit


def volume_of(value):
    def make(_):
        file = io.BytesIO()
        scipy.io.savemat(file, {"voxel": np.full((32, 32, 32), value)})
        return file.getvalue()

    return make


VOC, IDS = "VOC2007/Annotations/000007.xml", f"shapenetcore_ids/{CATEGORIES[0]}_trainids.txt"
LIST, CAPTIONS = "VOC2007/ImageSets/Main/trainval.txt", "annotations/captions_train2014.json"
FAULTS = [
    ("object_detection-voc2007", VOC, text("<difficult>0<", "<difficult>True<"), "of a car is 'True', not 0"),
    ("object_detection-voc2007", VOC, text("<difficult>0<", "<difficult>2<"), "of a car is '2', not 0"),
    ("object_detection-voc2007", VOC, text("<xmin>14<", "<xmin>0<"), "pixels: xmin 0 is less than 1."),
    ("object_detection-voc2007", VOC, text("<ymax>40<", "<ymax>41<"), "pixels: ymax 41 is more than 40."),
    ("object_detection-voc2007", VOC, text("<ymin>7<", "<ymin>41<"), "pixels: ymin 41 is more than ymax 40."),
    ("object_detection-voc2007", LIST, first_line_again, "line 3: 000005 a second time, after line 1."),
    (
        "object_detection-voc2007",
        LIST,
        text("000007\n", "000007 -1\n"),
        "line 2: '000007 -1', and a list of images has one",
    ),
    ("object_detection-voc2007", LIST, text("000005\n", "000005\n000001\n"), "000001.jpg in both lists, of training"),
    (
        "image_to_text-coco",
        CAPTIONS,
        changed_json(lambda parsed: parsed["annotations"].append(parsed["annotations"][0])),
        "two annotations with the id ",
    ),
    (
        "image_to_text-coco",
        CAPTIONS,
        changed_json(lambda parsed: parsed["images"].append({**parsed["images"][0], "id": 10**9})),
        "two images of the file train2014/",
    ),
    ("face_recognition_3d-pairs", "train.csv", second_line_again, "a second time, after line 2."),
    (
        "face_embedding-lfw",
        "lfw/pairs.txt",
        lambda content: re.sub(rb"(\n\w+\t)\d+\t\d+", rb"\g<1>1\t1", content, count=1),
        "line 2: an image with itself",
    ),
    ("object_reconstruction_3d-ptn", IDS, first_line_again, f"line 4: {0:032x} a second time."),
    (
        "object_reconstruction_3d-ptn",
        IDS,
        lambda content: content + f"{CATEGORIES[0]}/{4:032x}\n".encode(),
        f"{CATEGORIES[0]}/{4:032x} both to train on and held out.",
    ),
    (
        "recommendation-ml_100k",
        "u.data",
        lambda content: content[:-4],
        "u.data:240: the last line has no end, so the file may",
    ),
    (
        "recommendation-ml_100k",
        "u.data",
        lambda content: re.sub(rb"\t(\d)\t8", rb"\t\g<1>.3\t8", content, count=1),
        "u.data:1: rating ",
    ),
    ("recommendation-ml_100k", "u.data", second_line_again, "a second time. Restore this file."),
    (
        "face_recognition_3d-biwi",
        "hpdb/01/rgb.cal",
        lambda content: re.sub(rb"\d\S*", b"nan", content, count=1),
        "rgb.cal, line 1: ",
    ),
]


@pytest.mark.parametrize(("name", "file", "change", "said"), FAULTS, ids=[f"{row[0]}-{row[3][:40]}" for row in FAULTS])
def test_a_fault_of_an_entry_is_named_by_file_and_place(read, tmp_path, name, file, change, said):
    TREE[name].write(tmp_path / "root")
    read(name)
    path = tmp_path / "root" / file
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DataError) as refused:
        read(name)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_picture_that_is_trained_on_is_not_held_out(read, tmp_path):
    name = "face_recognition_3d-pairs"
    TREE[name].write(tmp_path / "root")
    train, held_out = (tmp_path / "root" / file for file in ("train.csv", "eval.csv"))
    held_out.write_text(held_out.read_text() + train.read_text().splitlines()[1] + "\n")
    with pytest.raises(DataError, match=r"eval\.csv, line \d+: .* is in train\.csv too\."):
        read(name)


@pytest.mark.parametrize("value", [255.0, -1.0, float("nan")])
def test_voxels_that_are_no_shares_are_named(read, tmp_path, value):
    name = "object_reconstruction_3d-ptn"
    TREE[name].write(tmp_path / "root")
    data = read(name).dataset("val")
    data.volume_file(0).write_bytes(volume_of(value)(b""))
    with pytest.raises(DataError, match=r"model_32\.mat: voxels that are no shares of full, 0 to 1\."):
        data[0]


def test_a_number_of_two_images_is_refused(read, tmp_path):
    name = "image_to_image-folders"
    TREE[name].write(tmp_path / "root")
    (path,) = (tmp_path / "root").glob("testA/7_A.jpg")
    path.with_suffix(".png").write_bytes(path.read_bytes())
    with pytest.raises(ConfigError, match=r"testA has two images of 7\. Remove one of each\."):
        read(name)


def test_utterances_that_no_path_of_ctc_spells_are_counted_and_not_trained_on(read, tmp_path):
    name, words = "speech_recognition-librispeech", ("data.shortest=0.1", "data.longest=9")
    TREE[name].write(tmp_path / "root")
    before = read(name, *words)
    (file,) = (tmp_path / "root").glob("*/train-clean-100/32/*/*.trans.txt")  # of one second: 51 steps
    for letters, too_dense in (("A" * 26, 0), ("A" * 27, 1), ("AB" * 25 + "A", 0), ("AB" * 26, 1)):
        file.write_text(f"32-21625-0000 {letters}\n")
        data = read(name, *words)
        assert len(before.dataset("train")) - len(data.dataset("train")) == too_dense
        assert data.facts["left_out"] == before.facts["left_out"] + too_dense
        assert any("more letters than the model has steps for" in line for line in data.verify()) == bool(too_dense)
    (file,) = (tmp_path / "root").glob("*/test-clean/*/*/*.trans.txt")
    file.write_text(file.read_text().replace("HE BEGAN", "A" * 40))
    data = read(name, *words)
    assert len(data.dataset("val")) == len(before.dataset("val")), "a held-out one counts, whatever it says"
    assert any(line.startswith("val: 1 say more letters") for line in data.verify())


def test_recbole_s_file_of_movielens_is_read_as_the_published_one(read, tmp_path):
    name, root = "recommendation-ml_100k", tmp_path / "root"
    file = write_ratings(root, "ml_100k", ratings())
    plain = read(name)
    content = file.read_bytes()
    file.unlink()
    (root / "ml-100k.inter").write_bytes(b"user_id:token\titem_id:token\trating:float\ttimestamp:float\n" + content)
    other = read(name)
    assert other.fingerprint() == plain.fingerprint()
    assert other.identity().differences[0].split()[-4:] == plain.identity().differences[0].split()[-4:]
    (root / "ml-100k.inter").write_bytes(b"user\titem\trating\ttimestamp\n" + content)
    with pytest.raises(DataError, match=r"ml-100k\.inter:1: .* where the header 'user_id:token"):
        read(name)


def test_a_header_that_promises_more_than_the_file_has_costs_no_memory(tmp_path):
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (10000000, 10000000), }".ljust(117) + b"\n"
    array, depth = tmp_path / "array.npy", tmp_path / "depth.bin"
    array.write_bytes(b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header + bytes(100))
    depth.write_bytes(struct.pack("<ii", 2**31 - 1, 2**31 - 1) + bytes(100))
    for read_file, path in ((read_depth, array), (read_compressed, depth)):
        with pytest.raises(DataError, match=rf"{path.name}: not a.* depth.*Restore this file\."):
            read_file(path)


def test_training_pairs_with_an_empty_side_are_counted(read, tmp_path):
    name = "text_to_text-multi30k"
    TREE[name].write(tmp_path / "root")
    assert not any("empty side" in line for line in read(name).verify())
    for language, line in (("en", " \n"), ("de", "Ein Hund\n")):
        with (tmp_path / "root" / f"train.{language}").open("a") as file:
            file.write(line)
    assert read(name).verify()[-1] == "train: 1 left out, with an empty side"
