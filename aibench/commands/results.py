"""The verbs that read results: variation, cost, subset, compare; what they and the others print."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from aibench.commands.console import complain, console

if TYPE_CHECKING:
    from aibench.analysis.grid import Grid
    from aibench.analysis.runs.reader import Reading
    from aibench.analysis.runs.runs import Run

Folders = Annotated[
    list[Path], typer.Argument(help="Folders that hold results, at any depth, or result files.", show_default=False)
]
Folder = Annotated[Path, typer.Argument(help="Folder that holds results, at any depth.", show_default=False)]
Csv = Annotated[Path | None, typer.Option("--csv", help="Write the table here, as CSV.")]
Markdown = Annotated[Path | None, typer.Option("--markdown", help="Write the table here, as Markdown.")]


def add_commands(app: typer.Typer) -> None:
    """Add every verb that reads results to `app`."""
    from aibench.commands import publish as publishing

    for command in (variation, cost, subset, compare):
        app.command()(command)
    publishing.add_commands(app)


def variation(
    folders: Folders,
    csv: Csv = None,
    markdown: Markdown = None,
    figure: Annotated[Path | None, typer.Option(help="Draw the runs here, as PNG.")] = None,
) -> None:
    """The coefficient of variation of the epochs to quality, from files."""
    from aibench.analysis.summary import summarise

    raise typer.Exit(summarise(folders, console(), csv=csv, markdown=markdown, figure=figure))


def cost(
    folders: Folders,
    price_per_hour: Annotated[float, typer.Option(min=0, help="Price of an hour of the machine.")] = 0.0,
    price_per_kwh: Annotated[float, typer.Option(min=0, help="Price of a kilowatt-hour.")] = 0.0,
    currency: Annotated[str, typer.Option(help="Unit of the prices.")] = "USD",
    precision: Annotated[
        float, typer.Option(help="Wanted half-width of the mean's 95 % interval: 0.05 is 5 %.")
    ] = 0.05,
    subset: Annotated[str | None, typer.Option(help="Tasks of a subset, with commas; else the paper's three.")] = None,
    csv: Csv = None,
    markdown: Markdown = None,
) -> None:
    """What runs to quality cost (paper, 5.3.2): time, energy, price; the suite's total; the saving of a subset."""
    from aibench.analysis.cost import table as tables
    from aibench.analysis.cost.cost import Tariff, costs, totals
    from aibench.analysis.paper import SUBSET

    within("--precision", precision, 0, 1)
    runs, faults = runs_below(folders)
    tariff, tasks = Tariff(price_per_hour, price_per_kwh, currency), subset.split(",") if subset else SUBSET
    found = costs(runs, tariff, precision)
    publish([tables.costs(found, tariff, precision), tables.totals(totals(found, tasks), tasks, tariff)], csv, markdown)
    tell(faults)
    raise typer.Exit(1 if faults else 0)


def subset(
    folders: Folders,
    k: Annotated[int, typer.Option("--k", min=1, help="How many tasks.")] = 3,
    characteristics: Annotated[
        Path | None, typer.Option(help="CSV with a column `task` and one for each further characteristic.")
    ] = None,
    scale: Annotated[str | None, typer.Option(help="Whose results; else that with the most tasks.")] = None,
    session: Annotated[str | None, typer.Option(help="Whose results; else that with the most tasks.")] = None,
    diversity: Annotated[float, typer.Option(min=0, help="Weight of the distance to the nearest chosen.")] = 1.0,
    repeatability: Annotated[float, typer.Option(min=0, help="Weight of the largest variation.")] = 1.0,
    cost: Annotated[float, typer.Option(min=0, help="Weight of the share of the cost.")] = 1.0,
    most_cv: Annotated[float, typer.Option(help="Choose no task that varies more: 0.1 is 10 %.")] = float("inf"),
    any_metric: Annotated[bool, typer.Option("--any-metric", help="Allow tasks without an accepted metric.")] = False,
    csv: Csv = None,
    markdown: Markdown = None,
) -> None:
    """Choose a subset (paper, 5.4): by diversity, repeatability, an accepted metric, and cost."""
    from aibench.analysis.paper import SUBSET
    from aibench.analysis.subset import table as tables
    from aibench.analysis.subset.features import CharacteristicsError
    from aibench.analysis.subset.fidelity import fidelity
    from aibench.analysis.subset.selection import select
    from aibench.analysis.subset.subset import Weights, choose, stability

    if diversity + repeatability + cost <= 0:
        refuse("--diversity, --repeatability, --cost: all are 0. Give at least one a weight.")
    weights = Weights(diversity, repeatability, cost, most_cv, any_metric)
    runs, faults = runs_below(folders)
    try:
        found = select(runs, scale, session, characteristics)
        choice = choose(found.subjects, k, weights)
    except (CharacteristicsError, ValueError) as error:
        refuse(str(error))
    best = choice.candidates[0]
    grids = [tables.subjects(found.subjects, choice), tables.candidates(choice, weights)]
    fidelities = {"the choice": fidelity(found.runs, best.tasks)}
    if choice.of(SUBSET) is not None:
        fidelities["the paper's three"] = fidelity(found.runs, SUBSET)
    grids += [tables.systems(one) for one in list(fidelities.values())[:1] if not isinstance(one, str)]
    lines = list(tables.sentences(best, stability(found.subjects, k, weights, best), fidelities))
    publish(grids, csv, markdown, [*found.remarks, *lines])
    tell(faults)
    raise typer.Exit(1 if faults else 0)


