"""Checks what a sweep asks of its launcher before a folder is made."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from aibench.commands.pool.slots import slots
from aibench.config import ConfigError, RunConfig

KEY = "hydra.launcher"


def check(config: DictConfig, runs: Sequence[RunConfig]) -> None:
    """Raise `ConfigError` where the launcher cannot launch `runs`, which differ in more than their seed."""
    launcher, name = config.hydra.launcher, str(OmegaConf.select(config, "hydra.runtime.choices.hydra/launcher"))
    match name:
        case "pool":
            slots(launcher.slots, launcher.cores, runs)
        case "joblib" if launcher.n_jobs == 0:
            raise ConfigError(f"{KEY}.n_jobs=0: no run would start. Give the number of runs at once.")
        case "submitit_local" | "submitit_slurm":
            _check_submitit(config, name)


def is_elsewhere(config: DictConfig) -> bool:
    """Return whether the runs are on other machines, whose devices are not known here."""
    return "slurm" in str(config.hydra.launcher.get("_target_")).lower()


def _check_submitit(config: DictConfig, name: str) -> None:
    launcher: Any = config.hydra.launcher
    for key, least in (("timeout_min", 1), ("nodes", 1), ("tasks_per_node", 1), ("max_num_timeout", 0)):
        value = launcher.get(key)
        if value is not None and value < least:
            raise ConfigError(f"{KEY}.{key}={value}: must be at least {least}.")
    if is_elsewhere(config) and shutil.which("sbatch") is None:
        cluster = OmegaConf.select(config, "hydra.runtime.choices.cluster")
        asked = f"cluster={cluster}" if cluster is not None else f"hydra/launcher={name}"
        raise ConfigError(f"{asked}: no sbatch here. Start the sweep where Slurm's commands are.")
