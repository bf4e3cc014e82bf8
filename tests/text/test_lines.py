"""Text files as they are found: compressed, cut off, of unequal lengths, of another encoding."""

from __future__ import annotations

import gzip

import pytest

from aibench.config import DataError
from aibench.text.lines import read_lines, read_pairs


@pytest.mark.parametrize("name", ["some.txt", "some.txt.gz"])
def test_lines_are_read_as_they_were_written(tmp_path, name):
    path = tmp_path / name
    content = "\ufeffÄpfel und\u2028Birnen\r\n\nein\x0bletzter\x85 Satz".encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert read_lines(path) == ["Äpfel und\u2028Birnen", "", "ein\x0bletzter\x85 Satz"]


def test_a_byte_that_is_no_utf_8_is_named_with_its_line(tmp_path):
    path = tmp_path / "latin1.txt"
    path.write_bytes("good\nschön\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"latin1\.txt, line 2: byte 4 is 0xf6, no UTF-8\. Convert"):
        read_lines(path)


def test_a_compressed_file_that_is_cut_off_is_said_to_be(tmp_path):
    path = tmp_path / "some.gz"
    path.write_bytes(gzip.compress(b"some words\n" * 1000)[:-12])
    with pytest.raises(DataError, match=r"some\.gz: the compressed file is cut off or damaged"):
        read_lines(path)
    path.write_bytes(b"not compressed at all\n")
    with pytest.raises(DataError, match=r"some\.gz: the compressed file is cut off or damaged"):
        read_lines(path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"none\.txt: No such file or directory"):
        read_lines(tmp_path / "none.txt")


def test_lines_of_two_files_are_paired(tmp_path):
    (tmp_path / "a").write_text("one\ntwo\n")
    (tmp_path / "b.gz").write_bytes(gzip.compress(b"eins\nzwei"))
    assert read_pairs(tmp_path / "a", tmp_path / "b.gz") == [("one", "eins"), ("two", "zwei")]


@pytest.mark.parametrize(("first", "second"), [(3, 1), (1, 3)])
def test_files_of_unequal_length_are_named_with_their_counts(tmp_path, first, second):
    (tmp_path / "a").write_text("x\n" * first)
    (tmp_path / "b").write_text("y\n" * second)
    with pytest.raises(DataError, match=rf"/a: {first} lines, and {second} in .*/b, which must be as many\."):
        read_pairs(tmp_path / "a", tmp_path / "b")
