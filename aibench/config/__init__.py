"""Holds the schema of a run and its checks: types here, values in `conf/`.

May import `choices`.
"""

from aibench.choices import Accelerator, Mode, Objective, Precision, Resume, Session, Source, Tracker, TrackingMode
from aibench.config.checks import endless, misshapen, too_small, without_momentum
from aibench.config.errors import ConfigError, DataError
from aibench.config.loading import plain, typed, unchecked
from aibench.config.schema import (
    CheckpointConfig,
    CostConfig,
    DataConfig,
    HardwareConfig,
    ModelConfig,
    OptimConfig,
    PowerModel,
    RunConfig,
    SweepConfig,
    TargetConfig,
    TrackingConfig,
    default_cache,
)

__all__ = [
    "Accelerator",
    "CheckpointConfig",
    "ConfigError",
    "CostConfig",
    "DataConfig",
    "DataError",
    "HardwareConfig",
    "Mode",
    "ModelConfig",
    "Objective",
    "OptimConfig",
    "PowerModel",
    "Precision",
    "Resume",
    "RunConfig",
    "Session",
    "Source",
    "SweepConfig",
    "TargetConfig",
    "Tracker",
    "TrackingConfig",
    "TrackingMode",
    "default_cache",
    "endless",
    "misshapen",
    "plain",
    "too_small",
    "typed",
    "unchecked",
    "without_momentum",
]
