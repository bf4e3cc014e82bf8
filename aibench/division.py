"""Closed or open: what the paper's 4.2.2 lets a run change. Imports no torch."""

from __future__ import annotations

from typing import Any

from aibench.result import Division

# The paper lets hyper-parameters and hardware change, and neither the model, the data nor the target. The rest of
# these keys name a run or a place and change nothing that is trained.
FREE = (
    "seed",
    "session",
    "epochs",
    "steps",
    "warmup_steps",
    "resume",
    "progress",
    "output",
    "hardware",
    "tracking",
    "optim",
    "model.weights",
    "data.root",
    "data.cache",
    "data.workers",
    "data.batch_size",
    "data.eval_batch_size",
    "target.max_epochs",
)


def flat(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys and their values."""
    leaves: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            leaves.update(flat(value, f"{prefix}{key}."))
        else:
            leaves[f"{prefix}{key}"] = value
    return leaves


def is_free(key: str, free: tuple[str, ...] = FREE) -> bool:
    """Whether `key` is one of `free`, or below one."""
    return any(key == name or key.startswith(f"{name}.") for name in free)


def differences(config: dict[str, Any], other: dict[str, Any], free: tuple[str, ...] = FREE) -> dict[str, Any]:
    """The keys, `free` ones left out, whose values differ, with both values."""
    ours, theirs = flat(config), flat(other)
    keys = [key for key in {**ours, **theirs} if not is_free(key, free)]
    return {key: (ours.get(key), theirs.get(key)) for key in keys if ours.get(key) != theirs.get(key)}


def division(config: dict[str, Any], suite: dict[str, Any]) -> Division:
    """The division of a run, from its configuration and the suite's own for its task and scale."""
    left = [f"{key}={value} (the suite's: {own})" for key, (value, own) in sorted(differences(config, suite).items())]
    return Division("open" if left else "closed", left)
