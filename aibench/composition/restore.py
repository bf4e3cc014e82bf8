"""Restores the configuration of a run from its result, with a few keys changed. Imports no torch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.types import OverrideType
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from aibench.composition import registry
from aibench.composition.words import parsed
from aibench.config import ConfigError, RunConfig, typed
from aibench.config.fields import shown

INTERPOLATION = re.compile(r"(\\*)\$\{")


def as_text(node: Any) -> Any:
    """Return `node`, a part of a configuration in a file, with every `${` as OmegaConf writes one that is text."""
    if isinstance(node, dict):
        return {key: as_text(value) for key, value in node.items()}
    if isinstance(node, list):
        return [as_text(value) for value in node]
    return INTERPOLATION.sub(r"\1\1\\${", node) if isinstance(node, str) else node


def restored(config: dict[str, Any], words: Sequence[str] = ()) -> RunConfig:
    """Return the run that `config`, the configuration in a result, describes, with `words` (KEY=VALUE) on top.

    The file may be anybody's: `${...}` in it is text, and its cache is this machine's own.

    Raises:
        ConfigError: This suite has no such task, its schema has other keys, or a word cannot be used.
    """
    task = config.get("task")
    if not isinstance(task, str) or task not in registry.task_names():
        raise ConfigError(f"task={task}: no such task in this suite. One of: {', '.join(registry.task_names())}.")
    try:
        schema = OmegaConf.structured(registry.schema_class(task)(task=task))
        node: Any = OmegaConf.merge(schema, as_text(_without_cache(config)))
    except (OmegaConfBaseException, ArithmeticError, TypeError, ValueError) as error:
        key = getattr(error, "full_key", None) or "config"
        raise ConfigError(f"{key}: not a key of this suite's task={task}; another version trained it.") from error
    for override in parsed(words):
        word = shown(override.input_line)
        if override.is_sweep_override() or override.type is not OverrideType.CHANGE:
            raise ConfigError(f"{word}: one value for a key is wanted. Write KEY=VALUE.")
        try:
            OmegaConf.update(node, override.key_or_group, override.value())
        except OmegaConfBaseException as error:
            raise ConfigError(f"{word}: {str(error).strip().splitlines()[0]}") from error
    return typed(node)


def _on_one_device(config: dict[str, Any]) -> dict[str, Any]:
    """Return `config` for one device, whatever trained the run: who restores it serves it, or looks at it."""
    hardware = config.get("hardware")
    if not isinstance(hardware, dict) or "devices" not in hardware:
        return config
    alone = {"devices": 1, "nodes": 1, "strategy": "auto", "scaling": "strong", "sync_batchnorm": False}
    return {**config, "hardware": {**hardware, **alone}}


def _without_cache(config: dict[str, Any]) -> dict[str, Any]:
    """Return `config` without the folder that it writes prepared data to: the schema knows this machine's."""
    data = config.get("data")
    if not isinstance(data, dict):
        return config
    config = _on_one_device(config)
    return {**config, "data": {key: value for key, value in data.items() if key != "cache"}}
