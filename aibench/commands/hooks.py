"""Refuses a wrong configuration before a folder is made, and prints the table after a sweep, as Hydra's callback."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NoReturn

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from aibench.commands.console import complain, console
from aibench.composition.refusal import REFUSED, refusal
from aibench.config import ConfigError, Resume, RunConfig, typed
from aibench.results.made import making
from aibench.results.result import RESULT
from aibench.tracking.wandb_environment import sweep_problem
from aibench.training.requirements import missing
from aibench.training.resume import finished, refuse_folder


class Hooks(Callback):
    """Acts before the first run and after the last. An exception here would be a warning; SystemExit passes."""

    def __init__(self) -> None:
        self.runs = 0  # of a sweep

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Refuse a run that cannot work, or whose folder holds a finished result."""
        try:
            run, folder = typed(config), Path(config.hydra.run.dir)
            _require(run)
            refuse_folder(run, folder)
            making(folder)  # which Hydra does next
        except REFUSED as error:
            _refuse(error)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Refuse a sweep of which a run cannot work, or whose folder holds results."""
        try:
            runs = _runs(config)
            for overrides in _different(runs):
                run = _composed(overrides)
                _require(run, elsewhere="slurm" in str(config.hydra.launcher.get("_target_")).lower())
            if (problem := sweep_problem(run, len(runs))) is not None:
                raise ConfigError(problem)
            refuse_folder(run, Path(config.hydra.sweep.dir))
            if run.resume is Resume.auto:
                _check_finished(Path(config.hydra.sweep.dir), runs)
            self.runs = len(runs)
            _number_files_alone(config)
        except REFUSED as error:
            _refuse(error)

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Let the progress bar know which run of the sweep this is."""
        if self.runs:
            from aibench.training.progress import sweep

            sweep.run, sweep.runs = config.hydra.job.num + 1, self.runs

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Print the variation table from the files; exit with 1 if a run failed."""
        try:
            status = _summarise(Path(config.hydra.sweep.dir))
        except Exception as error:  # Hydra would warn of it and exit with 0
            complain(f"the sweep's table: {type(error).__name__}: {error}")
            status = 1
        if status != 0:
            sys.exit(status)


def _summarise(folder: Path) -> int:
    from aibench.analysis.summary import summarise

    status = summarise([folder], console())
    jobs = [path for path in folder.iterdir() if path.is_dir() and path.name.split("_")[0].isdigit()]
    for path in sorted(jobs):
        if not (path / RESULT).is_file():
            complain(f"{path}: left no result. Run the sweep again with resume=auto output={folder}.")
            status = 1
    return status


def _composed(overrides: list[str]) -> RunConfig:
    from aibench.composition.compose import composed

    return composed(overrides)


def _runs(config: DictConfig) -> list[list[str]]:
    """Return the overrides of each job of a sweep."""
    parser = OverridesParser.create(GlobalHydra.instance().config_loader())  # which knows what glob(*) finds
    parsed = parser.parse_overrides(list(config.hydra.overrides.task))
    params = config.hydra.sweeper.params or {}
    parsed += parser.parse_overrides([f"{key}={value}" for key, value in params.items()])
    batches = BasicSweeper.split_arguments(parsed, max_batch_size=None)
    return [list(job) for batch in batches for job in batch]


def _different(jobs: list[list[str]]) -> list[list[str]]:
    """Return the jobs without those that differ from another only in a valid seed."""
    return list({tuple(_harmless_seed(word) for word in job): job for job in jobs}.values())


def _harmless_seed(word: str) -> str:
    return "seed=*" if word.removeprefix("seed=").isdigit() else word


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
            config = _composed(overrides)
            if path.name == f"{number}_{config.task}_seed{config.seed}":
                finished(config, path)


def _refuse(error: Exception) -> NoReturn:
    complain(refusal(error))
    sys.exit(1)
