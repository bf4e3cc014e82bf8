"""Turns a composed configuration into a run, as the one Hydra application. Imports no torch before it is accepted."""

from __future__ import annotations

import shutil
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import hydra
from filelock import FileLock, Timeout
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from aibench.commands.console import complain, console, print_line, print_result
from aibench.composition.compose import CONFIG_MODULE, suite_config
from aibench.config import ConfigError, Resume, RunConfig, plain, typed
from aibench.results.division import changed_since, division
from aibench.results.result import RESULT, Result, ResultError, dumped, read_result, write_atomically


@hydra.main(version_base="1.3", config_path=f"pkg://{CONFIG_MODULE}", config_name="config")
def main(cfg: DictConfig) -> None:
    """Run the job that Hydra composed. In a sweep every job leaves a result, also one that fails."""
    config = typed(cfg)
    folder = Path(HydraConfig.get().runtime.output_dir)
    in_sweep = HydraConfig.get().mode is RunMode.MULTIRUN
    done = finished_result(folder) if config.resume is Resume.auto else None
    changed = changed_since(plain(config), done.config, folder) if done is not None else None
    if changed is not None:
        raise ConfigError(changed)
    if done is not None:
        console().print(f"{folder}: already {done.status}; skipped.", highlight=False, soft_wrap=True)
        return
    status = run_job(config, folder, in_sweep)
    if status != 0 and not in_sweep:
        sys.exit(status)


def finished_result(folder: Path) -> Result | None:
    """Return the result in `folder`, where there is one with nothing left to resume."""
    try:
        result = read_result(folder / RESULT)
    except ResultError:
        return None
    return result if result.status.finished else None


def run_job(config: RunConfig, folder: Path, in_sweep: bool) -> int:
    """Run one session. Returns the exit status; in a sweep, failures become results and the sweep goes on."""
    from aibench.contract import DataError
    from aibench.results.result import Status
    from aibench.training.ending import FAILURE, Ending, Interrupted
    from aibench.training.outcome import unstarted_result
    from aibench.training.run import train

    started = datetime.now(UTC).isoformat(timespec="milliseconds")
    try:
        suite = plain(suite_config(config.task, config.scale))
        with _alone_in(folder):
            result = train(config, folder, division(plain(config), suite), console())
        _free_memory()
        return _report(result, folder, in_sweep)
    except (ConfigError, DataError) as error:
        complain(str(error))
        if not in_sweep:
            _discard(folder)
            return 1
        ending = Ending(Status.failed, str(error))
    except Interrupted as error:
        ending = Ending(Status.interrupted, str(error))
    except Exception as error:
        ending = Ending(Status.failed, f"{type(error).__name__}: {' '.join(str(error).split())}")
        _try_to_write(folder, FAILURE, traceback.format_exc())
    result = unstarted_result(config, ending, started)
    _try_to_write(folder, RESULT, dumped(result))
    return _report(result, folder, in_sweep)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep a second process out of `folder`; the lock goes with the process that holds it."""
    lock = FileLock(folder / ".lock", blocking=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise ConfigError(f"output={folder}: another process is training there. Choose another folder.") from error
    try:
        yield
    finally:
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def _try_to_write(folder: Path, name: str, text: str) -> None:
    try:
        write_atomically(folder / name, text)
    except OSError as error:
        complain(f"{folder / name}: not written: {error.strerror}.")


def _report(result: Result, folder: Path, in_sweep: bool) -> int:
    (print_line if in_sweep else print_result)(result, folder)
    if result.status == "interrupted":
        raise KeyboardInterrupt  # ends a sweep too
    return 1 if result.status in ("failed", "diverged") else 0


def _discard(folder: Path) -> None:
    """Remove what a refused run began: Hydra made the folder, and nothing in it was measured."""
    if not (folder / RESULT).exists() and not list(folder.glob("*.ckpt")) and not (folder / ".lock").exists():
        shutil.rmtree(folder, ignore_errors=True)


def _free_memory() -> None:
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
