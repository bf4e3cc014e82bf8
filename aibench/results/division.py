"""Judges whether a run is of the closed or the open division: what the paper's 4.2.2 lets it change. Imports no torch.

Imports no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aibench.results.data import Published
from aibench.results.parts import Division


@dataclass(frozen=True, slots=True)
class Effect:
    """Says what a key of the configuration, or a group of them, decides.

    Attributes:
        trains: Whether it changes what is trained or how it is evaluated, be it in the last bit.
        times: Whether it changes what is timed or measured.
        closed: Whether the closed division lets it change: the paper's 4.2.2 lets hyper-parameters and hardware, and
            neither the model, the data nor the target.
    """

    trains: bool
    times: bool
    closed: bool


SAYS_NOTHING = Effect(trains=False, times=False, closed=True)  # names a run or a place, or is told afterwards
OF_THE_BENCHMARK = Effect(trains=True, times=True, closed=False)
CHOSEN = Effect(trains=True, times=True, closed=True)
MEASURES = Effect(trains=False, times=True, closed=True)

# Every key, by the longest of these names that it is or stands below.
EFFECTS = {
    "task": OF_THE_BENCHMARK,
    "scale": OF_THE_BENCHMARK,
    "session": CHOSEN,
    "seed": CHOSEN,
    "epochs": CHOSEN,
    "steps": CHOSEN,
    "warmup_steps": CHOSEN,
    "resume": SAYS_NOTHING,
    "progress": SAYS_NOTHING,
    "output": SAYS_NOTHING,
    "tracking": SAYS_NOTHING,
    "cost": SAYS_NOTHING,
    "checkpoint": SAYS_NOTHING,  # its time is a part of its own
    "model": OF_THE_BENCHMARK,
    "model.weights": CHOSEN,
    "optim": CHOSEN,
    "target": OF_THE_BENCHMARK,
    "target.max_epochs": CHOSEN,
    "data": OF_THE_BENCHMARK,
    "data.root": SAYS_NOTHING,  # the fingerprint says whether the samples are the same
    "data.cache": SAYS_NOTHING,
    "data.workers": MEASURES,  # a sample is the same in whichever process it is read
    "data.batch_size": CHOSEN,
    "data.batch_tokens": CHOSEN,
    "data.eval_batch_size": CHOSEN,
    "hardware": CHOSEN,
    "hardware.telemetry_hz": MEASURES,
    "hardware.idle_seconds": MEASURES,
    "hardware.power_model": MEASURES,
}
OF_REPEATS = ("seed",)  # in which runs that are pooled differ


def effect(key: str) -> Effect | None:
    """Return what the dotted `key` decides; None where the table does not know it."""
    while key and key not in EFFECTS:
        key = key.rpartition(".")[0]
    return EFFECTS.get(key)


def may_differ_in_division(key: str) -> bool:
    """Return whether a run of the closed division may set `key` otherwise than the suite."""
    found = effect(key)
    return found is not None and found.closed


def may_differ_on_resuming(key: str) -> bool:
    """Return whether a run may go on, or count as done, with another `key`: another place, say."""
    found = effect(key)
    return found is not None and not found.trains and not found.times


def may_differ_in_pool(key: str) -> bool:
    """Return whether runs with other values of `key` are repeats of each other."""
    return key in OF_REPEATS or may_differ_on_resuming(key)


def flat(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return dotted keys and their values."""
    leaves: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, dict):
            leaves.update(flat(value, f"{prefix}{key}."))
        else:
            leaves[f"{prefix}{key}"] = value
    return leaves


def differences(config: dict[str, Any], other: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the keys, `free` ones left out, whose values differ, with both values."""
    ours, theirs = flat(config), flat(other)
    return {key: (ours.get(key), theirs.get(key)) for key in {**ours, **theirs} if ours.get(key) != theirs.get(key)}


def changed_since(config: dict[str, Any], before: dict[str, Any], folder: object) -> str | None:
    """Return why the run in `folder`, of the configuration `before`, is not what `config` asks for; None if it is."""
    known = flat(before)
    for key, (value, other) in differences(config, before).items():
        if key in known and not may_differ_on_resuming(key):  # an older version may not have known the key
            return (
                f"{key}={value}: {folder} holds a run with {key}={other}. Set it so, or choose another output folder."
            )
    return None


NAMES = ("output", "resume", "progress")  # of which a part of a run need not tell


def changed_between(config: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """Return the keys that a part of a run has otherwise than the part before, with their new values."""
    return {key: value for key, (value, _) in differences(config, before).items() if key not in NAMES}


def division(config: dict[str, Any], suite: dict[str, Any]) -> Division:
    """Return the division of a run, from its configuration and the suite's own for its task and scale."""
    left = [
        f"{key}={value} (the suite's: {own})"
        for key, (value, own) in sorted(differences(config, suite).items())
        if not may_differ_in_division(key)
    ]
    return Division("open" if left else "closed", left)


def on_data(division: Division, published: Published | None) -> Division:
    """Return the division of a run on these data: other data than the published ones of their form leave the closed.

    Args:
        division: The division of the run's configuration.
        published: How its data compare with the published ones; None where there are none to compare with.
    """
    if published is None or not published.differences:
        return division
    first, *others = published.differences
    what = f"{first}, and {len(others):,} more" if others else first
    return Division("open", [*division.left, f"data.root: not the published files of {published.name}: {what}"])
