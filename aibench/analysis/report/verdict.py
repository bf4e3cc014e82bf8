"""Says on the page's first screen which system is better, by how much, whether that is sure, and what it cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from aibench.analysis.cost.cost import Tariff
from aibench.analysis.cost.table import duration
from aibench.analysis.grid import NONE, Grid, number
from aibench.analysis.ranking.ranking import Place, Ranking, rank
from aibench.analysis.report.suite import Entry, scaled, trust
from aibench.analysis.report.systems import KEY, System
from aibench.analysis.runs.compared import SPEED, TIME

Family = tuple[str, str, str]  # task, scale, session
MILDEST = 1.5  # a page whose largest ratio is smaller has no full colour
EXTREMES = 3  # tasks that are named as deciding


@dataclass(frozen=True, slots=True)
class Heat:
    """Holds a table of tasks by systems whose cells have a colour.

    Attributes:
        title: What it shows.
        systems: The columns.
        rows: For each task its name and a cell for each system: the ratio to the best, the time, and how strong its
            colour is, 0 to 1.
    """

    title: str
    systems: list[str]
    rows: list[tuple[str, list[tuple[str, str, float]]]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Holds the first screen.

    Attributes:
        sentences: The answer, in words.
        tables: The systems in order with what each took, and what each is.
        heat: The tasks by systems; None where they cannot be ranked.
    """

    sentences: list[str]
    tables: list[Grid] = field(default_factory=list)
    heat: Heat | None = None


def verdict(found: Sequence[System], entries: Sequence[Entry], tariff: Tariff) -> Verdict:
    """Return what the page says first."""
    if len(found) == 1:
        return Verdict(_of_one(entries, tariff))
    runs = {system.name: system.originals for system in found}
    aimed = any(entry.aimed for entry in entries)
    try:
        ranking = rank(runs, TIME if aimed else SPEED)
    except ValueError as error:
        return Verdict(["The systems cannot be ranked.", *str(error).splitlines()], [_legend(found)])
    tables = [_places(ranking, entries, tariff), _legend(found)]
    return Verdict(_sentences(ranking), tables, _heat(ranking, entries))


def _of_one(entries: Sequence[Entry], tariff: Tariff) -> list[str]:
    aimed = [entry for entry in entries if entry.aimed]
    lines = []
    if aimed:
        reached = sum(entry.variation.converged for entry in aimed)
        runs = sum(entry.variation.runs for entry in aimed)
        seconds = [entry.cost.seconds for entry in aimed if entry.cost.seconds is not None]
        tasks = _count(len({entry.variation.task for entry in aimed}), "task")
        lines.append(
            f"{reached} of {runs} runs of {tasks} reached their target; one run of each takes {duration(sum(seconds))}."
        )
    lines.append(f"Energy: {_energy(entries)}. Price: {_price(entries, tariff)}. Trust: {_trust(entries)}.")
    return lines


