"""Looks at a search before it begins: another sweeper than Hydra's, such as Optuna's, chooses its values itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep, Transformer
from omegaconf import DictConfig, OmegaConf

from aibench.composition.compose import described
from aibench.composition.sweep import typed
from aibench.config import ConfigError, RunConfig
from aibench.config.checks import problems
from aibench.config.fields import out_of_bounds, shown


def is_search(config: DictConfig) -> bool:
    """Return whether the sweeper chooses values by what runs before have returned, or in a way of its own."""
    return not str(config.hydra.sweeper.get("_target_")).endswith(".BasicSweeper")


def examples(config: DictConfig) -> list[RunConfig]:
    """Return runs that the search may make: each end of an interval and each choice, one key at a time.

    A combination that cannot run is the search's own matter; it ends that run alone.

    Raises:
        ConfigError: A value is none that its key may have, or none of these runs could run.
    """
    found = [(described(words), words) for words in _examples(config)]
    for run, _ in found:
        for problem in out_of_bounds(run):
            raise ConfigError(problem)
    wrong = [next(iter(problems(run)), None) for run, _ in found]
    if None not in wrong:
        raise ConfigError(str(wrong[0]))
    return [run for (run, _), problem in zip(found, wrong, strict=True) if problem is None]


def _examples(config: DictConfig) -> list[list[str]]:
    """Return the overrides of those runs: the first has the first value of each key."""
    params: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=True).get("params") or {}  # type: ignore[union-attr]
    words = [*(f"{key}={value}" for key, value in params.items()), *typed(config)]
    overrides = {each.get_key_element(): each for each in _parser().parse_overrides(words)}
    fixed = [str(each.input_line) for each in overrides.values() if not each.is_sweep_override()]
    searched = {key: list(_values(each)) for key, each in overrides.items() if each.is_sweep_override()}
    first = {key: values[0] for key, values in searched.items()}
    runs = [first, *({**first, key: value} for key, values in searched.items() for value in values[1:])]
    return [[*fixed, *(f"{key}={value}" for key, value in run.items())] for run in runs]


def _parser() -> OverridesParser:
    return OverridesParser.create(GlobalHydra.instance().config_loader())  # which knows what glob(*) finds


def _values(override: Override) -> Iterator[str]:
    """Yield the values that stand for all of a searched key: the ends where they are many."""
    value = override.value()
    match value:
        case IntervalSweep():
            yield from (str(value.start), str(value.end))
        case RangeSweep():
            yield from (str(value.start), str(value.stop))
        case _ if override.is_choice_sweep():
            yield from map(str, override.sweep_iterator(transformer=Transformer.encode))
        case _:
            raise ConfigError(f"{shown(override.input_line)}: a search takes a list, interval(...) or range(...).")
