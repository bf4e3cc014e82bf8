"""Lists folders of files, for readers and for messages. Imports no torch.

Every reader lists folders with the functions here and with no other, so that what operating systems and storage boxes
leave beside data is a sample nowhere; see `is_by_product`.
"""

from __future__ import annotations

import errno
import importlib.util
import os
import stat
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from aibench.config import DataError

SUFFIXES = (".jpeg", ".jpg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm")
_SHOWN = 5

# Names in lower case. Files and folders whose name begins with a dot are left out too: `.DS_Store` and `._*` of macOS,
# `.nfs*`, `.Trash-1000`, `.snapshot`, `.ipynb_checkpoints`.
BY_PRODUCTS = frozenset(
    (
        *("thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information"),  # Windows
        *("__macosx", "icon\r"),  # macOS, in archives too
        *("lost+found",),  # ext4 and others
        *("@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "@tmp"),  # Synology, QNAP
        *("__pycache__",),
    )
)
UNFINISHED = ("~", ".part", ".partial", ".crdownload", ".aria2", ".filepart", ".swp")  # of editors and downloads


def is_by_product(name: str) -> bool:
    """Return whether a file or folder of this name is none of a data set, but left there by a system or a program."""
    lower = name.lower()
    return name.startswith((".", "~$")) or lower in BY_PRODUCTS or lower.endswith(UNFINISHED)


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """Return what `folder` holds, by-products left out, sorted by name: the one listing of all readers.

    Raises:
        DataError: The folder cannot be listed.
    """
    try:
        with os.scandir(folder) as found:
            return sorted((entry for entry in found if not is_by_product(entry.name)), key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"{folder}: {error.strerror}. Restore this folder, or give a right to read it.") from error


def class_folders(folder: Path) -> list[str]:
    """Return the names of the folders in `folder`, sorted."""
    return [entry.name for entry in entries(folder) if entry.is_dir()]


def image_files(folder: Path) -> list[str]:
    """Return the names of the image files in `folder`, sorted."""
    return [entry.name for entry in entries(folder) if entry.name.lower().endswith(SUFFIXES) and entry.is_file()]


def files_like(folder: Path, pattern: str) -> list[str]:
    """Return the names of the files in `folder` that fit `pattern`, in which `*` is any text, sorted."""
    return [entry.name for entry in entries(folder) if fnmatchcase(entry.name, pattern) and entry.is_file()]


def files_below(folder: Path, pattern: str) -> Iterator[Path]:
    """Yield the files in `folder`, and in the folders in it at any depth, whose names fit `pattern`."""
    yield from (folder / name for name in files_like(folder, pattern))
    for name in class_folders(folder):
        yield from files_below(folder / name, pattern)


def require_regular(path: Path) -> None:
    """Check that `path` is a file with bytes of its own: a pipe would have its reader wait for ever.

    Raises:
        OSError: It is not, or is not there; `strerror` says which.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(errno.EINVAL, "not a regular file", str(path))


def package_file(package: str, *parts: str) -> Path:
    """Return the path of a file of an installed package, found without importing it."""
    spec = importlib.util.find_spec(package)
    assert spec is not None, f"{package} is not installed"
    assert spec.submodule_search_locations, f"{package} is not a package"
    return Path(spec.submodule_search_locations[0], *parts)


def listed(folder: Path) -> str:
    """Return what `folder` holds, for a message."""
    return enumerated(entry.name for entry in entries(folder)) or "nothing"


def not_found(typed: str, sought: str, folder: Path, advice: str) -> str:
    """Return the refusal of a `data.root` that lacks what was looked for.

    Args:
        typed: The value of `data.root` as typed.
        sought: What was looked for.
        folder: Where: the message names what it holds.
        advice: What would do, a sentence.
    """
    return f"data.root={typed}: looked for {sought}, found {listed(folder)}. {advice}"


def plain_or_compressed(path: Path) -> Path | None:
    """Return the file at `path`, or the one with `.gz` after its name; None where there is neither."""
    return next((each for each in (path, path.with_name(f"{path.name}.gz")) if each.is_file()), None)


def enumerated(names: Iterable[str]) -> str:
    """Return the first few of `names`, and how many there are besides."""
    names = list(names)
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
