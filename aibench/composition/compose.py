"""Composes configurations outside a Hydra job: what `python train.py ...` would run. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence

from hydra import compose, initialize_config_module
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig

from aibench.composition import groups, registry, words
from aibench.composition.refusal import REFUSED, refusal
from aibench.config import ConfigError, RunConfig, typed, unchecked

CONFIG_MODULE = "aibench.conf"


def composed(overrides: Sequence[str]) -> RunConfig:
    """Return the run that `overrides` describe, checked.

    Raises:
        ConfigError: It cannot be composed, or cannot run.
    """
    return typed(_compose(overrides))


def described(overrides: Sequence[str]) -> RunConfig:
    """Return the run that `overrides` describe, without asking whether it could run: its data may be missing.

    Raises:
        ConfigError: It cannot be composed.
    """
    return unchecked(_compose(overrides))


def suite_config(task: str, scale: str) -> RunConfig:
    """Return the suite's configuration of `task` at `scale`; without `data.root` it need not be able to run.

    Both may come from a file of others: they are looked up before they become words of a command line.

    Raises:
        ConfigError: This suite has no such task, or no such scale.
    """
    for key, value, known in (("task", task, registry.task_names()), ("scale", scale, registry.options("scale"))):
        if value not in known:
            raise ConfigError(f"{key}={value}: none of this suite. One of: {', '.join(known)}.")
    return unchecked(_compose([f"task={task}", f"scale={scale}"]))


def _compose(overrides: Sequence[str]) -> DictConfig:
    groups.check(words.parsed(overrides))
    registry.register(overrides)
    try:
        if GlobalHydra.instance().is_initialized():
            return compose("config", overrides=list(overrides))
        with initialize_config_module(CONFIG_MODULE, version_base="1.3"):
            return compose("config", overrides=list(overrides))
    except REFUSED as error:
        raise ConfigError(refusal(error, overrides)) from error
