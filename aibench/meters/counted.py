"""Adds up the energy that the processes of one run counted: each sensor once, whichever of them read it."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from aibench.meters.gpu import NO_GPU
from aibench.results.result import EnergySource

BOOT = Path("/proc/sys/kernel/random/boot_id")
Joules = dict[str, float]  # by scope


def machine() -> str:
    """Return what tells this machine from others: two containers on it have two names, and share its sensors."""
    try:
        return BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return platform.node()


@dataclass(frozen=True, slots=True)
class Counted:
    """Holds what one process read of the sensors of its machine, for the one that adds up.

    Attributes:
        name: The process, for a person.
        machine: What tells its machine from others.
        sources: The sensors, with the joules of the session.
        training, to_quality: Joules of the training, and up to the target; `to_quality` is None where it was missed.
        watts: Power at rest.
        faults: Why the sum over what is there is no energy.
        reasons: Why there are no more sensors.
        counts: Whether the energy of the run is unknown without a sensor of this process.
    """

    name: str
    machine: str
    sources: list[EnergySource]
    training: Joules
    to_quality: Joules | None
    watts: Joules
    faults: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    counts: bool = True

    @property
    def joules(self) -> Joules:
        """Return the joules of the session."""
        return {source.scope: source.joules for source in self.sources}

    @property
    def broken(self) -> list[str]:
        """Return why the sum over the sensors is no energy."""
        return [*self.faults, *(source.reason for source in self.sources if source.reason is not None)]

    def summed(self, joules: Mapping[str, float]) -> tuple[float | None, str | None]:
        """Add up `joules` by scope, or say why the sum is no energy."""
        gone = {source.scope for source in self.sources if source.reason is not None}
        return summed(joules, gone, self.broken, self.reasons)

    def at_rest(self) -> tuple[float | None, str | None]:
        """Return the power at rest in watts, or why it is not known."""
        unwatched = [source.scope for source in self.sources if source.place and source.scope not in self.watts]
        if not self.watts:
            return None, "not watched at rest: hardware.idle_seconds is 0"
        return (None, f"not watched at rest: {', '.join(unwatched)}") if unwatched else self.summed(self.watts)

    def coverage(self) -> str | None:
        """Return what part of the machines is counted, and what is not and why; None without a sensor."""
        return covered([source.scope for source in self.sources if source.place], [*self.faults, *self.reasons])


def summed(
    joules: Mapping[str, float], gone: set[str], broken: Sequence[str], reasons: Sequence[str]
) -> tuple[float | None, str | None]:
    """Return the sum of `joules` by scope and None, or None and why it is no energy.

    Args:
        joules: What was counted between two readings.
        gone: The scopes whose sensor stopped.
        broken: Why the sum would be no energy.
        reasons: Why there are no more sensors.
    """
    if not joules:
        return None, "; ".join(reasons) or "no sensor"
    still = [f"{scope}: the counter did not move" for scope in joules if joules[scope] <= 0 and scope not in gone]
    faults = [*broken, *still]
    return (None, "; ".join(faults)) if faults else (sum(joules.values()), None)


def covered(scopes: Sequence[str], faults: Sequence[str]) -> str | None:
    """Return a line of the `scopes` that are counted, and the `faults` that kept more from it; None without a scope."""
    if not scopes:
        return None
    missing = "; ".join(fault for fault in faults if fault != NO_GPU)
    return ", ".join(scopes) + (f"; not counted: {missing}" if missing else "")


def together(counted: Sequence[Counted]) -> Counted:
    """Return what all processes of a run counted, as if one had.

    A sensor is known by its machine and its place there, so one that several processes read counts once: by the first
    of them. On several machines a scope is preceded by `node0/` and so on, in the order of the processes.
    """
    if len(counted) == 1:
        return counted[0]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(one.machine for one in counted))}
    seen: set[tuple[str, str]] = set()
    parts: list[Counted] = []
    for one in counted:
        where = f"node{numbers[one.machine]}" if len(numbers) > 1 else ""
        taken = {scope for part in parts for scope in part.joules}
        parts.append(_new(one, where, seen, taken))
    reached = [part.to_quality for part in parts if part.to_quality is not None]
    return Counted(
        name="all processes",
        machine="",
        sources=[source for part in parts for source in part.sources],
        training=_joined([part.training for part in parts]),
        to_quality=_joined(reached) if counted[0].to_quality is not None else None,
        watts=_joined([part.watts for part in parts]),
        faults=list(dict.fromkeys(fault for part in parts for fault in part.faults)),
        reasons=list(dict.fromkeys(reason for part in parts for reason in part.reasons)),
    )


def _new(one: Counted, where: str, seen: set[tuple[str, str]], taken: set[str]) -> Counted:
    """Return what `one` counted by sensors that nobody before it has `seen`, under scopes that are not `taken`."""

    def said(lines: Sequence[str]) -> list[str]:
        return [f"{where}: {line}" if where else line for line in lines]

    names: dict[str, str] = {}
    for source in one.sources:
        place = one.machine, source.place or source.scope
        if place not in seen:
            scope = f"{where}/{source.scope}" if where else source.scope
            names[source.scope] = scope if scope not in taken else f"{scope} ({source.place or one.name})"
        seen.add(place)
    faults = said(one.faults) if names else []
    if one.counts and not one.sources:
        faults = [f"{one.name}: {why}" if where else why for why in one.reasons or ["no sensor"]]
    return replace(
        one,
        sources=[
            replace(
                source, scope=names[source.scope], reason=None if source.reason is None else said([source.reason])[0]
            )
            for source in one.sources
            if source.scope in names
        ],
        training=_renamed(one.training, names),
        to_quality=None if one.to_quality is None else _renamed(one.to_quality, names),
        watts=_renamed(one.watts, names),
        faults=faults,
        reasons=said(one.reasons) if names else [],
    )


def _renamed(joules: Joules, names: Mapping[str, str]) -> Joules:
    return {names[scope]: value for scope, value in joules.items() if scope in names}


def _joined(parts: Sequence[Joules]) -> Joules:
    return {scope: value for part in parts for scope, value in part.items()}
