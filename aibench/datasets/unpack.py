"""Puts what a user fetched of a data set where its reader looks for it: out of archives and folders, and resumable."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any

from aibench.config import DataError
from aibench.config.origin import Origin, Place
from aibench.datasets.folders import files_below

BLOCK = 1 << 20
ZIPS = (".zip", ".whl")
TARS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz")
SUMS = {32: "md5", 64: "sha256"}  # by the letters of a sum

Told = Callable[[str, int], None]  # of a file that was written, with its bytes


@dataclass
class Done:
    """Counts what became of the files that were looked at.

    Attributes:
        written: Files that were put in their place.
        there: Files that were there already, as large as they should be.
        left: Files that the data set has no place for.
    """

    written: int = 0
    there: int = 0
    left: int = 0
    unplaced: list[str] = field(default_factory=list, repr=False)


def unpack(source: Path, root: Path, origin: Origin, told: Told) -> Done:
    """Put the files of `source` that belong to the data set below `root`; what is there already is not written again.

    Nothing outside of `root` is written, nothing that is there is changed, and no link is followed. What was broken off
    goes on from the file where it stood.

    Args:
        source: An archive (zip, wheel, tar), a folder, or a single file.
        root: The folder of the data set.
        origin: Where each file belongs.
        told: Is told of each file.

    Raises:
        DataError: `source` is damaged, holds nothing of the data set, or a file of another size lies in its place.
    """
    done, moved = Done(), _moved(root, origin)
    try:
        for path, size, opened in _files(source):
            _put(path, size, opened, root, origin, moved, told, done)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{getattr(error, 'filename', None) or source}: {reason}. Fetch this file again.") from error
    if not done.written and not done.there:
        held = ", ".join(done.unplaced[:5]) or "nothing"
        wanted = ", ".join(place.match for place in origin.places[:5])
        raise DataError(f"{source}: nothing of {origin.name} is in it. Looked for {wanted}; found {held}.")
    return done


def wrong_sum(source: Path, origin: Origin) -> str | None:
    """Return what is wrong with a fetched file whose sum is known; None where it is right, or the sum is not known."""
    known = origin.files.get(source.name)
    if known is None or not source.is_file():
        return None
    state = hashlib.new(SUMS[len(known)], usedforsecurity=False)
    with source.open("rb") as file:
        while block := file.read(BLOCK):
            state.update(block)
    if state.hexdigest() == known:
        return None
    kind = SUMS[len(known)].upper()
    return f"{source}: its {kind} sum is {state.hexdigest()}, and should be {known}. Fetch this file again."


def _files(source: Path) -> Iterator[tuple[str, int, Callable[[], Any]]]:
    """Yield path, size and opener of each file in `source`."""
    name = source.name.lower()
    if source.is_dir():
        for path in files_below(source, "*"):
            if not path.is_symlink():
                yield path.relative_to(source).as_posix(), path.stat().st_size, partial(path.open, "rb")
    elif name.endswith(ZIPS):
        with zipfile.ZipFile(source) as archive:
            for entry in archive.infolist():
                if not entry.is_dir():
                    yield entry.filename, entry.file_size, partial(archive.open, entry)
    elif name.endswith(TARS):
        with tarfile.open(source) as archive:
            yield from _members(archive)
    else:
        yield source.name, source.stat().st_size, partial(source.open, "rb")


def _members(archive: tarfile.TarFile) -> Iterator[tuple[str, int, Callable[[], Any]]]:
    for member in archive:
        if member.isreg():
            yield member.name, member.size, partial(archive.extractfile, member)


def _moved(root: Path, origin: Origin) -> dict[Place, dict[str, Path]]:
    """Return by name the files that `Origin.arrange` has moved away from where archives put them."""
    found: dict[Place, dict[str, Path]] = {}
    for place in origin.places:
        folder, _, name = place.moved.partition("/*/")
        if place.moved and (root / folder).is_dir():
            found[place] = {path.name: path for path in files_below(root / folder, name)}
    return found


def _put(
    path: str,
    size: int,
    opened: Callable[[], Any],
    root: Path,
    origin: Origin,
    moved: dict[Place, dict[str, Path]],
    told: Told,
    done: Done,
) -> None:
    clean = PurePosixPath(path)
    found = origin.target(str(clean))
    if found is None or clean.is_absolute() or ".." in clean.parts:
        done.left += 1
        done.unplaced += [path] if len(done.unplaced) < 5 else []
        return
    target, place = found
    if place.nested:
        with opened() as file, tarfile.open(fileobj=file, mode="r|*") as archive:
            for inner, inner_size, inner_opened in _members(archive):
                name = PurePosixPath(inner).name
                _write(root / PurePosixPath(target).with_suffix("") / name, inner_size, inner_opened, told, done)
        return
    _write(moved.get(place, {}).get(clean.name, root / target), size, opened, told, done)


def _write(target: Path, size: int, opened: Callable[[], Any], told: Told, done: Done) -> None:
    """Write a file in full or not at all."""
    if target.exists():
        if target.stat().st_size != size:
            raise DataError(f"{target}: another file lies there, of {target.stat().st_size:,} bytes. Move it away.")
        done.there += 1
        told(target.name, size)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with _draft(target) as draft, opened() as file:
        shutil.copyfileobj(file, draft, BLOCK)
    done.written += 1
    told(target.name, size)


@contextmanager
def _draft(target: Path) -> Iterator[IO[bytes]]:
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with draft.open("wb") as file:
            yield file
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def total_size(source: Path) -> int:
    """Return the bytes of `source` as it lies there, for a progress bar."""
    if source.is_dir():
        return sum(path.stat().st_size for path in files_below(source, "*"))
    return source.stat().st_size
