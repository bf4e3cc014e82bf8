"""What holds of every layout that a task reads from disk: by-products, places, bytes."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fixtures.trees import TREES, Tree

from aibench.composition import registry
from aibench.contract import TaskData

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
    assert [use.rsplit(" ", 1)[1] for use in used] == ["scandir"], used
    assert used[0].startswith("folders.py"), used


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
