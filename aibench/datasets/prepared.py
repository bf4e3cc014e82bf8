"""Keeps files that are made once: rendered samples, vocabularies, networks trained in preparation."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from aibench.config import DataError
from aibench.config.places import expanded

SUM = ".sha256"  # beside a prepared file: its checksum
_DRAFT = re.compile(r"\.making-(?P<where>.+)-(?P<process>\d+)-[^-]+")


class Announcer:
    """Says what takes a while; whoever runs the suite may listen instead of the terminal.

    Attributes:
        tell: Takes one line.
    """

    def __init__(self) -> None:
        self.tell: Callable[[str], None] = lambda line: print(line, flush=True)


announcer = Announcer()


def prepared(
    cache: str, name: str, make: Callable[[Path], None], *, doing: str | None = None, anew: bool = False
) -> Path:
    """Return the file `name` in the folder `cache`, made where it is missing or damaged.

    Two processes at once make it once: the second waits. A kill in the middle leaves no half file under the name, and
    what it leaves beside it goes when the next file is made.

    Args:
        cache: `config.data.cache`; made where it is missing.
        name: Carries a digest of all that decides what is in the file, so that a change makes a new one.
        make: Writes the file to the path that it is given, which ends as `name` does.
        doing: What is told where it takes a while: `TASK: does this and that`.
        anew: Whether it is made although it is there.

    Raises:
        DataError: The folder cannot be written.
    """
    folder = expanded(cache)
    path = folder / name
    if not anew and _is_whole(path):
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock"):
            if anew or not _is_whole(path):
                if path.is_file():
                    announcer.tell(f"{path}: damaged; it is made again.")
                if doing is not None:
                    announcer.tell(f"{doing} (once; kept in {cache}) ...")
                _make(folder, path, make)
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"data.cache={cache}: {reason}. Set data.cache to a folder that can be written.") from error
    return path


def _is_whole(path: Path) -> bool:
    """Return whether the file is there as it was made; one of before there were checksums counts as whole."""
    if not path.is_file():
        return False
    try:
        expected = path.with_name(path.name + SUM).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return True
    return _sum(path) == expected


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _make(folder: Path, path: Path, make: Callable[[Path], None]) -> None:
    _remove_drafts_of_the_dead(folder)
    with tempfile.TemporaryDirectory(dir=folder, prefix=f".making-{_where()}-{os.getpid()}-") as workplace:
        unfinished, checksum = Path(workplace, path.name), Path(workplace, path.name + SUM)
        make(unfinished)
        checksum.write_text(f"{_sum(unfinished)}\n", encoding="ascii")
        os.replace(checksum, folder / checksum.name)  # in this order, no whole file ever stands beside no sum of its
        os.replace(unfinished, path)


def _where() -> str:
    """Name the machine, and the processes among which a number means this one: a container counts its own."""
    try:
        return f"{socket.gethostname()}.{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return socket.gethostname()


def _remove_drafts_of_the_dead(folder: Path) -> None:
    """Remove what processes of this machine left that were killed while they made a file. Others' are not touched."""
    with os.scandir(folder) as found:
        drafts = [(entry, match) for entry in found if (match := _DRAFT.fullmatch(entry.name)) and entry.is_dir()]
    for entry, match in drafts:
        if match["where"] == _where() and not _lives(int(match["process"])):
            shutil.rmtree(entry.path, ignore_errors=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
