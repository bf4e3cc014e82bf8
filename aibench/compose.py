"""Composed configurations outside a Hydra job: what `python train.py ...` would run. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence

from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra

from aibench import registry
from aibench.config import RunConfig, typed

CONFIG_MODULE = "aibench.conf"


def composed(overrides: Sequence[str]) -> RunConfig:
    """The run that `overrides` describe, checked.

    Raises:
        ConfigError: It cannot run.
        hydra.errors.HydraException: Hydra cannot compose it.
    """
    registry.register()
    if GlobalHydra.instance().is_initialized():
        return typed(compose("config", overrides=list(overrides)))
    with initialize_config_module(CONFIG_MODULE, version_base="1.3"):
        return typed(compose("config", overrides=list(overrides)))


def suite_config(task: str, scale: str) -> RunConfig:
    """The suite's own configuration of `task` at `scale`, unchecked against the disk: it has no `data.root`."""
    return composed([f"task={task}", f"scale={scale}", "data.root=."])
