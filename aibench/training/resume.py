"""Going on with a run that is in its folder already: whether it is the same one, and from where."""

from __future__ import annotations

import os
from pathlib import Path

from aibench.config import ConfigError, Resume, RunConfig, plain
from aibench.results.division import changed_since
from aibench.results.folder import CHECKPOINTS, refuse_files_of_others
from aibench.results.result import RESULT, Result, ResultError, read_result


def refuse_folder(config: RunConfig, folder: Path) -> None:
    """Raise `ConfigError` where `folder`, of a run or of a sweep, holds what the run must not touch."""
    if not folder.is_dir():
        return
    runs = [folder, *(below for below in sorted(folder.iterdir()) if below.is_dir() and _is_of_a_sweep(below))]
    for run in runs:
        refuse_files_of_others(run)
    if config.resume is Resume.auto:
        return
    for path in (run / name for run in runs for name in (RESULT, *CHECKPOINTS)):
        if path.is_file():
            raise ConfigError(
                f"output={folder}: holds {path.relative_to(folder)} of an earlier run. Choose another folder, or go on "
                "with resume=auto."
            )


def _is_of_a_sweep(folder: Path) -> bool:
    return folder.name.split("_")[0].isdigit()


def finished(config: RunConfig, folder: Path) -> Result | None:
    """Return the result in `folder`, where the run goes on and there is nothing left of it to do.

    Raises:
        ConfigError: The result is of another configuration, or cannot be read.
    """
    path = folder / RESULT
    if config.resume is Resume.never or not os.path.lexists(path):
        return None
    try:
        result = read_result(path)
    except ResultError as error:
        raise ConfigError(f"output={folder}: {error} Choose another folder, or move that file away.") from error
    if not result.status.finished:
        return None
    changed = changed_since(plain(config), result.config, folder)
    if changed is not None:
        raise ConfigError(changed)
    return result
