"""Plans a sweep: which runs it has, and which of them must be looked at before the first one starts."""

from __future__ import annotations

import math
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, RangeSweep
from omegaconf import DictConfig, OmegaConf

from aibench.config import ConfigError
from aibench.config.fields import shown
from aibench.config.schema import SEEDS

MOST_RUNS = 10_000  # each that differs in more than its seed is composed and checked before the first one starts


def runs(config: DictConfig) -> list[list[str]]:
    """Return the overrides of each run of a sweep of Hydra's own sweeper.

    Raises:
        ConfigError: There is no run, or there are more than `MOST_RUNS`.
    """
    words = typed(config)
    parser = OverridesParser.create(GlobalHydra.instance().config_loader())  # which knows what glob(*) finds
    params = config.hydra.sweeper.params or {}
    overrides = parser.parse_overrides([*words, *(f"{key}={value}" for key, value in params.items())])
    count = math.prod(_values(override) for override in overrides)
    if not 0 < count <= MOST_RUNS:
        swept = " ".join(str(override.input_line) for override in overrides if override.is_sweep_override())
        raise ConfigError(f"{shown(swept)}: {count:,} runs. A sweep has 1 to {MOST_RUNS:,}.")
    batches = BasicSweeper.split_arguments(overrides, max_batch_size=None)
    return [list(run) for batch in batches for run in batch]


def typed(config: DictConfig) -> list[str]:
    """Return the words of the command line that Hydra composed; what looks like an interpolation in them stays."""
    words: Any = OmegaConf.to_container(config.hydra.overrides.task, resolve=False)
    return [str(word) for word in words]


def different(runs: list[list[str]]) -> list[list[str]]:
    """Return the runs without those that differ from another only in a valid seed."""
    return list({tuple(_any_seed(word) for word in run): run for run in runs}.values())


def _values(override: Override) -> int:
    """Return how many values an override sweeps over, without making those of a range."""
    value = override.value()
    if isinstance(value, RangeSweep):
        start, stop, step = (float(end or 0) for end in (value.start, value.stop, value.step))
        return max(0, math.ceil((stop - start) / step)) if step else 0
    return sum(1 for _ in override.sweep_iterator()) if override.is_discrete_sweep() else 1


def _any_seed(word: str) -> str:
    seed = word.removeprefix("seed=")
    return "seed=*" if seed.isdecimal() and len(seed) < 20 and int(seed) < SEEDS else word
