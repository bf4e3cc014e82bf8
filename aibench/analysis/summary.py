"""What the run folders of a sweep say: the variation table, the runs that failed, the files that cannot be read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from aibench.analysis.table import show
from aibench.analysis.variation import variation
from aibench.result import Result, ResultError, Status, read_result, result_files

if TYPE_CHECKING:
    from rich.console import Console


def summarise(folders: Path | Sequence[Path], console: Console) -> int:
    """Print the variation of the runs at or below `folders`.

    Returns:
        The exit status: 1 where a run failed, a file could not be read, or there is no result; else 0.
    """
    found, faults = _read([folders] if isinstance(folders, Path) else folders)
    if found:
        show(variation([result for _, result in found]), console)
    failed = [(path.parent, result.message) for path, result in found if result.status is Status.failed]
    faults += [f"{folder}: failed: {message or 'no message'}" for folder, message in failed]
    for fault in faults:
        console.print(fault, markup=False, highlight=False, soft_wrap=True)
    return 1 if faults else 0


def _read(folders: Sequence[Path]) -> tuple[list[tuple[Path, Result]], list[str]]:
    """Results with their paths, and a line for each file or folder that gave none."""
    found, faults = [], []
    for folder in folders:
        paths = list(result_files([folder]))
        if not paths:
            faults.append(
                f"{folder}: {'no result in it' if folder.exists() else 'no such folder'}. Give a run's folder."
            )
        for path in paths:
            try:
                found.append((path, read_result(path)))
            except ResultError as error:
                faults.append(str(error))
    return found, faults
