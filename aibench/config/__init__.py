"""Holds the schema of a run and its checks: types here, values in `conf/`.

May import `choices`.
"""

from aibench.choices import (
    Accelerator,
    Mode,
    Objective,
    Precision,
    Resume,
    Scaling,
    Session,
    Source,
    Strategy,
    Tracker,
    TrackingMode,
)
from aibench.config.checks import endless, misshapen, too_small, without_momentum
from aibench.config.devices import devices, on_one_device, with_global_batch
from aibench.config.errors import ConfigError, DataError
from aibench.config.hardware import HardwareConfig, PowerModel
from aibench.config.loading import plain, typed, unchecked
from aibench.config.schema import (
    CheckpointConfig,
    CostConfig,
    DataConfig,
    ModelConfig,
    OptimConfig,
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
    "Scaling",
    "Session",
    "Source",
    "Strategy",
    "SweepConfig",
    "TargetConfig",
    "Tracker",
    "TrackingConfig",
    "TrackingMode",
    "default_cache",
    "devices",
    "endless",
    "misshapen",
    "on_one_device",
    "plain",
    "too_small",
    "typed",
    "unchecked",
    "with_global_batch",
    "without_momentum",
]