def _count(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _energy(entries: Sequence[Entry]) -> str:
    known = [entry.cost.joules for entry in entries if entry.cost.joules is not None]
    return scaled(sum(known), "J") if known else "not measured"


def _price(entries: Sequence[Entry], tariff: Tariff) -> str:
    known = [entry.cost.price for entry in entries if entry.cost.price is not None]
    return f"{number(sum(known))} {tariff.currency}" if known else "no tariff was given"


def _trust(entries: Sequence[Entry]) -> str:
    return trust([run for entry in entries for run in entry.runs])


def _sentences(ranking: Ranking) -> list[str]:
    """Return which system is ahead, by how much, and whether the data decide it, for each neighbouring pair."""
    tasks = _count(len(ranking.tasks), "task")
    first, *_ = ranking.places
    lines = [
        f"{first.system} is the fastest of {len(ranking.places)} systems over {tasks}, by {ranking.quantity.name}."
    ]
    for ahead, behind in zip(ranking.places, ranking.places[1:], strict=False):
        lines.append(f"{_lead(ahead, behind)} {_deciding(ranking, ahead.system, behind.system)}".rstrip())
    return lines


def _lead(ahead: Place, behind: Place) -> str:
    lead = ahead.ahead
    assert lead is not None
    text = f"{ahead.system} is {lead.value:.2f} times as fast as {behind.system}"
    if lead.low is None or lead.high is None:
        return f"{text}; whether that is chance cannot be told: these runs give no interval."
    sure = "The data decide it" if ahead.decided else "The data do not decide it"
    p = "" if ahead.adjusted is None else f" (p {'< 0.001' if ahead.adjusted < 0.001 else f'= {ahead.adjusted:.3f}'})"
    return f"{text} (95 % interval {lead.low:.2f} to {lead.high:.2f}). {sure}{p}."


def _deciding(ranking: Ranking, ahead: str, behind: str) -> str:
    """Return the tasks that speak most for and least for the system that is ahead."""
    leads = {
        task: ranking.costs[behind][task] / ranking.costs[ahead][task]
        for task in ranking.tasks
        if math.isfinite(ranking.costs[behind][task]) and math.isfinite(ranking.costs[ahead][task])
    }
    if len(leads) < 2 * EXTREMES:
        return ""
    order = sorted(leads, key=lambda task: -leads[task])
    most = ", ".join(f"{task[0]} {leads[task]:.2f}" for task in order[:EXTREMES])
    least = ", ".join(f"{task[0]} {leads[task]:.2f}" for task in order[: -EXTREMES - 1 : -1])
    return f"Most for it: {most}. Least: {least}."


def _of(system: str, entries: Sequence[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry.pool.traits.get(KEY) == system]


def _places(ranking: Ranking, entries: Sequence[Entry], tariff: Tariff) -> Grid:
    counted = {task[0] for task in ranking.tasks}
    rows = []
    for place, one in enumerate(ranking.places, start=1):
        of = [entry for entry in _of(one.system, entries) if entry.variation.task in counted]
        seconds = [entry.cost.seconds for entry in of if entry.cost.seconds is not None]
        between = NONE if one.score.low is None else f"{one.score.low:.2f} to {one.score.high:.2f}"
        decided = NONE if one.ahead is None else "decided" if one.decided else "open"
        rows.append(
            [
                *(str(place), one.system, f"{one.score.value:.2f}", between, decided),
                *(duration(sum(seconds)) if seconds else NONE, _energy(of) if of else NONE),
                *(_price(of, tariff).replace("no tariff was given", NONE), str(sum(len(entry.runs) for entry in of))),
                _trust(of),
            ]
        )
    heads = ("place", "system", "score", "95 %", "ahead of the next", "all tasks once", "energy", "price")
    return Grid(
        title="The systems in order",
        heads=(*heads, "runs", "trust"),
        rows=rows,
        names=2,
        legend=(
            "score: how many times as fast as the first system this one is, a geometric mean over the tasks that all "
            "systems have: 1 is the first, 0.5 takes twice as long. 95 %: its interval. ahead of the next: decided "
            "where fewer than one in a hundred rankings of equal systems would say so. all tasks once, energy, price: "
            "sums of the mean of each task. trust: how many runs were timed undisturbed (ok) or not (warn)."
        ),
        notes=ranking.left_out,
    )


def _legend(found: Sequence[System]) -> Grid:
    return Grid(
        title="What the systems are, where they differ",
        heads=("system", "what it is"),
        rows=[[one.name, one.description] for one in found],
        names=2,
    )


def _heat(ranking: Ranking, entries: Sequence[Entry]) -> Heat:
    order = [place.system for place in ranking.places]
    several = len({(scale, session) for _, scale, session in ranking.tasks}) > 1
    finite = [cost for of in ranking.costs.values() for cost in of.values() if math.isfinite(cost)]
    hottest = max(MILDEST, *finite)
    rows = []
    for family in ranking.tasks:
        cells = [_cell(ranking.costs[system][family], _seconds(system, family, entries), hottest) for system in order]
        rows.append((" ".join(family) if several else family[0], cells))
    return Heat(f"{ranking.quantity.name} by task, over those of the best system", order, rows)


def _seconds(system: str, family: Family, entries: Sequence[Entry]) -> float | None:
    task, scale, session = family
    for entry in _of(system, entries):
        row = entry.variation
        if (row.task, row.scale, row.session) == (task, scale, session) and entry.aimed:
            return entry.cost.seconds
    return None


def _cell(ratio: float, seconds: float | None, hottest: float) -> tuple[str, str, float]:
    if math.isinf(ratio):
        return "missed", "", 1.0
    return f"{ratio:.2f}", duration(seconds) if seconds is not None else "", math.log(ratio) / math.log(hottest)


__all__ = ["Heat", "Verdict", "verdict"]
