"""Loads what a run trained: the module with its best weights, and the data that it was trained and judged on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from aibench.api.running import Run
from aibench.composition import registry
from aibench.composition.restore import restored
from aibench.composition.words import as_word
from aibench.config import ConfigError, RunConfig
from aibench.contract import TaskData, TaskModule, batch_of
from aibench.results.folder import weights
from aibench.results.result import BEST, LAST, Result, read_result
from aibench.training import checkpoint


@dataclass(frozen=True, slots=True)
class Loaded:
    """Holds a trained model and its data, ready to answer.

    Attributes:
        module: The task's LightningModule with the run's best weights, on the CPU, in evaluation mode. `infer(batch)`
            answers as a user would see it, `forward` is the network alone, `render(batch)` draws a figure.
        data: The task's data: `dataset("train")` and `dataset("val")` are map-style data sets.
        config: The run's configuration, typed.
        result: Everything that the run measured.
    """

    module: TaskModule
    data: TaskData
    config: RunConfig
    result: Result

    def batch(self, size: int = 8, split: str = "val") -> Any:
        """Return the first `size` samples of `split` as one batch, as `module.infer` takes it."""
        samples = self.data.dataset(split)
        return batch_of(self.data, samples, torch.arange(min(size, len(samples))).numpy())


def load(run: Run | Path | str, **keys: Any) -> Loaded:
    """Load a run's trained module and its data.

    Args:
        run: What `train` returned, or the folder of a run.
        keys: Keys of its configuration that are other ones here, as `**{"data.root": "/data/here"}`.

    Raises:
        ResultError: The folder has no result that can be read.
        ConfigError: It has no checkpoint, or this version of the suite has another model.
        DataError: Its data are not here.
    """
    folder = run.folder if isinstance(run, Run) else Path(run)
    result = read_result(folder)
    path = weights(folder)
    if path is None:
        raise ConfigError(f"{folder}: holds neither {BEST} nor {LAST}. Give the folder of a run that was evaluated.")
    config = restored(result.config, [as_word(key, value) for key, value in keys.items()])
    data: TaskData = registry.data_class(config.task)(config)
    with torch.random.fork_rng(devices=[]):  # the caller's random numbers stay as they are
        torch.manual_seed(config.seed)
        module: TaskModule = registry.module_class(config.task)(config, data.facts)
    try:
        module.load_state_dict(checkpoint.load(path)["state_dict"])
    except (KeyError, RuntimeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(f"{path}: does not fit task={config.task} ({reason}). Give its own run.") from error
    return Loaded(module.eval(), data, config, result)
