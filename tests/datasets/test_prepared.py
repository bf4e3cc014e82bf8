"""Prepared files are made once, whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from aibench.contract import DataError
from aibench.datasets.arrays import kept_arrays
from aibench.datasets.prepared import _where, prepared


def test_a_file_is_made_once_and_then_found(tmp_path):
    made = []

    def make(path):
        made.append(path)
        path.write_text("content")

    paths = [prepared(str(tmp_path / "cache"), "words-1.txt", make) for _ in range(2)]
    assert paths[0] == paths[1] == tmp_path / "cache" / "words-1.txt"
    assert paths[0].read_text() == "content"
    assert len(made) == 1
    assert made[0].name == "words-1.txt"


def test_what_fails_in_the_middle_leaves_no_file_and_can_be_made_again(tmp_path):
    def fail(path):
        path.write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepared(str(tmp_path), "words.txt", fail)
    assert not (tmp_path / "words.txt").exists()
    assert prepared(str(tmp_path), "words.txt", lambda path: path.write_text("whole")).read_text() == "whole"


def test_two_at_once_make_it_once(tmp_path):
    made = []

    def make(path):
        made.append(path)
        time.sleep(0.2)
        path.write_text("content")

    threads = [threading.Thread(target=prepared, args=(str(tmp_path), "words.txt", make)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_a_cache_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"data\.cache=.*file/cache: Not a directory\."):
        prepared(str(tmp_path / "file" / "cache"), "words.txt", lambda path: path.write_text(""))


@pytest.mark.parametrize("damage", [lambda whole: whole[:-1], lambda whole: whole[:-1] + b"!", lambda whole: b""])
def test_a_damaged_file_is_named_and_made_again(tmp_path, capsys, damage):
    for _ in range(2):
        path = prepared(
            str(tmp_path), "words.txt", lambda path: path.write_bytes(b"content"), doing="task: makes words"
        )
        assert capsys.readouterr().out.count(f"task: makes words (once; kept in {tmp_path}) ...") == (_ == 0)
    path.write_bytes(damage(path.read_bytes()))
    prepared(str(tmp_path), "words.txt", lambda path: path.write_bytes(b"content"))
    assert path.read_bytes() == b"content"
    assert f"{path}: damaged; it is made again." in capsys.readouterr().out


def test_arrays_of_before_there_were_checksums_are_made_again_where_they_cannot_be_read(tmp_path):
    kept_arrays(str(tmp_path), "numbers", lambda: {"one": np.arange(3)})
    (tmp_path / "numbers.npz.sha256").unlink()
    assert kept_arrays(str(tmp_path), "numbers", lambda: {"one": np.arange(9)})["one"].tolist() == [0, 1, 2]
    for content in (b"", b"PK", (tmp_path / "numbers.npz").read_bytes()[:-40]):
        (tmp_path / "numbers.npz").write_bytes(content)
        (tmp_path / "numbers.npz.sha256").unlink(missing_ok=True)
        assert kept_arrays(str(tmp_path), "numbers", lambda: {"one": np.arange(4)})["one"].tolist() == [0, 1, 2, 3]


def test_drafts_of_dead_processes_of_this_machine_go_and_no_others(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    here = _where()
    gone = tmp_path / f".making-{here}-{dead.pid}-abc"
    others = [".making-abcdefgh", f".making-elsewhere-{dead.pid}-abc", f".making-{here}-{os.getpid()}-abc", "notes"]
    for folder in (gone, *(tmp_path / name for name in others)):
        folder.mkdir()
        (folder / "half").write_text("")
    (tmp_path / f".making-{here}-{dead.pid}-file").write_text("no folder")
    prepared(str(tmp_path), "words.txt", lambda path: path.write_text("whole"))
    assert not gone.exists()
    assert all((tmp_path / name / "half").is_file() for name in others)
    assert (tmp_path / f".making-{here}-{dead.pid}-file").is_file()
