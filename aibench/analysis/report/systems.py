"""Tells the systems in results apart, and gives each a short name: what is compared on the page's first screen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from string import ascii_uppercase

from aibench.analysis.runs.pooling import varying_keys
from aibench.analysis.runs.runs import Run, shared
from aibench.analysis.variation.table import SYSTEM as KEY

OF_SYSTEMS = ("hardware.", "system.", "versions.", "suite_version")  # traits that are a system's, and no task's
MOST = 12  # systems; a sweep over more settings keeps its own labels
SHOWN = 6  # facts of a system in the legend
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class System:
    """Holds the runs of one system.

    Attributes:
        name: Its short name: A, B, C, or what the user gave.
        facts: Keys and values in which it differs from the other systems.
        runs: Its runs, with the trait `system` in place of those keys.
        originals: The same runs as they were read.
    """

    name: str
    facts: dict[str, str]
    runs: list[Run]
    originals: list[Run]

    @property
    def description(self) -> str:
        """Return what tells it from the others, in a line."""
        told = [_told(key.removeprefix("system."), value) for key, value in self.facts.items()]
        more = f", and {len(told) - SHOWN} more keys" if len(told) > SHOWN else ""
        return ", ".join(told[:SHOWN]) + more


def _told(key: str, value: str) -> str:
    return f"no {key}" if value == UNKNOWN else f"{key} {value}"


def systems(runs: Sequence[Run], names: Sequence[str] = (), given: Mapping[str, str] | None = None) -> list[System]:
    """Return the systems in `runs`, in order of appearance; one where nothing tells several apart.

    Args:
        runs: All runs.
        names: Names for them, in order; letters for those beyond.
        given: By the path of a result file the system that it is of, where the user says so.
    """
    keys = [] if given else _telling(runs)
    found: dict[tuple[str, ...], list[Run]] = {}
    for run in runs:
        mark = (given.get(run.path, UNKNOWN),) if given else tuple(run.traits.get(key, UNKNOWN) for key in keys)
        found.setdefault(mark, []).append(run)
    if len(found) > MOST or len(found) < 2:
        return [System("", {}, list(runs), list(runs))]
    letters = names if names else [mark[0] for mark in found] if given else ()
    made = []
    for place, (mark, of) in enumerate(found.items()):
        name = letters[place] if place < len(letters) else ascii_uppercase[place]
        facts = _facts(of, runs) if given else dict(zip(keys, mark, strict=True))
        made.append(System(name, facts, [_marked(run, name, facts) for run in of], of))
    return made


def _telling(runs: Sequence[Run]) -> list[str]:
    """Return the traits of systems in which runs of one task differ."""
    families: dict[tuple[str, str, str], dict[int, Mapping[str, str]]] = {}
    for run in runs:
        families.setdefault((run.task, run.scale, run.session), {})[id(run.traits)] = run.traits
    keys = dict.fromkeys(key for of in families.values() for key in varying_keys(of.values()))
    return [key for key in keys if key.startswith(OF_SYSTEMS)]


def _facts(of: Sequence[Run], all_runs: Iterable[Run]) -> dict[str, str]:
    """Return the traits of systems in which some run differs from another, with the values of one system's runs."""
    keys = [key for key in varying_keys([run.traits for run in all_runs]) if key.startswith(OF_SYSTEMS)]
    return {key: " or ".join(dict.fromkeys(run.traits.get(key, UNKNOWN) for run in of)) for key in keys}


def _marked(run: Run, name: str, facts: Mapping[str, str]) -> Run:
    rest = {key: value for key, value in run.traits.items() if key not in facts}
    return replace(run, traits=shared({**rest, KEY: name}))


__all__ = ["KEY", "System", "systems"]
