"""`aibench data status` and `aibench data prepare`, and where a data root comes from."""

from __future__ import annotations

import gzip
import struct
import zipfile

import numpy as np
import pytest
from typer.testing import CliRunner

from aibench.commands.app import app
from aibench.composition.with_data import tasks_with_data
from aibench.config.roots import DATA

MNIST = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")


@pytest.fixture
def archive(tmp_path):
    """An archive with four files of MNIST's form, 20 pictures each."""
    pictures = struct.pack(">IIII", 2051, 20, 28, 28) + np.zeros((20, 28, 28), np.uint8).tobytes()
    labels = struct.pack(">II", 2049, 20) + bytes(range(10)) * 2
    with zipfile.ZipFile(tmp_path / "mnist.zip", "w") as made:
        for name in MNIST:
            made.writestr(f"package/data/{name}-ubyte.gz", gzip.compress(pictures if "images" in name else labels))
        made.writestr("package/readme.md", "of the package")
    return tmp_path / "mnist.zip"


def invoke(*words):
    return CliRunner().invoke(app, ["data", *map(str, words)])


def test_prepared_data_are_found_by_the_folder_for_all_tasks(archive, tmp_path, monkeypatch):
    monkeypatch.setenv(DATA, str(tmp_path / "data"))
    before = invoke("status", "task=spatial_transformer")
    assert "0 of 1 are here" in before.output
    assert "aibench data prepare task=spatial_transformer" in before.output
    done = invoke("prepare", "task=spatial_transformer", f"from={archive}")
    assert done.exit_code == 0, done.output
    assert "4 files written" in done.output
    assert "1 of 1 are here" in invoke("status", "task=spatial_transformer").output
    assert tasks_with_data() == ["spatial_transformer"]


def test_a_root_that_is_typed_goes_before_the_folder_for_all_tasks(archive, tmp_path, monkeypatch, composed):
    monkeypatch.setenv(DATA, str(tmp_path / "data"))
    assert invoke("prepare", "task=spatial_transformer", f"from={archive}").exit_code == 0
    words = ("task=spatial_transformer", "scale=reference")
    assert composed(*words).data.root == str(tmp_path / "data" / "spatial_transformer")
    typed = invoke("prepare", "task=spatial_transformer", f"from={archive}", f"data.root={tmp_path / 'own'}")
    assert typed.exit_code == 0, typed.output
    assert composed(*words, f"data.root={tmp_path / 'own'}").data.root == str(tmp_path / "own")


def test_a_machines_file_names_the_roots_of_tasks_and_a_run_keeps_its_own_alone(archive, tmp_path, composed):
    assert invoke("prepare", "task=spatial_transformer", f"from={archive}", f"data.root={tmp_path}").exit_code == 0
    config = composed("task=spatial_transformer", "scale=reference", f"+data.roots.spatial_transformer={tmp_path}")
    assert config.data.root == str(tmp_path)
    assert config.data.roots == {}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["task=spatial_transformer"], "from=: no file."),
        (["task=spatial_transformer", "from=nowhere.zip", "data.root=x"], "from=nowhere.zip: no such file or folder."),
        (["task=spatial_transformer", "stray"], "stray: neither KEY=VALUE nor a file after from=."),
        (["task=nothing", "from=x"], "task=nothing"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(words, line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(DATA, str(tmp_path / "data"))
    found = invoke("prepare", *words)
    assert found.exit_code == 1
    assert line in found.output
    assert len(found.output.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_part_of_the_files_is_told_as_a_part(archive, tmp_path, monkeypatch):
    monkeypatch.setenv(DATA, str(tmp_path / "data"))
    with zipfile.ZipFile(archive) as whole, zipfile.ZipFile(tmp_path / "part.zip", "w") as part:
        name = "package/data/train-images-idx3-ubyte.gz"
        part.writestr(name, whole.read(name))
    found = invoke("prepare", "task=spatial_transformer", f"from={tmp_path / 'part.zip'}")
    assert found.exit_code == 1
    assert "not complete yet: data.root=" in found.output
    assert "in part" in invoke("status", "task=spatial_transformer").output


def test_a_machine_without_data_has_no_sweep_over_them(monkeypatch, tmp_path):
    monkeypatch.setenv(DATA, str(tmp_path))
    assert tasks_with_data() == []
