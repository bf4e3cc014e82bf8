"""Writes a ranking as tables and as a figure: the places, and the performance profiles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aibench.analysis.comparison.table import interval, probability, visible
from aibench.analysis.drawn import blank, short
from aibench.analysis.grid import NONE, Grid, number, percent
from aibench.analysis.ranking.ranking import LEVEL, Place, Ranking

FACTORS = (1.0, 1.05, 1.1, 1.25, 1.5, 2.0, 4.0)


def places(found: Ranking, level: float = LEVEL) -> Grid:
    """Return a table of the systems in order, with what decides each place."""
    return Grid(
        title=f"Systems by {found.quantity.name}, {len(found.tasks)} tasks",
        heads=("place", "system", "score", "95 %", "lead %", "95 % ", "can show %", "p", "place is"),
        rows=[_cells(number_, place) for number_, place in enumerate(found.places, start=1)],
        names=2,
        legend=(
            "score: geometric mean over the tasks of the best system's value over the system's; 0.5 takes twice as "
            "long. 95 %: its interval, rather too narrow where places are open, as the best is the luckiest. lead: "
            "over the next system. can show: the least lead in % that such runs show in 80 of 100 repetitions. p: "
            f"after Holm, over all places. place is: decided where p is {100 * level:g} % or less."
        ),
        notes=[*found.left_out, *_missed(found)],
        records=[_record(number_, place) for number_, place in enumerate(found.places, start=1)],
        dispensable=("can show %", "95 % ", "p"),
    )


def _cells(place: int, one: Place) -> list[str]:
    lead = one.ahead
    cells = [str(place), one.system, number(one.score.value), interval(one.score)]
    if lead is None:
        return [*cells, NONE, NONE, NONE, NONE, NONE]
    between = NONE if lead.low is None or lead.high is None else f"{percent(lead.low - 1)} to {percent(lead.high - 1)}"
    decided = "decided" if one.decided else "open"
    return [*cells, percent(lead.value - 1), between, visible(one.smallest), probability(one.adjusted), decided]


def _missed(found: Ranking) -> list[str]:
    lines = []
    for one in found.places:
        if one.missed:
            tasks = ", ".join(f"{task} ({count})" for task, count in sorted(one.missed.items()))
            lines.append(f"{one.system}: runs that missed the target are not in the score: {tasks}.")
    return lines


def _record(place: int, one: Place) -> dict[str, Any]:
    return {
        "place": place,
        "system": one.system,
        "score": one.score.value,
        "score_low": one.score.low,
        "score_high": one.score.high,
        "lead": one.ahead and one.ahead.value,
        "lead_low": one.ahead and one.ahead.low,
        "lead_high": one.ahead and one.ahead.high,
        "smallest_detectable": one.smallest,
        "p_holm": one.adjusted,
        "decided": one.decided,
    }


def profiles(found: Ranking) -> Grid:
    """Return a table of the performance profiles: the share of tasks within a factor of the best system."""
    rows = [[one.system, *(percent(found.profile(one.system, factor)) for factor in FACTORS)] for one in found.places]
    return Grid(
        title="Performance profiles: % of the tasks within a factor of the best system",
        heads=("system", *(f"{factor:g}" for factor in FACTORS)),
        rows=rows,
        legend="1: the task is the system's own. Where half of its runs missed the target, it is within no factor.",
    )


def plot(found: Ranking, path: Path) -> None:
    """Draw the performance profiles as steps into the file `path`.

    Raises:
        OSError, ValueError: It cannot be written, or its suffix is no picture's.
    """
    finite = [cost for of in found.costs.values() for cost in of.values() if cost != float("inf")]
    most = max(1.1, *finite) * 1.05
    figure = blank(7, 4)
    axes = figure.subplots()
    for one in found.places:
        costs = sorted(cost for cost in found.costs[one.system].values() if cost <= most)
        shares = [(rank + 1) / len(found.tasks) for rank in range(len(costs))]
        axes.step([1.0, *costs, most], [0.0, *shares, (shares or [0.0])[-1]], where="post", label=short(one.system))
    axes.set(xscale="log", xlim=(1.0, most), ylim=(0, 1.02), xlabel="factor of the best system")
    axes.set_ylabel(f"share of the tasks ({found.quantity.name})")
    axes.set_xticks([factor for factor in (*FACTORS, 8, 16) if factor <= most])
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.minorticks_off()
    axes.legend(loc="lower right", fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120, bbox_inches="tight")
