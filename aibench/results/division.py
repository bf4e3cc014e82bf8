"""Closed or open: what the paper's 4.2.2 lets a run change. Imports no torch."""

from __future__ import annotations

from typing import Any

from aibench.results.data import Published
from aibench.results.parts import Division

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
    "cost",
    "optim",
    "model.weights",
    "data.root",
    "data.cache",
    "data.workers",
    "data.batch_size",
    "data.batch_tokens",
    "data.eval_batch_size",
    "target.max_epochs",
)


# What else must be the same where a run goes on, or counts as done: all that changes what is trained.
FREE_ON_RESUME = tuple(
    key
    for key in FREE
    if key
    not in (
        "seed",
        "session",
        "epochs",
        "steps",
        "warmup_steps",
        "optim",
        "data.batch_size",
        "data.batch_tokens",
        "target.max_epochs",
    )
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


def changed_since(config: dict[str, Any], before: dict[str, Any], folder: object) -> str | None:
    """Why the run in `folder`, of the configuration `before`, is not the one that `config` asks for; None if it is."""
    for key, (value, other) in differences(config, before, FREE_ON_RESUME).items():
        return f"{key}={value}: {folder} holds a run with {key}={other}. Set it so, or choose another output folder."
    return None


def division(config: dict[str, Any], suite: dict[str, Any]) -> Division:
    """The division of a run, from its configuration and the suite's own for its task and scale."""
    left = [f"{key}={value} (the suite's: {own})" for key, (value, own) in sorted(differences(config, suite).items())]
    return Division("open" if left else "closed", left)


def on_data(division: Division, published: Published | None) -> Division:
    """Return the division of a run on these data: other data than the published ones of their form leave the closed.

    Args:
        division: Of the run's configuration.
        published: How its data compare with the published ones; None where there are none to compare with.
    """
    if published is None or not published.differences:
        return division
    what = "; ".join(published.differences)
    return Division("open", [*division.left, f"data.root: not the published files of {published.name}: {what}"])
