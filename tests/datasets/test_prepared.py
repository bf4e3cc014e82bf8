"""Prepared files are made once, whole or not at all."""

from __future__ import annotations

import threading
import time

import pytest

from aibench.contract import DataError
from aibench.datasets.prepared import prepared


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
