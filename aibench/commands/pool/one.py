"""Runs one run of a pool, as a process of its own: `python -m aibench.commands.pool.one` reads it on standard input."""

from __future__ import annotations

import json
import os
import pickle
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Job:
    """Holds what the process has to know.

    Attributes:
        config: The run as Hydra composed it.
        cores: The processor cores that are its own.
        answer: File descriptor that takes what the run is worth to a search, as JSON.
        parent: The process that started it.
    """

    config: Any
    cores: tuple[int, ...]
    answer: int
    parent: int


def main() -> None:
    """Run the job on standard input. Signals wait until a run that heeds them is there."""
    job: Job = pickle.load(sys.stdin.buffer)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, job.cores)  # before a library counts the cores
    from aibench.training.children import die_with

    # No run is left without its pool. Not before: what is imported here may count the cores.
    if not die_with(job.parent, signal.SIGTERM):
        sys.exit(130)
    try:
        worth = _run(job.config)
    except KeyboardInterrupt:
        sys.exit(130)
    with suppress(OSError):
        os.write(job.answer, json.dumps(worth).encode())


def _run(config: Any) -> float:
    from hydra._internal.callbacks import Callbacks
    from hydra.core.utils import run_job, setup_globals
    from hydra.types import HydraContext

    from aibench.commands.train import main as application

    setup_globals()
    returned = run_job(
        task_function=application.__wrapped__,  # the function that Hydra's decorator took
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
        hydra_context=HydraContext(config_loader=None, callbacks=Callbacks(config)),  # type: ignore[arg-type]
    )
    return float(returned.return_value)


if __name__ == "__main__":
    main()
