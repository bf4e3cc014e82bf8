"""Published data sets are known by what is in them."""

from __future__ import annotations

import gzip

import pytest
from fixtures.mnist import write_mnist
from fixtures.trees import TREES

from aibench.commands.verify import verify
from aibench.composition import registry
from aibench.contract import DataError
from aibench.datasets import published
from aibench.datasets.published import Published, md5
from aibench.results.data import Data
from aibench.results.data import Published as Found
from aibench.results.division import Rules, on_data
from aibench.results.parts import Division
from tests.golden.fingerprints import fingerprint

PRIVATE = ("face_recognition_3d-pairs", "face_recognition_3d-biwi")  # nobody published how many there are
UNCOUNTED = ("object_reconstruction_3d-r2n2", "object_reconstruction_3d-ptn", "video_prediction-bair")


@pytest.mark.parametrize("tree", TREES, ids=str)
def test_other_data_of_the_same_form_are_not_the_published_ones(tree, composed, tmp_path):
    tree.write(tmp_path / "root")
    data = registry.data_class(tree.task)(composed(*tree.overrides(tmp_path / "root", tmp_path / "cache")))
    identity = data.identity()
    if str(tree) in (*PRIVATE, *UNCOUNTED):
        assert identity is None
        return
    assert identity is not None
    assert identity.differences
    assert str(identity).startswith(f"not the published files of {identity.name}: ")


@pytest.mark.parametrize("task", registry.task_names())
def test_generated_samples_are_compared_with_nothing(task, composed):
    data = registry.data_class(task)(
        composed(f"task={task}", "data.train_size=64", "data.val_size=32", "data.batch_size=16")
    )
    assert data.identity() is None
    assert not list(data.file_paths())


KNOWN = Published("Digits", "here", {"images": 1_000}, {"train": "9e107d9d372bb6826bd81d3542a419d6"})


@pytest.mark.parametrize("name", ["train", "train.gz"])
def test_the_published_files_are_known_packed_or_not(tmp_path, name):
    content = b"The quick brown fox jumps over the lazy dog"
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    same = KNOWN.compared({"images": 1_000}, {"train": tmp_path / name})
    assert same.differences == []
    assert str(same) == "Digits: the published files, by an MD5 sum and 1,000 images"
    other = KNOWN.compared({"images": 999}, {"train": tmp_path / name})
    assert str(other) == "not the published files of Digits: 999 images, published are 1,000"


def test_a_header_can_be_left_out_and_a_damaged_file_is_named(tmp_path):
    (tmp_path / "one").write_bytes(b"user item\n1 2\n")
    (tmp_path / "two").write_bytes(b"1 2\n")
    assert md5(tmp_path / "one", header=True) == md5(tmp_path / "two")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"x" * 100)[:-9])
    with pytest.raises(DataError, match=r"cut\.gz: .*Restore this file"):
        md5(tmp_path / "cut.gz")


RULES = Rules({}, {}, {}, fingerprint="aa")


def found(source, fingerprint="aa", published=None):
    return Data(source, fingerprint, 10, 5, published=published)


def test_a_run_on_other_files_leaves_the_closed_division_and_says_why():
    closed = Division("closed", [])
    assert on_data(closed, RULES, None) == closed
    assert on_data(closed, RULES, found("disk", published=Found("MNIST", "sums", []))) == closed
    other = found("disk", published=Found("MNIST", "sums", ["a differs", "b differs"]))
    assert on_data(Division("open", ["model.size=3"]), RULES, other) == Division(
        "open", ["model.size=3", "data.root: not the published files of MNIST: a differs, and 1 more"]
    )
    assert on_data(closed, RULES, found("disk")).left == [
        "data.root: no published data of this form are known, so that nobody can tell whether these are they"
    ]


def test_a_run_on_other_generated_samples_leaves_the_closed_division_and_says_why():
    closed = Division("closed", [])
    assert on_data(closed, RULES, found("embedded")) == closed
    assert on_data(closed, RULES, found("embedded", "bb")).left == ["data: fingerprint bb (the suite's: aa)"]
    unknown = Rules({}, {}, {})
    assert on_data(closed, unknown, found("embedded")).left == ["data: fingerprint aa (the suite's: not known)"]
    asked = Division("open", ["data.train_size=7 (the suite's: 9)"])
    assert on_data(asked, RULES, found("embedded", "bb")) == asked, "the key says it already"


@pytest.mark.slow
@pytest.mark.parametrize("task", registry.task_names())
def test_each_miniature_has_the_samples_whose_fingerprint_is_noted(task):
    assert fingerprint(task) == registry.fingerprint(task), (
        f"Other samples are meant to be here? `make fingerprints`, or `python -m tests.golden.fingerprints {task}`"
    )


def test_verify_says_whether_the_files_are_the_published_ones(tmp_path, monkeypatch, capsys):
    words = ["task=spatial_transformer", f"data.root={write_mnist(tmp_path)}", "data.batch_size=4"]
    verify(words)
    said = capsys.readouterr().out.splitlines()
    assert said[2].startswith("not the published files of MNIST: train-images-idx3-ubyte has the MD5 sum ")
    assert said[3].startswith("all bytes: ")
    assert said[3].endswith("(4 files, 14,178 bytes)")
    sums = {"train images": "train-images-idx3", "train labels": "train-labels-idx1"}
    sums |= {"val images": "t10k-images-idx3", "val labels": "t10k-labels-idx1"}
    own = {what: md5(tmp_path / f"{name}-ubyte") for what, name in sums.items()}
    monkeypatch.setattr("aibench.tasks.spatial_transformer.data.MNIST", Published("MNIST", "here", md5=own))
    verify(words)
    assert "MNIST: the published files, by the MD5 sums of 4 files" in capsys.readouterr().out


def test_the_table_names_a_source_for_every_number():
    table = [each for each in vars(published).values() if isinstance(each, Published)]
    assert len(table) > 10
    assert all(each.source and (each.counts or each.md5) for each in table)
