"""Lists what the rules refuse in a submission: of one task's runs, and of all of them together. A line each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from aibench import __version__
from aibench.analysis.runs.pooling import varying_keys
from aibench.analysis.runs.runs import MACHINE, Run
from aibench.analysis.submission.entry import SESSION, Entry, named, of_runs, prescribed
from aibench.results.result import Status

COUNTED = (Status.converged, Status.not_converged, Status.diverged)  # the others are to be finished
TOLD_OF_ALL = ("task", "scale", "session", "suite_version")  # `of_all` compares these


def of_task(entries: Sequence[Entry], runs: int) -> Iterator[str]:
    """Yield what is wrong with the runs of one task, of which the rules want `runs`."""
    yield from _seeds(entries, runs)
    for entry in entries:
        if entry.run.status not in COUNTED:
            yield f"{entry.where} is {entry.run.status}: every run that was started counts. Finish it with resume=auto."
        if entry.faults:
            more = f" (and {len(entry.faults) - 1} more)" if len(entry.faults) > 1 else ""
            yield f"{entry.where} contradicts itself: {entry.faults[0].rstrip('.')}{more}."
    yield from _settings([entry.run for entry in entries])


def _seeds(entries: Sequence[Entry], runs: int) -> Iterator[str]:
    wanted, found = prescribed(runs), Counter(entry.run.seed for entry in entries)
    block = f"{runs} runs, of the seeds {wanted[0]} to {wanted[-1]}"
    missing = [str(seed) for seed in wanted if seed not in found]
    if missing:
        several = "seeds" if len(missing) > 1 else "seed"
        yield f"{several} {', '.join(missing)} missing: a submission holds {block}, whatever they gave."
    others = [entry for entry in entries if entry.run.seed not in wanted]
    if others:
        yield f"{named(others)}: picked, a submission holds {block}."
    for seed, count in sorted((seed, count) for seed, count in found.items() if seed is not None):
        if count > 1 and seed in wanted:
            twice = [entry for entry in entries if entry.run.seed == seed]
            yield f"seed {seed} is there {count} times: {named(twice)}. A submission holds each once."


def _settings(runs: Sequence[Run]) -> Iterator[str]:
    """Yield the keys, and the samples, in which the runs of a task differ besides machine and versions."""
    known = [run.traits for run in runs if run.knows_all]
    apart = (*TOLD_OF_ALL, *(f"system.{key}" for key in MACHINE if key != "threads"))
    for key in varying_keys(known):
        if key not in apart and not key.startswith("versions."):
            values = Counter(traits.get(key, "none") for traits in known)
            said = ", ".join(f"{value} ({of_runs(count)})" for value, count in values.most_common(3))
            yield f"{key} differs: {said}. All runs of a task have one setting and one set of samples."


def of_all(entries: Sequence[Entry]) -> Iterator[str]:
    """Yield what is wrong with the runs of all tasks together."""
    runs = [entry.run for entry in entries]
    for what, of in _ALIKE.items():
        yield from _one(what, runs, of)
    packages = sorted({key for run in runs for key in run.traits if key.startswith("versions.")})
    for key in packages:
        known = [run for run in runs if run.knows_all]
        yield from _one(f"version of {key.removeprefix('versions.')}", known, _trait(key))
    yield from _division(entries)
    dirty = [entry for entry in entries if not entry.is_clean]
    if dirty:
        yield (
            f"{named(dirty)}: made with files that no commit holds. Commit them, and train again: nobody can repeat "
            "these runs."
        )
    for version in sorted({run.suite_version for run in runs} - {__version__}):
        yield f"version {version} of the suite: this is {__version__}. Check it with the version that it is of."
    for session in sorted({run.session for run in runs} - {SESSION}):
        yield f"session={session}: a submission holds sessions to the entire quality. Train with session={SESSION}."


def _machine(run: Run) -> str:
    return " ".join(f"{key}={run.traits.get(f'system.{key}', 'none')}" for key in MACHINE if key != "threads")


def _trait(key: str) -> Callable[[Run], str]:
    return lambda run: run.traits.get(key, "none")


_ALIKE: dict[str, Callable[[Run], str]] = {
    "scale": lambda run: run.scale,
    "version of the suite": lambda run: run.suite_version,
    "commit": lambda run: (run.commit or "not known").removesuffix("-dirty")[:12],
    "machine": _machine,
}


def _one(what: str, runs: Sequence[Run], of: Callable[[Run], str]) -> Iterator[str]:
    values = Counter(of(run) for run in runs if run.knows_all or what != "machine")
    if len(values) > 1:
        said = "; ".join(f"{value} ({of_runs(count)})" for value, count in values.most_common(3))
        yield f"{what}: {said}. A submission has one."


def _division(entries: Sequence[Entry]) -> Iterator[str]:
    unknown = [entry for entry in entries if entry.division is None]
    if unknown:
        yield f"{named(unknown)}: of no known division."
    left = [entry for entry in entries if entry.division is not None and not entry.is_closed]
    if left and len(left) + len(unknown) < len(entries):
        why = left[0].division.left[:1] if left[0].division else []
        said = f", by {why[0]}" if why else ""
        yield f"{named(left)}: of the open division{said}, and others are of the closed one. A submission has one."
