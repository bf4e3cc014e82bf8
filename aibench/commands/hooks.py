"""Refuses a wrong configuration before a folder is made, and prints the table after a sweep, as Hydra's callback."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from aibench.commands import fail_fast, launchers, searches
from aibench.commands.console import complain, console
from aibench.composition import search, sweep
from aibench.composition.compose import composed
from aibench.composition.refusal import REFUSED, refusal, unexpected
from aibench.config import ConfigError, Resume, RunConfig, typed
from aibench.config.fields import shown
from aibench.results.made import making, take_back
from aibench.results.result import RESULT
from aibench.tracking.wandb_environment import sweep_problem
from aibench.training.requirements import missing
from aibench.training.resume import finished, refuse_folder
from aibench.world import world_here


class Hooks(Callback):
    """Acts before the first run and after the last. An exception here would be a warning; SystemExit passes."""

    def __init__(self) -> None:
        self.runs = 0  # of a sweep

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Refuse a run that cannot work, or whose folder holds a finished result."""
        try:
            if not world_here().is_first:
                with read_write(config), open_dict(config):
                    config.hydra.run.dir = "."  # the first process makes the folder, and says which it is
                return
            run, folder = typed(config), Path(config.hydra.run.dir)
            _require(run)
            with _writing(folder):
                refuse_folder(run, folder)
                _make(folder, run.resume)
        except Exception as error:
            _refuse(error, config)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Refuse a sweep of which a run cannot work, or whose folder holds results."""
        try:
            if (starter := world_here().starter) != "":
                raise ConfigError(
                    f"-m: {starter} starts the processes of one run. Start the sweep without it, with "
                    "hardware.devices=N, or give each run its job by hydra/launcher=submitit_slurm."
                )
            folder, searching = Path(config.hydra.sweep.dir), search.is_search(config)
            runs = [] if searching else sweep.runs(config)
            different = search.examples(config) if searching else list(map(composed, sweep.different(runs)))
            if searching:
                searches.prepare(config, different)
            for run in different:
                _require(run, elsewhere=launchers.is_elsewhere(config))
            launchers.check(config, different)
            if (problem := sweep_problem(run, len(runs) or 1)) is not None:
                raise ConfigError(problem)
            with _writing(folder):
                refuse_folder(run, folder)
                if run.resume is Resume.auto:
                    _check_finished(folder, runs)
                _make(folder, run.resume)
            _number_files_alone(config)
            fail_fast.allow(folder)
            self.runs = len(runs)
        except Exception as error:
            _refuse(error, config)

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Let the progress bar know which run of the sweep this is."""
        if self.runs:
            from aibench.training import progress

            progress.sweep.run, progress.sweep.runs = config.hydra.job.num + 1, self.runs

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Print the variation table from the files; exit with 1 if a run failed."""
        try:
            folder = Path(config.hydra.sweep.dir)
            status = _summarise(folder, towards_paper=_choice(config, "experiment") == "paper")
            if (stopped_by := fail_fast.stopped_by(folder)) is not None:
                missing = max(0, self.runs - sum(1 for _ in folder.glob(f"*/{RESULT}")))
                kept = f"{missing} run{'s were' if missing != 1 else ' was'} not started"
                complain(f"sweep.fail_fast: {stopped_by} failed, and {kept}. Go on with resume=auto output={folder}.")
        except Exception as error:  # Hydra would warn of it and exit with 0
            complain(f"the sweep's table: {type(error).__name__}: {error}")
            status = 1
        if status != 0:
            sys.exit(status)


def _choice(config: DictConfig, group: str) -> str | None:
    """Return the option of a group of the configuration that was chosen."""
    return OmegaConf.select(config, f"hydra.runtime.choices.{group}")  # type: ignore[no-any-return]


def _summarise(folder: Path, *, towards_paper: bool = False) -> int:
    from aibench.analysis.summary import summarise

    status = summarise([folder], console())
    if towards_paper:
        from aibench.analysis.reproduction.reproduction import reproductions, table
        from aibench.analysis.runs.reader import read_runs

        table(reproductions(read_runs([folder], keep=True).runs)).show(console())
    jobs = [path for path in folder.iterdir() if path.is_dir() and path.name.split("_")[0].isdigit()]
    for path in sorted(jobs):
        if not (path / RESULT).is_file():
            complain(f"{path}: left no result. Run the sweep again with resume=auto output={folder}.")
            status = 1
    return status


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    """Raise `ConfigError`, and take back what was made, where the system refuses the folder within this block."""
    try:
        yield
    except OSError as error:
        take_back(folder)
        raise ConfigError(f"output={shown(folder)}: cannot be written to: {error.strerror}. Choose another.") from error


def _make(folder: Path, resume: Resume) -> None:
    """Make the folder, which Hydra would do next, and a file without a name in it.

    Raises:
        OSError: Nothing can be written there.
    """
    if resume is Resume.auto and folder.is_dir():
        return  # a finished run may lie where nothing can be written
    making(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def _number_files_alone(config: DictConfig) -> None:
    """Have submitit write into one folder: it makes the one of its default also under its unfilled name, `%j`."""
    folder = OmegaConf.select(config, "hydra.launcher.submitit_folder")
    if folder is not None and str(folder).endswith("/.submitit/%j"):
        with read_write(config), open_dict(config):
            config.hydra.launcher.submitit_folder = str(folder).removesuffix("/%j")


def _require(config: RunConfig, *, elsewhere: bool = False) -> None:
    """Raise `ConfigError` where the run lacks what can be known before its folder is made."""
    for line in missing(config, elsewhere=elsewhere):
        raise ConfigError(line)


def _check_finished(folder: Path, runs: list[list[str]]) -> None:
    """Raise `ConfigError` where a finished run in the sweep's folder is another one than the sweep's."""
    for number, overrides in enumerate(runs):
        there = [path for path in folder.glob(f"{number}_*") if (path / RESULT).exists()]
        for path in there:
            config = composed(overrides)
            if path.name == f"{number}_{config.task}_seed{config.seed}":
                finished(config, path)


def _refuse(error: Exception, config: DictConfig) -> NoReturn:
    words = sweep.typed(config)
    complain(refusal(error, words) if isinstance(error, REFUSED) else unexpected(error, words))
    sys.exit(1)
