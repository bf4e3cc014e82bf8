"""Finds the tasks whose published data this machine has, for sweeps over them. Imports no torch."""

from __future__ import annotations

import os
from functools import cache

from aibench.composition import registry
from aibench.composition.compose import described
from aibench.config import ConfigError, RunConfig
from aibench.config.checks import without_data, wrong_data
from aibench.config.roots import DATA


def register() -> None:
    """Make `${tasks_with_data:}` known to configurations."""
    from omegaconf import OmegaConf

    OmegaConf.register_new_resolver("tasks_with_data", _named, replace=True)


def state(config: RunConfig) -> str | None:
    """Return what keeps the data of a run from being read, in a line; None where its folder has the reader's layout."""
    return next((line for check in (without_data, wrong_data) for line in check(config)), None)


def tasks_with_data() -> list[str]:
    """Return the tasks whose reference has its data here."""
    configs = (described([f"task={task}", "scale=reference", "session=epochs"]) for task in registry.task_names())
    return [config.task for config in configs if state(config) is None]


def _named() -> str:
    return _named_in(os.environ.get(DATA))


@cache  # Hydra asks several times, and each answer composes all tasks
def _named_in(folder: str | None) -> str:
    found = tasks_with_data()
    if not found:
        raise ConfigError(
            "experiment=paper: this machine has no published data. `aibench data status` says how to get them; two "
            "data sets are small."
        )
    return ",".join(found)
