"""Files of others: what is opened, how much of it, and how it is shown."""

from __future__ import annotations

import json
import os

import pytest

from aibench.results.files import content, strict_json, within
from aibench.results.result import ResultError, read_result
from aibench.results.shown import shown


def test_a_pipe_a_device_a_folder_and_a_large_file_are_named_and_never_waited_for(tmp_path):
    pipe, folder, large = tmp_path / "pipe", tmp_path / "folder", tmp_path / "large"
    os.mkfifo(pipe)
    folder.mkdir()
    with large.open("wb") as file:
        file.truncate(2000)
    for path, wrong in [
        (pipe, "not a regular file"),
        (folder, "not a regular file"),
        ("/dev/zero", "not a regular file"),
        (large, "larger than 0 MiB"),
        (tmp_path / "none", "No such file"),
        ("a\0b", "no name of a file"),
    ]:
        with pytest.raises(OSError) as raised:  # noqa: PT011 - the reason is looked at
            content(path, 1000)
        assert wrong in raised.value.strerror


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[NaN]",
        b"[Infinity]",
        b"[-Infinity]",
        b"[1e999]",
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": [], "b": []}}',
        b'["\xff"]',
        b'["\\ud800"]',
        b"[1" + b"0" * 5000 + b"]",
        b"\xef\xbb\xbf{}",
        b"{} {}",
    ],
)
def test_json_that_says_nothing_or_two_things_is_refused(tmp_path, text):
    with pytest.raises(ValueError):  # noqa: PT011 - any of its reasons
        strict_json(text)
    (tmp_path / "result.json").write_bytes(text)
    with pytest.raises(ResultError, match=r"result\.json: not a whole JSON object"):
        read_result(tmp_path)


def test_what_json_says_once_is_read():
    assert strict_json(b'{"a": [1, 2.5, null, true, "\\u00e9"]}') == {"a": [1, 2.5, None, True, "é"]}


def test_a_name_stays_in_its_folder_by_what_it_says_and_where_it_leads(tmp_path):
    folder, secret = tmp_path / "run", tmp_path / "secret.png"
    folder.mkdir()
    secret.write_text("secret")
    (folder / "figure.png").write_text("figure")
    (folder / "link.png").symlink_to(secret)
    (folder / "loop").symlink_to(folder / "loop")
    assert within(folder, "figure.png") == (folder / "figure.png").resolve()
    for name in ("../secret.png", str(secret), "link.png", "a/../../secret.png", "a\0b"):
        with pytest.raises(OSError, match=r"secret|lies outside|no name"):
            within(folder, name)


def test_what_acts_on_a_terminal_or_hides_letters_is_written_out():
    acting = [chr(code) for code in (*range(9), *range(11, 32), *range(127, 160), 0x202E, 0x2066, 0x200B, 0xFEFF)]
    for letter in [*acting, "\ud800", "\U000e0041"]:
        assert shown(f"a{letter}b").isprintable(), ascii(letter)
    assert shown("\x1b]0;title\x07") == r"\x1b]0;title\x07"
    assert shown("Zoë 日本 🙂\ta\nb") == "Zoë 日本 🙂\ta\nb"
    assert shown(json.dumps("\x1b")) == json.dumps("\x1b")
