"""What a user fetched is put where a reader looks for it, and nothing else is touched."""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile

import pytest

from aibench.composition import registry
from aibench.config import DataError
from aibench.config.origin import Origin, Place
from aibench.datasets.unpack import unpack, wrong_sum
from tests.conftest import ROOT

ORIGIN = Origin(
    name="made-up data",
    publisher="nobody",
    address="-",
    licence="none",
    size="nothing",
    files={"data.zip": hashlib.md5(b"right").hexdigest(), "more.tar": hashlib.sha256(b"right").hexdigest()},
    places=(
        Place("*pictures/*.png", "train", strip=None),
        Place("set/labels/*", strip=1),
        Place("class*.tar", "classes", nested=True),
    ),
)
FILES = {"x/pictures/a.png": b"a", "set/labels/one/l.txt": b"labels", "readme.md": b"no part of it"}


def quiet(name, size):
    """Tells nobody."""


def tar_of(files):
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return raw.getvalue()


def as_zip(folder, files):
    with zipfile.ZipFile(folder / "some.zip", "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return folder / "some.zip"


def as_tar(folder, files):
    (folder / "some.tar").write_bytes(tar_of(files))
    return folder / "some.tar"


def as_folder(folder, files):
    for name, content in files.items():
        (folder / "some" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "some" / name).write_bytes(content)
    return folder / "some"


def held(root):
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("packed", [as_zip, as_tar, as_folder])
def test_each_kind_of_archive_leaves_the_same_files(packed, tmp_path):
    done = unpack(packed(tmp_path, FILES), tmp_path / "root", ORIGIN, quiet)
    assert held(tmp_path / "root") == {"train/a.png": b"a", "labels/one/l.txt": b"labels"}
    assert (done.written, done.there, done.left) == (2, 0, 1)


def test_archives_in_an_archive_become_folders_of_their_names(tmp_path):
    inner = tar_of({"n1_1.JPEG": b"one", "n1_2.JPEG": b"two"})
    unpack(as_tar(tmp_path, {"class7.tar": inner}), tmp_path / "root", ORIGIN, quiet)
    assert held(tmp_path / "root") == {"classes/class7/n1_1.JPEG": b"one", "classes/class7/n1_2.JPEG": b"two"}


def test_what_was_broken_off_goes_on_and_what_is_there_is_not_written_again(tmp_path):
    source = as_zip(tmp_path, FILES)
    there = tmp_path / "root" / "train" / "a.png"
    there.parent.mkdir(parents=True)
    there.write_bytes(b"z")  # as large as it should be: known by its size, as it would be after a break
    done = unpack(source, tmp_path / "root", ORIGIN, quiet)
    assert (done.written, done.there) == (1, 1)
    assert there.read_bytes() == b"z"


def test_another_file_in_its_place_is_named_and_left_alone(tmp_path):
    there = tmp_path / "root" / "train" / "a.png"
    there.parent.mkdir(parents=True)
    there.write_bytes(b"something of the user's")
    with pytest.raises(DataError, match=r"a\.png: another file lies there"):
        unpack(as_zip(tmp_path, FILES), tmp_path / "root", ORIGIN, quiet)
    assert there.read_bytes() == b"something of the user's"


@pytest.mark.parametrize("path", ["../pictures/out.png", "/tmp/pictures/out.png", "a/../../pictures/out.png"])
def test_no_path_leads_out_of_the_folder(path, tmp_path):
    unpack(as_tar(tmp_path, {path: b"out", **FILES}), tmp_path / "root" / "inner", ORIGIN, quiet)
    assert {name for name in held(tmp_path) if "out" in name} == set()


def test_an_archive_of_something_else_and_a_damaged_one_are_named(tmp_path):
    with pytest.raises(DataError, match=r"nothing of made-up data is in it. Looked for .*; found readme\.md"):
        unpack(as_zip(tmp_path, {"readme.md": b""}), tmp_path / "root", ORIGIN, quiet)
    broken = tmp_path / "broken.tar"
    broken.write_bytes(tar_of(FILES)[:700])
    with pytest.raises(DataError, match=r"broken\.tar"):
        unpack(broken, tmp_path / "root", ORIGIN, quiet)
    assert not [path for path in (tmp_path / "root").rglob("*") if path.name.startswith(".")], "no draft is left"


@pytest.mark.parametrize(("name", "kind"), [("data.zip", "MD5"), ("more.tar", "SHA256")])
def test_a_sum_that_differs_is_told_with_what_it_should_be(name, kind, tmp_path):
    (tmp_path / name).write_bytes(b"right")
    assert wrong_sum(tmp_path / name, ORIGIN) is None
    (tmp_path / name).write_bytes(b"wrong")
    assert f"its {kind} sum is" in str(wrong_sum(tmp_path / name, ORIGIN))
    assert str(ORIGIN.files[name]) in str(wrong_sum(tmp_path / name, ORIGIN))


@pytest.mark.parametrize("task", registry.task_names())
def test_every_task_says_where_its_data_can_be_had(task):
    origin = registry.origin(task)
    if origin is None:
        return  # tests/tasks/test_rooms.py asks its room why
    assert all((origin.name, origin.publisher, origin.address, origin.licence, origin.size))
    assert origin.places or origin.by_hand
    assert all(known is None or len(known) in (32, 64) for known in origin.files.values())


@pytest.mark.parametrize("task", registry.task_names())
def test_what_kept_a_reference_from_being_trained_stands_in_its_card_too(task):
    origin = registry.origin(task)
    card = " ".join((ROOT / "docs" / "tasks" / f"{task}.md").read_text().split())
    if origin is None or not origin.obstacle:
        assert "Nobody has trained the reference to its target" not in card
    else:
        assert origin.obstacle.rstrip(".") in card
