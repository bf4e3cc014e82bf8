"""Groups runs into pools: the runs that repeat each other, since they differ in nothing but the seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aibench.analysis.runs.runs import Run, of_result
from aibench.results.result import Result

UNKNOWN = "unknown"


@dataclass(slots=True)
class Pool:
    """Holds runs that may be averaged.

    Attributes:
        traits: The settings, data and machine that the runs share, as in `Run.traits`.
        runs: The runs, by seed and start.
    """

    traits: Mapping[str, str]
    runs: list[Run]

    @property
    def family(self) -> tuple[str, str, str]:
        """Return task, scale and session: pools that share them differ in keys worth naming."""
        return self.traits["task"], self.traits["scale"], self.traits["session"]


def pools(results: Iterable[Result | Run]) -> list[Pool]:
    """Return `results` grouped by what they share, in order of task, scale, session and the other traits.

    A run that is there twice (a copied folder) counts once. A run that ended before it knew its data or its machine
    joins the pool that agrees with all that it knew, where there is exactly one.
    """
    runs = (run if isinstance(run, Run) else of_result(run) for run in results)
    unique = {run.run_id: run for run in runs}
    found: dict[int, Pool] = {}  # by identity: runs that agree hold one and the same object
    for run in sorted(unique.values(), key=_order):
        found.setdefault(id(run.traits), Pool(run.traits, [])).runs.append(run)
    complete = [pool for pool in found.values() if pool.runs[0].knows_all]
    early = [pool for pool in found.values() if not pool.runs[0].knows_all]
    left = _join(early, complete)
    return sorted([*complete, *left], key=lambda pool: (pool.family, sorted(pool.traits.items())))


def _join(early: Iterable[Pool], complete: Iterable[Pool]) -> list[Pool]:
    """Give the runs of `early` to the one pool of `complete` that has all their traits; return those without one."""
    indices: dict[tuple[str, ...], dict[tuple[str | None, ...], list[Pool]]] = {}
    left = []
    for pool in early:
        keys = tuple(sorted(pool.traits))
        if keys not in indices:
            index = indices.setdefault(keys, {})
            for other in complete:
                index.setdefault(tuple(other.traits.get(key) for key in keys), []).append(other)
        agreeing = indices[keys].get(tuple(pool.traits[key] for key in keys), [])
        if len(agreeing) == 1:
            agreeing[0].runs = sorted([*agreeing[0].runs, *pool.runs], key=_order)
        else:
            left.append(pool)
    return left


def _order(run: Run) -> tuple[int, str, str]:
    return -1 if run.seed is None else run.seed, run.started, run.run_id


def differences(grouped: list[Pool]) -> list[dict[str, str]]:
    """Return for each pool the traits in which it differs from another pool of its task, scale and session."""
    families: dict[tuple[str, str, str], list[Pool]] = {}
    for pool in grouped:
        families.setdefault(pool.family, []).append(pool)
    varying = {family: varying_keys([pool.traits for pool in members]) for family, members in families.items()}
    return [{key: pool.traits.get(key, UNKNOWN) for key in varying[pool.family]} for pool in grouped]


def varying_keys(traits: Iterable[Mapping[str, str]]) -> list[str]:
    """Return the keys that are not the same in all of `traits`, in order of appearance."""
    several = list(traits)
    values: dict[str, set[str]] = {}
    counts: dict[str, int] = {}
    for one in several:
        for key, value in one.items():
            values.setdefault(key, set()).add(value)
            counts[key] = counts.get(key, 0) + 1
    return [key for key, found in values.items() if len(found) > 1 or counts[key] < len(several)]
