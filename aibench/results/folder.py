"""Tells whose the files in an output folder are: a run's of this suite, or somebody else's. Imports no torch."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from aibench.config import ConfigError, DataError
from aibench.results.made import making
from aibench.results.mllog import MLLOG
from aibench.results.result import BEST, LAST, PREVIOUS, RESULT, ResultError, read_result, write_atomically

LOCK = ".lock"
MARK = ".run"  # says that a run of this suite began here, and how many processes worked on it
FAILURE = "failure.txt"
FIGURE = "figure.png"
METRICS = "metrics.csv"
TELEMETRY = "telemetry.csv"
CURVES = "curves.csv"
CHECKPOINTS = (LAST, PREVIOUS, BEST)
DAMAGED = "damaged.ckpt"  # what was the last checkpoint, where it is not whole
DRAFTS = tuple(f".{name}.tmp" for name in CHECKPOINTS)
FILES = (RESULT, *CHECKPOINTS, DAMAGED, FAILURE, FIGURE, METRICS, CURVES, TELEMETRY, MLLOG, MARK, *DRAFTS)


def refuse_files_of_others(folder: Path) -> None:
    """Raise `ConfigError` where a run in `folder` would write over a file that no run of this suite made."""
    lock = folder / LOCK
    foreign = [LOCK] if os.path.lexists(lock) and not _is_empty_file(lock) else []
    if not _holds_a_run(folder):
        foreign += [name for name in FILES if os.path.lexists(folder / name)]
    if foreign:
        raise ConfigError(
            f"output={folder}: holds {foreign[0]}, which no run made, and a run would write over it. Choose another "
            "folder."
        )


def _is_empty_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and path.stat().st_size == 0


def _holds_a_run(folder: Path) -> bool:
    """Return whether a run of this suite worked in `folder`: its mark, its result or one of its checkpoints says so."""
    return (
        processes(folder) is not None
        or _is_result(folder / RESULT)
        or any(_is_checkpoint(folder / name) for name in CHECKPOINTS)
    )


def _is_result(path: Path) -> bool:
    """Return whether `path` is a result of any version of the schema; its reader tells what is wrong with it."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and {"run_id", "schema_version", "task"} <= content.keys()


def _is_checkpoint(path: Path) -> bool:
    """Return whether `path` names what only a checkpoint of this suite holds, looked for without loading it."""
    try:
        with zipfile.ZipFile(path) as archive:
            index = next(name for name in archive.namelist() if name.endswith("/data.pkl"))
            return b"Recorder" in archive.read(index)
    except (OSError, ValueError, StopIteration, zipfile.BadZipFile, RuntimeError):
        return False


def processes(folder: Path) -> int | None:
    """Return how many processes worked on the unfinished run in `folder`, as its mark says; None without a mark."""
    try:
        content = json.loads((folder / MARK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    count = content.get("processes") if isinstance(content, dict) else None
    return count if isinstance(count, int) else None


def weights(folder: Path) -> Path | None:
    """Return the checkpoint in `folder` that serves: the best, else the last; None where there is neither."""
    return next((path for name in (BEST, LAST) if (path := folder / name).is_file()), None)


def unfinished_below(place: Path) -> Iterator[Path]:
    """Yield the folders at and below `place` in which a run began that left no result."""
    for folder, _, names in os.walk(place):
        if MARK in names and RESULT not in names:
            yield Path(folder)


def _mark(folder: Path, count: int) -> None:
    write_atomically(making(folder / MARK), json.dumps({"suite": "aibench", "processes": count}) + "\n")


def begin(folder: Path, *, afresh: bool) -> None:
    """Remove what an earlier process of this folder's own run left and this one writes from the beginning."""
    for name in (FAILURE, METRICS, CURVES, TELEMETRY) if afresh else (FAILURE,):
        (folder / name).unlink(missing_ok=True)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep a second process out of `folder`, and mark it as a run's; the lock goes with the process that holds it.

    The mark stays as long as the run is unfinished, and tells the next process that what it finds is the run's own.

    Raises:
        ConfigError: Another process holds the folder, it has files that no run made, or it takes none.
    """
    refuse_files_of_others(folder)
    lock, before = FileLock(making(folder / LOCK), blocking=False), processes(folder)
    try:
        lock.acquire()
        _mark(folder, (before or 0) + 1)
    except Timeout as error:
        raise ConfigError(f"output={folder}: another process is training there. Choose another folder.") from error
    except OSError as error:
        _let_go(lock)
        raise ConfigError(f"output={folder}: cannot be written to: {error.strerror}. Choose another folder.") from error
    try:
        yield
    except (ConfigError, DataError):  # refused: this one did not work on the run
        if before is not None:
            with suppress(OSError):
                _mark(folder, before)
        raise
    finally:
        with suppress(OSError, ResultError):
            if read_result(folder).status.finished:
                (folder / MARK).unlink(missing_ok=True)
        _let_go(lock)


def _let_go(lock: BaseFileLock) -> None:
    if lock.is_locked:
        with suppress(OSError):
            Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
