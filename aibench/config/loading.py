"""Turns a composed configuration into a typed run, and back to plain values. Behind `typed` nothing knows Hydra."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from aibench.choices import Source
from aibench.config.checks import problems
from aibench.config.errors import ConfigError
from aibench.config.roots import root_of
from aibench.config.schema import RunConfig


def typed(cfg: DictConfig) -> RunConfig:
    """Return the run that a composed configuration describes, checked.

    Raises:
        ConfigError: A value is missing, has the wrong type, or does not fit the others or the disk.
    """
    config = unchecked(cfg)
    problem = next(iter(problems(config)), None)
    if problem is not None:
        raise ConfigError(problem)
    return config


def unchecked(cfg: DictConfig) -> RunConfig:
    """Return the run that a composed configuration describes, of the right types, without asking whether it could run.

    Raises:
        ConfigError: A value is missing or has the wrong type.
    """
    cfg = cfg.copy()
    OmegaConf.set_struct(cfg, False)
    cfg.pop("hydra", None)
    try:
        missing = sorted(OmegaConf.missing_keys(cfg))
        if missing:
            raise ConfigError(f"{missing[0]}: no value. Set {missing[0]}=VALUE.")
        config: Any = OmegaConf.to_object(cfg)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{error.full_key or 'configuration'}: {_first_line(error)}") from error
    except AttributeError as error:  # slots: a key that no schema has
        raise ConfigError(f"{_stray_key(cfg, error)}: no such key, with '+' or without it.") from error
    _find_root(config)
    return config  # type: ignore[no-any-return]


def _find_root(config: RunConfig) -> None:
    """Fill in the folder of the data set where this machine knows it, and forget those of other tasks."""
    if config.data.source is Source.disk and config.data.root is None:
        config.data.root = root_of(config.task, config.data.roots, config.installed_root())
    config.data.roots = {}


def plain(config: RunConfig) -> dict[str, Any]:
    """Return `config` as JSON holds it: dicts, lists, strings, numbers."""
    return {one.name: _plain(getattr(config, one.name)) for one in fields(config)}


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value.name if isinstance(value, Enum) else value


def _stray_key(cfg: DictConfig, error: AttributeError) -> str:
    """Return the dotted key that no schema has; the exception knows the name of its stray part only."""
    name = str(error).rsplit("'", 2)[-2] if "'" in str(error) else str(error.name)
    groups: Any = OmegaConf.to_container(cfg, resolve=False)
    places = [(name, groups), *((f"{group}.{name}", node) for group, node in groups.items())]
    key, node = next(
        ((key, node[name]) for key, node in places if isinstance(node, dict) and name in node), (name, None)
    )
    while isinstance(node, dict) and node:  # down to the word as it was typed
        inner = next(iter(node))
        key, node = f"{key}.{inner}", node[inner]
    return key


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
