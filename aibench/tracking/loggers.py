"""Makes Lightning's loggers of what a configuration says: a class in `_target_`, and its arguments."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from typing import Any

from aibench.config import ConfigError, RunConfig

TARGET = "_target_"


def lacking_loggers(config: RunConfig) -> Iterator[str]:
    """Yield what is wrong with the loggers of `config`, a line each; imports none of them."""
    if not config.tracking.loggers:
        yield "tracking.loggers: none. Write +tracking.loggers.NAME={_target_:MODULE.CLASS}."
    for name, told in config.tracking.loggers.items():
        target = told.get(TARGET) if isinstance(told, dict) else None
        if not isinstance(target, str) or "." not in target:
            yield f"tracking.loggers.{name}: no {TARGET}. Write +tracking.loggers.{name}={{{TARGET}:MODULE.CLASS}}."
            continue
        package = target.split(".")[0]
        if importlib.util.find_spec(package) is None:
            yield f"tracking.loggers.{name}: {package} is not installed. Run: pip install {package}"


def instantiated(config: RunConfig) -> Iterator[Any]:
    """Yield the loggers of `config`.

    Raises:
        ConfigError: One cannot be made.
    """
    for problem in lacking_loggers(config):
        raise ConfigError(problem)
    for name, told in config.tracking.loggers.items():
        arguments = {key: value for key, value in told.items() if key != TARGET}
        module, _, cls = str(told[TARGET]).rpartition(".")
        try:
            yield getattr(importlib.import_module(module), cls)(**arguments)
        except Exception as error:  # whatever a logger's package, its service or its arguments say
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ConfigError(f"tracking.loggers.{name}: {reason}") from error