def compare(
    a: Folder,
    b: Folder,
    reference: Annotated[
        Path | None, typer.Option(help="Results of the machine that the suite scores are relative to; else A.")
    ] = None,
    rcp: Annotated[bool, typer.Option("--rcp", help="MLPerf's check of the epochs, A as the reference.")] = False,
    level: Annotated[
        float, typer.Option(help="Share of comparisons of equal machines that may raise an alarm.")
    ] = 0.01,
    fail_on_regression: Annotated[
        bool, typer.Option("--fail-on-regression", help="Exit with 1 where B is slower in anything.")
    ] = False,
    csv: Csv = None,
    markdown: Markdown = None,
) -> None:
    """Whether B is faster than A: task by task, with intervals; two machines, versions or precisions."""
    from aibench.analysis.comparison import table as tables
    from aibench.analysis.comparison.comparison import compare as compared
    from aibench.analysis.comparison.comparison import score
    from aibench.analysis.runs.compared import SPEED, TIME

    within("--level", level, 0, 1)
    (one, other), faults = sides([a, b])
    found = compared(one.runs, other.runs, level)
    _print_differences(tables.differences(found, len({row.family for row in found.rows})))
    grids = [tables.rows(found, level)] if found.rows else []
    if not found.rows:
        for line in found.alone:
            print(line)
        refuse(f"{a} and {b}: no task that both have in one configuration.")
    named = {"B": found}
    if reference is not None:
        (base_runs,), more = sides([reference])
        faults += more
        named = {side: compared(base_runs.runs, runs.runs, level) for side, runs in (("A", one), ("B", other))}
    grids.append(tables.scores({side: [score(of, SPEED), score(of, TIME)] for side, of in named.items()}))
    if rcp:
        grids.append(tables.convergence(found))
    publish(grids, csv, markdown)
    tell(faults)
    failed = fail_on_regression and bool(found.regressions)
    if failed:
        worse = ", ".join(f"{row.family[0]} ({row.quantity.name})" for row in found.regressions)
        complain(f"--fail-on-regression: B is slower: {worse}.")
    raise typer.Exit(1 if failed or faults else 0)


def _print_differences(lines: Sequence[str]) -> None:
    print("A and B differ in" if lines else "A and B differ in nothing but their runs.")
    for line in lines:
        print(f"  {line}")
    print()


def sides(folders: Sequence[Path]) -> tuple[list[Reading], list[str]]:
    """What each folder holds; refuses one that holds no run."""
    from aibench.analysis.runs.reader import read_runs

    found = [read_runs([folder]) for folder in folders]
    for reading in found:
        if not reading.runs:
            refuse(reading.faults[0])
    return found, [fault for reading in found for fault in reading.faults]


def kept_in(places: Sequence[Path]) -> list[Path]:
    """The result files right in each folder that a study keeps them in, else the folder, of runs, itself."""
    return [file for place in places for file in sorted(place.glob("*.json")) or [place]]


def runs_below(folders: Sequence[Path], *, keep: bool = False) -> tuple[list[Run], list[str]]:
    """The runs below all `folders`; refuses where there is none."""
    from aibench.analysis.runs.reader import read_runs

    found = read_runs(folders, keep=keep)
    if not found.runs:
        tell(found.faults[1:])
        refuse(found.faults[0])
    return found.runs, found.faults


def publish(grids: Sequence[Grid], csv: Path | None, markdown: Path | None, lines: Sequence[str] = ()) -> None:
    """Print the tables and the lines after them; write the first table as CSV, all of it as Markdown."""
    for grid in grids:
        grid.show(console())
        print()
    for line in lines:
        print(line)
    try:
        if csv is not None:
            grids[0].write_csv(csv)
        if markdown is not None:
            markdown.parent.mkdir(parents=True, exist_ok=True)
            parts = [*(grid.markdown() for grid in grids), *(f"- {line}" for line in lines)]
            markdown.write_text("\n".join(parts).rstrip() + "\n", encoding="utf-8")
    except OSError as error:
        refuse(f"{error.filename}: not written: {error.strerror}.")


def tell(faults: Sequence[str]) -> None:
    for fault in faults:
        complain(fault)


def within(option: str, value: float, low: float, high: float) -> None:
    if not low < value < high:
        refuse(f"{option}={value:g}: must lie between {low:g} and {high:g}.")


def refuse(message: str) -> NoReturn:
    complain(message)
    raise typer.Exit(1)
