"""Collects what the report says of each task: its numbers with their methods, its machine, how to repeat it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aibench.analysis.cost.table import duration
from aibench.analysis.grid import Grid, percent
from aibench.analysis.report import charts
from aibench.analysis.report.pictures import BUDGET, picture
from aibench.analysis.report.suite import Entry, energy_of, measured_text, target, trust
from aibench.analysis.runs.runs import NOT_IN_FILE, Run

# For a configuration, its task and its scale the words of the command line that give it, or why there are none.
Overrides = Callable[[dict[str, Any], str, str], list[str] | str]
LARGEST_PICTURE = 400_000  # characters
COMMIT = 12


@dataclass(frozen=True, slots=True)
class Detail:
    """Holds a task's section.

    Attributes:
        entry: The task's runs.
        lead: A sentence that says what the runs are.
        curve: Quality against epochs, SVG; None without a history.
        picture: The figure that a run rendered, a data URL; None where there is none, or no room.
        numbers: Name, value, and method or reason of each measured number.
        command: The command that repeats it; empty where that cannot be told.
        why: Why not.
        commit: The commit that it was made with.
        system: Name and value of each fact of the machine and the software.
        notes: Sentences to know before believing the numbers.
    """

    entry: Entry
    lead: str
    curve: str | None
    picture: str | None
    numbers: list[tuple[str, str, str]]
    command: str
    why: str
    commit: str
    system: list[tuple[str, str]]
    notes: list[str]


def details(found: Sequence[Entry], overrides: Overrides | None, faults: list[str]) -> list[Detail]:
    """Return a section for each set of runs."""
    left, shown = BUDGET, []
    for entry in found:
        drawn = picture(entry.runs, min(LARGEST_PICTURE, left), faults)
        left -= len(drawn or "")
        command, why = _command(entry, overrides)
        shown.append(
            Detail(
                entry=entry,
                lead=_lead(entry),
                curve=charts.curves(entry),
                picture=drawn,
                numbers=_numbers(entry),
                command=command,
                why=why,
                commit=", ".join(sorted({_short(run.commit) for run in entry.runs})),
                system=_system(entry.runs[0]),
                notes=[*entry.variation.notes, *_endings(entry.runs)],
            )
        )
    return shown


def _short(commit: str | None) -> str:
    return "unknown" if commit is None else commit if commit.endswith("-dirty") else commit[:COMMIT]


def _lead(entry: Entry) -> str:
    row = entry.variation
    seeds = ", ".join(map(str, row.seeds[:12])) + (", …" if len(row.seeds) > 12 else "") or "unknown"
    goal = "no target" if row.quality is None else f"target {target(entry)} ({entry.runs[0].target.origin})"
    of = f"{row.converged} of {row.runs} runs reached it; seeds {seeds}"
    return f"Scale {row.scale}, session {row.session}, {goal}; {of}."


def _numbers(entry: Entry) -> list[tuple[str, str, str]]:
    rows = [
        ("seconds to quality", duration(entry.variation.seconds.mean), "wall time from the first touch of the data")
    ]
    rows += [
        (name, measured_text(one), one.method or "") for name, one in entry.measured.items() if one.value is not None
    ]
    rows += [(name, "-", one.reason or "") for name, one in entry.measured.items() if one.value is None]
    return rows


def _endings(runs: Sequence[Run]) -> list[str]:
    return [f"seed {_known(run.seed)}: {run.status}: {run.message}" for run in runs if run.message]


def _known(seed: int | None) -> str:
    return "unknown" if seed is None else str(seed)


def _command(entry: Entry, overrides: Overrides | None) -> tuple[str, str]:
    """Return what repeats the runs, or why that cannot be told."""
    row, record = entry.variation, entry.runs[0].record
    if overrides is None or record is None or not record.config:
        return "", "its configuration is not in the file"
    words = overrides(record.config, row.task, row.scale)
    if isinstance(words, str):
        return "", words
    seeds = ",".join(map(str, row.seeds))
    many = ["-m"] if len(row.seeds) > 1 else []
    start = [f"task={row.task}", f"scale={row.scale}", f"session={row.session}", f"seed={seeds}"]
    return shlex.join(["aibench", "train", *many, *start, *words]), ""


def _system(run: Run) -> list[tuple[str, str]]:
    record = run.record
    facts = {**(record.system if record else {}), **({"suite": run.suite_version})}
    rows = [(name.replace("_", " "), _plain(value)) for name, value in facts.items()]
    versions = ", ".join(f"{name} {version}" for name, version in (record.versions if record else {}).items())
    return [*rows, ("versions", versions)]


def _plain(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(inner)}" for name, inner in value.items())
    return ", ".join(map(_plain, value)) if isinstance(value, list) else str(value)


def split_table(found: Sequence[Entry]) -> Grid:
    """Return a table of the shares of the wall time."""
    split = {entry.label: charts.shares(entry.runs) for entry in found}
    names = list(dict.fromkeys(name for parts in split.values() for name in parts))
    return Grid(
        title="Parts of the wall time, %",
        heads=("task", *names),
        rows=[[label, *(percent(parts.get(name)) for name in names)] for label, parts in split.items()],
        records=[{"task": label, **parts} for label, parts in split.items()],
    )


def no_energy(found: Sequence[Entry]) -> str | None:
    """Return why no energy was measured at all, in one sentence; None where some was."""
    known = [one for entry in found if (one := energy_of(entry)) is not None]
    if any(one.value is not None for one in known):
        return None
    reasons = dict.fromkeys(one.reason or NOT_IN_FILE for one in known)
    return f"No energy was measured: {'; '.join(reasons) or NOT_IN_FILE}."


def energy_table(found: Sequence[Entry]) -> Grid:
    """Return a table of the energy of a session, with what it covers, or why there is none."""
    rows = []
    for entry in found:
        one = energy_of(entry)
        text = NOT_IN_FILE if one is None else (one.method or "") if one.value is not None else one.reason or ""
        rest = [name for name in entry.measured if name.startswith("energy.") and name != "energy.total"]
        more = "; ".join(
            f"{name.removeprefix('energy.').replace('_', ' ')} {measured_text(entry.measured[name])}"
            for name in rest
            if entry.measured[name].value is not None
        )
        rows.append([entry.label, text, more, measured_text(one)])
    return Grid(
        title="Energy of a session, mean",
        heads=("task", "method, or why there is none", "besides", "energy"),
        rows=rows,
        names=3,
    )


def trust_table(found: Sequence[Entry]) -> Grid:
    """Return a table of how far the timings can be believed, with the seeds of the runs that each reason is of."""
    rows = []
    for entry in found:
        seeds: dict[str, list[str]] = {}
        for run in entry.runs:
            for reason in run.trust.reasons if run.trust else [NOT_IN_FILE]:
                seeds.setdefault(reason, []).append(_known(run.seed))
        several = len(entry.runs) > 1
        told = [f"seed {', '.join(of)}: {reason}" if several else reason for reason, of in seeds.items()]
        rows.append([entry.label, trust(entry.runs), "; ".join(told)])
    return Grid(title="How far the timings can be believed", heads=("task", "level", "reasons"), rows=rows, names=3)


def estimates(found: Sequence[Entry]) -> Grid | None:
    """Return a table of estimated against measured seconds; None where no result holds an estimate."""
    rows = []
    for entry in found:
        one = next((entry.measured[name] for name in ("estimate.seconds",) if name in entry.measured), None)
        taken = entry.variation.seconds.mean
        if one is None or one.value is None:
            continue
        low, high = (entry.measured.get(f"estimate.{end}") for end in ("low", "high"))
        ends = "-" if not low or not high else f"{duration(low.value)} to {duration(high.value)}"
        error = "-" if not taken else f"{100 * (one.value / taken - 1):+.0f}"
        rows.append([entry.label, duration(one.value), ends, duration(taken), error])
    if not rows:
        return None
    return Grid(title="Seconds to quality", heads=("task", "estimated", "range", "measured", "error %"), rows=rows)
