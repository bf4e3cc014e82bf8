"""Checks what a search goes by, and gives Optuna's sweeper the direction in which the objective is better."""

from __future__ import annotations

from collections.abc import Sequence

from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from aibench.config import ConfigError, RunConfig, Session
from aibench.config.fields import shown
from aibench.results.objective import is_better_higher

DIRECTION = "hydra.sweeper.direction"


def prepare(config: DictConfig, examples: Sequence[RunConfig]) -> None:
    """Set the direction where the sweeper has one.

    Raises:
        ConfigError: The runs have no objective that a search could go by, or the direction given is the wrong one.
    """
    for run in examples:
        _check_objective(run)
    higher = {is_better_higher(run) for run in examples}
    if len(higher) > 1:
        raise ConfigError("objective=quality: better when higher in some of these runs, and when lower in others.")
    if OmegaConf.select(config, DIRECTION) is None:
        return
    right = "maximize" if higher.pop() else "minimize"
    given = [word for word in config.hydra.overrides.hydra if word.lstrip("+").startswith(f"{DIRECTION}=")]
    if given and given[-1].partition("=")[2] != right:
        why = f"objective={examples[0].objective} of task={examples[0].task} wants {right}"
        raise ConfigError(f"{shown(given[-1])}: {why}. Leave it out, or set {DIRECTION}={right}.")
    with read_write(config), open_dict(config):
        config.hydra.sweeper.direction = right


def _check_objective(run: RunConfig) -> None:
    if run.session is Session.steps:
        raise ConfigError(f"objective={run.objective}: session=steps evaluates nothing. Use session=epochs.")
    if run.sweep.fail_fast:
        raise ConfigError("sweep.fail_fast=true: a search goes on after a run that failed. Leave it out.")
