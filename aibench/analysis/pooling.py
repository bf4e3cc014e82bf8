"""Which runs are repeats of each other: those that differ in nothing but the seed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from aibench.result import Result

OF_ONE_RUN = ("seed", "output", "progress", "tracking", "resume")
LOCATIONS = ("data.root", "data.cache")  # the fingerprint says whether the samples are the same
MACHINE = ("cpu", "cores", "threads", "gpu")  # 5.3.1: repeats are made on the same system under test
UNKNOWN = "unknown"


@dataclass(slots=True)
class Pool:
    """Runs that may be averaged.

    Attributes:
        traits: What they share: dotted keys of the configuration, `quality`, `suite_version`, `data.fingerprint`,
            `system.*` and `versions.*`.
        runs: The runs, by seed and start.
    """

    traits: dict[str, str]
    runs: list[Result]

    @property
    def family(self) -> tuple[str, str, str]:
        """Task, scale and session: pools that share them differ in keys worth naming."""
        return self.traits["task"], self.traits["scale"], self.traits["session"]


def pools(results: Iterable[Result]) -> list[Pool]:
    """`results` by what they share, in order of task, scale, session and the other traits.

    A run that is there twice (a copied folder) counts once. One that ended before it knew its data or its machine
    joins the pool that agrees with all that it knew, where there is exactly one.
    """
    unique = {result.run_id: result for result in results}
    found: dict[frozenset[tuple[str, str]], Pool] = {}
    for run in sorted(unique.values(), key=lambda run: (run.seed, run.started, run.run_id)):
        traits = _traits(run)
        found.setdefault(frozenset(traits.items()), Pool(traits, [])).runs.append(run)
    for items, pool in list(found.items()):
        if _ended_early(pool.runs[0]):
            agreeing = [other for others, other in found.items() if items < others]
            if len(agreeing) == 1:
                agreeing[0].runs.extend(pool.runs)
                agreeing[0].runs.sort(key=lambda run: (run.seed, run.started, run.run_id))
                del found[items]
    return sorted(found.values(), key=lambda pool: (pool.family, sorted(pool.traits.items())))


def differences(grouped: list[Pool]) -> list[dict[str, str]]:
    """For each pool, the traits in which it differs from another pool of its task, scale and session."""
    families: dict[tuple[str, str, str], list[Pool]] = {}
    for pool in grouped:
        families.setdefault(pool.family, []).append(pool)
    return [_differing(pool, families[pool.family]) for pool in grouped]


def _differing(pool: Pool, family: list[Pool]) -> dict[str, str]:
    keys = {key: None for other in family for key in other.traits}  # in order of appearance
    return {key: pool.traits.get(key, UNKNOWN) for key in keys if len({other.traits.get(key) for other in family}) > 1}


def _ended_early(run: Result) -> bool:
    return run.data is None or not run.system or not run.versions


def _traits(run: Result) -> dict[str, str]:
    config = {key: value for key, value in run.config.items() if key not in OF_ONE_RUN}
    traits = {key: value for key, value in _flat(config) if key not in LOCATIONS}
    traits |= {"task": run.task, "scale": run.scale, "session": run.session, "suite_version": run.suite_version}
    traits["quality"] = _text(run.target.quality)
    if run.data is not None:
        traits["data.fingerprint"] = run.data.fingerprint
    traits |= {f"system.{key}": _text(run.system[key]) for key in MACHINE if key in run.system}
    traits |= {f"versions.{package}": version for package, version in run.versions.items()}
    return traits


def _flat(node: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in node.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _text(value)


def _text(value: Any) -> str:
    if isinstance(value, dict) and "name" in value:  # a GPU, whose other facts follow from its name
        return str(value["name"])
    return value if isinstance(value, str) else json.dumps(value)
