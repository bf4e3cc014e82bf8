"""Reads the result files below some folders on several cores, each file once, and names what it cannot read."""

from __future__ import annotations

import copyreg
import gc
import multiprocessing
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

from aibench.analysis.runs.record import UnreadableError, parsed
from aibench.analysis.runs.runs import Run, of_record, shared
from aibench.results.files import content
from aibench.results.result import Division, Measured, Target, ToQuality, Trust, files_at


def _quick_to_send(kind: type[Any]) -> None:
    """Have objects of the dataclass `kind` go between processes as the tuple of their fields.

    What `pickle` does with slots by itself takes five times as long, which is a third of all that reading takes.
    """
    values = attrgetter(*(one.name for one in fields(kind)))
    copyreg.pickle(kind, lambda each: (kind, values(each)))


for _kind in (Run, Measured, ToQuality, Target, Division, Trust):
    _quick_to_send(_kind)

FEWEST_FOR_PROCESSES = 1000  # files; below, starting processes takes longer than they save
CHUNK = 250


@dataclass(slots=True)
class Reading:
    """Holds the runs and the faults that lay below the folders.

    Attributes:
        runs: The runs, in order of their files; of equal run ids one.
        faults: A line for each folder or file that gave none, and for each run id that two results claim.
    """

    runs: list[Run] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def read_runs(folders: Sequence[Path], *, keep: bool = False, workers: int | None = None) -> Reading:
    """Read the runs at or below `folders`.

    Args:
        folders: Folders, or result files of any name.
        keep: Whether each run keeps its record, with the whole history.
        workers: Processes; as many as there are cores, at most 8, where there are many files.
    """
    found = Reading()
    paths = list(_paths(folders, found.faults))
    before: Mapping[str, str] | None = None  # as they came: runs of one configuration lie side by side
    with _without_collector():
        for run in _read(paths, keep, workers):
            if isinstance(run, str):
                found.faults.append(run)
                continue
            if run.traits is not before:
                before, kept = run.traits, shared(run.traits)
            run.traits = kept
            found.runs.append(run)
        _drop_copies(found)
    return found


@contextmanager
def _without_collector() -> Iterator[None]:
    """Switch the cyclic garbage collector off for a while: it looks at every record again and finds no cycles."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _paths(folders: Sequence[Path], faults: list[str]) -> Iterator[str]:
    """Yield the result files, each once, sorted within each folder; note a folder without any in `faults`."""
    seen: set[str] = set()
    for folder in folders:
        below = files_at(folder)
        if not below:
            missing = "holds no result" if folder.exists() else "no such folder"
            faults.append(f"{folder}: {missing}. Give the folder of a run or of a sweep.")
        for path in below:
            name = os.path.realpath(path) if len(folders) > 1 else path
            if name not in seen:
                seen.add(name)
                yield path


def _read(paths: Sequence[str], keep: bool, workers: int | None) -> Iterable[Run | str]:
    chunks = [paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK)]
    count = workers or (min(8, os.cpu_count() or 1) if len(paths) >= FEWEST_FOR_PROCESSES else 1)
    one = partial(_read_chunk, keep=keep, strictly=len(paths) < FEWEST_FOR_PROCESSES)
    if count == 1:
        for chunk in chunks:
            yield from one(chunk)
        return
    method = "fork" if sys.platform == "linux" else "spawn"
    with ProcessPoolExecutor(count, multiprocessing.get_context(method)) as pool:
        for read in pool.map(one, chunks):
            yield from read


def _read_chunk(paths: Sequence[str], keep: bool, strictly: bool) -> list[Run | str]:
    return [_read_one(path, keep, strictly) for path in paths]


def _read_one(path: str, keep: bool, strictly: bool) -> Run | str:
    """Return the run in the file `path`, or what is wrong with it."""
    try:
        return of_record(parsed(content(path), strictly=strictly), path, keep=keep)
    except OSError as error:
        return f"{path}: {error.strerror}."
    except UnreadableError as error:
        return f"{path}: {error}"


def _drop_copies(found: Reading) -> None:
    """Keep, of results with one run id, the one that trained furthest; name the others where they are not copies."""
    first: dict[str, Run] = {}
    for run in found.runs:
        other = first.setdefault(run.run_id, run)
        if other is run:
            continue
        best, rest = sorted((other, run), key=_progress, reverse=True)
        first[run.run_id] = best
        if _progress(best) != _progress(rest) or best.history != rest.history:
            found.faults.append(
                f"{rest.path}: has the run id {rest.run_id} of {best.path}, which trained further or stands first, "
                "and is left out."
            )
    found.runs = [run for run in found.runs if first[run.run_id] is run]


def _progress(run: Run) -> tuple[bool, float, int, str]:
    return run.status.finished, run.trained_epochs, run.evaluations, run.status
