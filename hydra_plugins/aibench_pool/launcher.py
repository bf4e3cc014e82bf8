"""Registers the pool launcher: one process a run, on a GPU or on cores of its own.

Hydra imports this file whenever it starts, so it imports nothing that takes time. Annotations are no strings here:
Hydra runs the file before Python knows it by name, where a dataclass would look their names up.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


@dataclass
class PoolConf:
    """Holds what may be set below `hydra.launcher`.

    Attributes:
        slots: Runs at once; null takes a slot for each GPU, or for each `cores` cores.
        cores: Processor cores, as the system counts them, of a slot; null shares them out.
    """

    _target_: str = "hydra_plugins.aibench_pool.launcher.PoolLauncher"
    slots: int | None = None
    cores: int | None = None


ConfigStore.instance().store(group="hydra/launcher", name="pool", node=PoolConf, provider="aibench")


class PoolLauncher(Launcher):
    """Starts the runs of a sweep, as many at once as there are slots."""

    def __init__(self, slots: int | None, cores: int | None) -> None:
        self.slots, self.cores = slots, cores

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra knows of the sweep."""
        self.context, self.config = hydra_context, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run each of `job_overrides`, and return what each run is worth to a search, in their order."""
        from aibench.commands.pool.launch import launch

        return launch(self.context.config_loader, self.config, job_overrides, initial_job_idx)
