"""Judges whether a run is of the closed or the open division: what the paper's 4.2.2 lets it change.

Imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aibench.results.data import Data
from aibench.results.parts import Division

if TYPE_CHECKING:
    from aibench.config import RunConfig


@dataclass(frozen=True, slots=True)
class Effect:
    """Says what a key of the configuration, or a group of them, decides.

    Attributes:
        trains: Whether it changes what is trained or how it is evaluated, be it in the last bit.
        times: Whether it changes what is timed or measured.
    """

    trains: bool
    times: bool


SAYS_NOTHING = Effect(trains=False, times=False)  # names a run or a place, or is told afterwards
TRAINS = Effect(trains=True, times=True)
MEASURES = Effect(trains=False, times=True)

# Every key, by the longest of these names that it is or stands below. What the closed division lets change is not here:
# it is marked beside each key, in the schema of the run and of its task (aibench/config/closed.py).
EFFECTS = {
    "task": TRAINS,
    "scale": TRAINS,
    "session": TRAINS,
    "seed": TRAINS,
    "epochs": TRAINS,
    "steps": TRAINS,
    "warmup_steps": TRAINS,
    "resume": SAYS_NOTHING,
    "objective": SAYS_NOTHING,  # told to a sweeper when the run is over
    "progress": SAYS_NOTHING,
    "output": SAYS_NOTHING,
    "tracking": SAYS_NOTHING,
    "cost": SAYS_NOTHING,
    "sweep": SAYS_NOTHING,
    "checkpoint": SAYS_NOTHING,  # its time is a part of its own
    "model": TRAINS,
    "optim": TRAINS,
    "target": TRAINS,
    "data": TRAINS,
    "data.root": SAYS_NOTHING,  # the fingerprint says whether the samples are the same
    "data.cache": SAYS_NOTHING,
    "data.workers": MEASURES,  # a sample is the same in whichever process it is read
    "hardware": TRAINS,
    "hardware.telemetry_hz": MEASURES,
    "hardware.idle_seconds": MEASURES,
    "hardware.power_model": MEASURES,
}
OF_REPEATS = ("seed",)  # in which runs that are pooled differ
# A run may go on with others of these, which its parts then tell; runs that differ in them are no repeats.
OF_THE_WORLD = ("hardware.devices", "hardware.nodes", "hardware.strategy")


def effect(key: str) -> Effect | None:
    """Return what the dotted `key` decides; None where the table does not know it."""
    while key and key not in EFFECTS:
        key = key.rpartition(".")[0]
    return EFFECTS.get(key)


def may_differ_on_resuming(key: str) -> bool:
    """Return whether a run may go on, or count as done, with another `key`: another place, say."""
    return key in OF_THE_WORLD or _says_nothing(key)


def _says_nothing(key: str) -> bool:
    found = effect(key)
    return found is not None and not found.trains and not found.times


def may_differ_in_pool(key: str) -> bool:
    """Return whether runs with other values of `key` are repeats of each other."""
    return key in OF_REPEATS or _says_nothing(key)


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
    size, former = (_devices(each) for each in (flat(config), known))
    weak = config.get("hardware", {}).get("scaling") == "weak"
    if weak and size is not None and former is not None and size != former:
        return (
            f"hardware.devices={size}: {folder} holds a run of {former} devices, and with hardware.scaling=weak their "
            f"number decides what a step learns. Use {former}, or choose another output folder."
        )
    for key, (value, other) in differences(config, before).items():
        if key in known and not may_differ_on_resuming(key):  # an older version may not have known the key
            return (
                f"{key}={value}: {folder} holds a run with {key}={other}. Set it so, or choose another output folder."
            )
    return None


def _devices(config: dict[str, Any]) -> int | None:
    """Return how many devices a configuration with dotted keys is for, None for all; those of before had one."""
    devices = config.get("hardware.devices", 1)
    return devices * config.get("hardware.nodes", 1) if isinstance(devices, int) else None


NAMES = ("output", "resume", "objective", "progress", "sweep.fail_fast")  # of which a part of a run need not tell


def changed_between(config: dict[str, Any], before: dict[str, Any]) -> dict[str, Any]:
    """Return the keys that a part of a run has otherwise than the part before, with their new values."""
    return {key: value for key, (value, _) in differences(config, before).items() if key not in NAMES}


@dataclass(frozen=True, slots=True)
class Rules:
    """Holds what the closed division asks of the runs of one task at one scale.

    Attributes:
        config: The suite's own configuration.
        free: The keys that its schema lets change, each with its kind: learning rate, hardware.
        published: The keys that name a user's file, with the first digits of the SHA-256 of the published ones.
        fingerprint: That of the suite's own samples; None where they are the user's files, or nobody has noted it.
    """

    config: dict[str, Any]
    free: Mapping[str, str]
    published: Mapping[str, tuple[str, ...]]
    fingerprint: str | None = None

    @classmethod
    def of(cls, suite: RunConfig, fingerprint: str | None = None) -> Rules:
        """Return the rules for the suite's configuration `suite`, whose samples have `fingerprint`."""
        from aibench.config import plain  # the analyses, which need no such rules, do without OmegaConf
        from aibench.config.closed import free_keys, published_files

        return cls(plain(suite), free_keys(suite), published_files(suite), fingerprint)

    def lets(self, key: str) -> bool:
        """Return whether a run of the closed division may set `key` otherwise than the suite."""
        return key in self.free or may_differ_on_resuming(key)


def division(config: dict[str, Any], rules: Rules, files: Mapping[str, str] | None = None) -> Division:
    """Return the division of a run as its configuration gives it.

    Args:
        config: The run's configuration.
        rules: Those of its task and scale.
        files: The SHA-256 of each file that a key of it names; published first weights leave it closed.
    """
    files = dict(files or {})
    left = [
        f"{key}={value} (the suite's: {own})"
        for key, (value, own) in sorted(differences(config, rules.config).items())
        if not rules.lets(key) and not files.get(key, "").startswith(rules.published.get(key) or "no file")
    ]
    return Division("open" if left else "closed", left, files)


def on_data(division: Division, rules: Rules, data: Data | None) -> Division:
    """Return the division of a run on these data: others than the suite's, or than the published ones, open it.

    Args:
        division: The division of the run's configuration.
        rules: Those of its task and scale.
        data: What the result says of its samples; None where the run did not get so far.
    """
    if data is None:
        return division
    left = [*division.left, *_left_by(data, division, rules)]
    return Division("open" if left else "closed", left, division.files)


def _left_by(data: Data, division: Division, rules: Rules) -> Iterator[str]:
    if data.source == "disk" and data.published is not None and data.published.differences:
        first, *others = data.published.differences
        what = f"{first}, and {len(others):,} more" if others else first
        yield f"data.root: not the published files of {data.published.name}: {what}"
    if any(line.startswith("data.") for line in division.left):
        return  # other data were asked for, and that is said already
    if data.source == "disk" and data.published is None:
        yield "data.root: no published data of this form are known, so that nobody can tell whether these are they"
    if data.source == "embedded" and data.fingerprint != rules.fingerprint:
        yield f"data: fingerprint {data.fingerprint} (the suite's: {rules.fingerprint or 'not known'})"
