"""What holds of every layout that a task reads from disk: by-products, places, bytes."""

from __future__ import annotations

import ast
import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fixtures.trees import TREES, Tree

from aibench.composition import registry
from aibench.config import ConfigError
from aibench.contract import DataError, TaskData
from aibench.datasets.contents import BLOCK, SAMPLED, all_bytes, glance

READERS = ("tasks", "text", "vision", "interactions", "datasets")
LISTINGS = ("glob", "iglob", "rglob", "iterdir", "scandir", "listdir", "walk", "fwalk")
trees = pytest.mark.parametrize("tree", TREES, ids=str)


@pytest.fixture
def read(composed, tmp_path) -> Callable[..., TaskData]:
    """`read(tree, root)` is the data of a run on the tree in `root`."""

    def reader(tree: Tree, root: Path, *words: str) -> TaskData:
        return registry.data_class(tree.task)(composed(*tree.overrides(root, tmp_path / "cache"), *words))

    return reader


def test_every_task_that_reads_from_disk_has_a_tree():
    readers = {task for task in registry.task_names() if (registry.TASKS / task / "layout.py").is_file()}
    assert {tree.task for tree in TREES} == readers == set(registry.task_names())


# One listing


def listings(file: Path) -> Iterator[str]:
    """Yield each use of another listing than `aibench.datasets.folders`'s."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr in LISTINGS:
            yield f"{file.name}:{node.lineno}: {node.attr}"
        if isinstance(node, ast.ImportFrom) and node.module in ("os", "glob", "pathlib"):
            yield from (f"{file.name}:{node.lineno}: {name.name}" for name in node.names if name.name in LISTINGS)


def test_readers_list_folders_by_the_one_function_alone():
    package = registry.TASKS.parent
    files = [file for room in READERS for file in (package / room).rglob("*.py")]
    used = [use for file in files for use in listings(file)]
    places = sorted(use.split(":")[0] for use in used)
    assert places == ["folders.py", "prepared.py"], used  # the latter lists its own drafts, no data


def test_readers_print_nothing_themselves():
    """What takes a while is told by the one announcer of `aibench.datasets.prepared`."""
    package = registry.TASKS.parent
    said = [
        f"{file}:{node.lineno}"
        for room in READERS
        for file in (package / room).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert [place.rsplit("/", 1)[1].split(":")[0] for place in said] == ["prepared.py"], said


BESIDE = ("._{}", ".{}.swp", "{}~", "{}.part")  # what programs leave beside a file, by its name
LEFT = (".DS_Store", "Thumbs.db", "desktop.ini", "._.DS_Store", ".nfs000000000123")
FOLDERS = ("@eaDir", "__MACOSX", "lost+found", ".Trash-0", "#recycle", "$RECYCLE.BIN", "System Volume Information")


def sprinkle(root: Path) -> None:
    """Leave beside every file and in every folder what systems leave there, with the contents of what is beside it."""
    folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
    files = [path for path in root.rglob("*") if path.is_file()]
    for folder in folders:
        beside = [path for path in files if path.parent == folder][:2]
        inside = [path for path in folder.iterdir() if path.is_dir()][:1]
        for name in FOLDERS:
            (folder / name).mkdir()
            for path in beside:  # as macOS and Synology have it: names and endings of the files themselves
                (folder / name / path.name).write_bytes(path.read_bytes())
                (folder / name / f"._{path.name}").write_bytes(b"\0\5\26\7")
            for path in inside:
                (folder / name / path.name).mkdir()
        for path in beside:
            for pattern in BESIDE:
                (folder / pattern.format(path.name)).write_bytes(b"\0\5\26\7Mac OS X")
        for name in LEFT:
            (folder / name).write_bytes(b"\0")


@trees
def test_what_systems_leave_beside_the_data_is_no_sample(tree, read, tmp_path):
    tree.write(tmp_path / "clean")
    tree.write(tmp_path / "littered")
    sprinkle(tmp_path / "littered")
    clean, littered = (read(tree, tmp_path / name) for name in ("clean", "littered"))
    for split in ("train", "val"):
        assert len(clean.dataset(split)) == len(littered.dataset(split)) > 0
    assert clean.facts == littered.facts
    assert clean.fingerprint() == littered.fingerprint(), "equal data at another place have one fingerprint"


# Bytes


def content_of(tree: Tree, data: TaskData) -> tuple[str, str]:
    return data.fingerprint(), all_bytes(data.file_paths()).digest


@trees
def test_a_changed_byte_of_a_file_is_seen(tree, read, tmp_path):
    """In a small tree every file is a sampled one; in a large one all bytes are in the digest of `verify`."""
    root = tmp_path / "root"
    tree.write(root)
    before = content_of(tree, read(tree, root))
    files = list(read(tree, root).file_paths())
    assert files, "the files of the samples are known"
    assert len(set(files)) == len(files)
    for path in (files[0], files[-1]):
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))  # the last byte: most readers can still read the file
        os.utime(path, ns=(0, 0))
        assert all_bytes(files).digest != before[1]
        path.write_bytes(whole)
    if read(tree, root).glance:
        path = files[len(files) // 2]
        glanced = glance(files)
        path.write_bytes(path.read_bytes()[:-1] + b"!")
        assert glance(files) != glanced


def test_a_glance_reads_little_and_sees_sizes_and_the_bytes_of_some(tmp_path):
    files = [tmp_path / f"{number:04d}" for number in range(300)]
    for number, path in enumerate(files):
        path.write_bytes(bytes([number % 256]) * 10)
    before = glance(files)
    files[0].write_bytes(b"x" * 10)
    assert glance(files) != before, "a sampled one"
    files[0].write_bytes(b"\0" * 10)
    assert glance(files) == before
    files[1].write_bytes(b"x" * 10)
    assert glance(files) == before, "not a sampled one, and of the same size"
    assert all_bytes(files).digest != all_bytes(reversed(files)).digest
    files[1].write_bytes(b"x" * 11)
    assert glance(files) != before
    large = tmp_path / "large"
    large.write_bytes(bytes(SAMPLED * BLOCK * 4))
    before = glance([large])
    with large.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"x")
    assert glance([large]) != before


def test_a_file_that_is_gone_is_named(tmp_path):
    for look in (glance, all_bytes):
        with pytest.raises(DataError, match=r"gone: No such file or directory\. Restore this file\."):
            look([tmp_path / "gone"])


def test_a_folder_that_cannot_be_listed_is_refused_by_name(composed, tmp_path, monkeypatch):
    (tmp_path / "train").mkdir()
    (tmp_path / "val").mkdir()

    def scandir(folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("aibench.datasets.folders.os.scandir", scandir)
    with pytest.raises(
        ConfigError, match=r"train: Permission denied\. Restore this folder, or give a right to read it\."
    ):
        composed("task=image_classification", "scale=reference", f"data.root={tmp_path}")


@trees
def test_a_pipe_in_place_of_a_file_is_named_and_nobody_waits_for_it(tree, read, tmp_path):
    root = tmp_path / "root"
    tree.write(root)
    data = read(tree, root)
    files = list(data.file_paths())
    for path in dict.fromkeys((files[0], files[-1])):
        content = path.read_bytes()
        path.unlink()
        os.mkfifo(path)
        with pytest.raises(DataError, match=r"not a regular file\. Restore this file\."):
            all_bytes(files)
        for built in (
            lambda: data,
            lambda: read(tree, root),
        ):  # one that is listed is no sample
            with contextlib.suppress(DataError, ConfigError, AssertionError):
                built().verify()
        path.unlink()
        path.write_bytes(content)
