"""Restores the configuration of a run from its result, with a few keys changed. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from aibench.composition import registry
from aibench.config import ConfigError, RunConfig, typed


def restored(config: dict[str, Any], words: Sequence[str] = ()) -> RunConfig:
    """Return the run that `config`, the configuration in a result, describes, with `words` (KEY=VALUE) on top.

    Raises:
        ConfigError: This suite has no such task, its schema has other keys, or a word cannot be used.
    """
    task = config.get("task")
    if task not in registry.task_names():
        raise ConfigError(f"task={task}: no such task in this suite. One of: {', '.join(registry.task_names())}.")
    try:
        node: Any = OmegaConf.merge(OmegaConf.structured(registry.schema_class(task)(task=task)), config)
    except OmegaConfBaseException as error:
        raise ConfigError(
            f"{error.full_key}: not a key of this suite's task={task}; another version trained it."
        ) from error
    for word in words:
        if "=" not in word:
            raise ConfigError(f"{word}: not KEY=VALUE.")
        try:
            node = OmegaConf.merge(node, OmegaConf.from_dotlist([word]))
        except OmegaConfBaseException as error:
            raise ConfigError(f"{word}: {str(error).strip().splitlines()[0]}") from error
    return typed(node)
