"""The verbs that read results: variation, cost, subset, compare, report, import, dashboard."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from aibench.console import complain, console

if TYPE_CHECKING:
    from aibench.analysis.grid import Grid
    from aibench.analysis.reading import Reading
    from aibench.analysis.runs import Run

OF_ONE_RUN = ("seed", "output", "progress", "tracking", "resume")
Folders = Annotated[
    list[Path], typer.Argument(help="Folders that hold results, at any depth, or result files.", show_default=False)
]
Folder = Annotated[Path, typer.Argument(help="Folder that holds results, at any depth.", show_default=False)]
Csv = Annotated[Path | None, typer.Option("--csv", help="Write the table here, as CSV.")]
Markdown = Annotated[Path | None, typer.Option("--markdown", help="Write the table here, as Markdown.")]


def add_commands(app: typer.Typer) -> None:
    """Add the verbs of this module to `app`."""
    for command in (variation, cost, subset, compare, report, dashboard):
        app.command()(command)
    app.command("import")(import_results)


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
    from aibench.analysis import cost_table as tables
    from aibench.analysis.cost import Tariff, costs, totals
    from aibench.analysis.paper import SUBSET

    _within("--precision", precision, 0, 1)
    runs, faults = _runs(folders)
    tariff, tasks = Tariff(price_per_hour, price_per_kwh, currency), subset.split(",") if subset else SUBSET
    found = costs(runs, tariff, precision)
    _publish(
        [tables.costs(found, tariff, precision), tables.totals(totals(found, tasks), tasks, tariff)], csv, markdown
    )
    _tell(faults)
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
    from aibench.analysis import subset_table as tables
    from aibench.analysis.characteristics import CharacteristicsError
    from aibench.analysis.fidelity import fidelity
    from aibench.analysis.paper import SUBSET
    from aibench.analysis.selection import select
    from aibench.analysis.subset import Weights, choose, stability

    if diversity + repeatability + cost <= 0:
        _refuse("--diversity, --repeatability, --cost: all are 0. Give at least one a weight.")
    weights = Weights(diversity, repeatability, cost, most_cv, any_metric)
    runs, faults = _runs(folders)
    try:
        found = select(runs, scale, session, characteristics)
        choice = choose(found.subjects, k, weights)
    except (CharacteristicsError, ValueError) as error:
        _refuse(str(error))
    best = choice.candidates[0]
    grids = [tables.subjects(found.subjects, choice), tables.candidates(choice, weights)]
    fidelities = {"the choice": fidelity(found.runs, best.tasks)}
    if choice.of(SUBSET) is not None:
        fidelities["the paper's three"] = fidelity(found.runs, SUBSET)
    grids += [tables.systems(one) for one in list(fidelities.values())[:1] if not isinstance(one, str)]
    lines = list(tables.sentences(best, stability(found.subjects, k, weights, best), fidelities))
    _publish(grids, csv, markdown, [*found.remarks, *lines])
    _tell(faults)
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
    from aibench.analysis import comparison_table as tables
    from aibench.analysis.comparison import compare as compared
    from aibench.analysis.comparison import score
    from aibench.analysis.quantities import SPEED, TIME

    _within("--level", level, 0, 1)
    (one, other), faults = _sides([a, b])
    found = compared(one.runs, other.runs, level)
    _print_differences(tables.differences(found, len({row.family for row in found.rows})))
    grids = [tables.rows(found, level)] if found.rows else []
    if not found.rows:
        for line in found.alone:
            print(line)
        _refuse(f"{a} and {b}: no task that both have in one configuration.")
    named = {"B": found}
    if reference is not None:
        (base_runs,), more = _sides([reference])
        faults += more
        named = {side: compared(base_runs.runs, runs.runs, level) for side, runs in (("A", one), ("B", other))}
    grids.append(tables.scores({side: [score(of, SPEED), score(of, TIME)] for side, of in named.items()}))
    if rcp:
        grids.append(tables.convergence(found))
    _publish(grids, csv, markdown)
    _tell(faults)
    failed = fail_on_regression and bool(found.regressions)
    if failed:
        worse = ", ".join(f"{row.family[0]} ({row.quantity.name})" for row in found.regressions)
        complain(f"--fail-on-regression: B is slower: {worse}.")
    raise typer.Exit(1 if failed or faults else 0)


def report(
    folders: Folders,
    html: Annotated[Path | None, typer.Option(help="Write the page here: one file that needs nothing else.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the tables here, as Markdown.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the suite's table here, as CSV.")] = None,
    title: Annotated[str, typer.Option(help="Of the page.")] = "AIBench results",
    characteristics: Annotated[
        Path | None, typer.Option(help="CSV with a column `task` and one for each characteristic.")
    ] = None,
    price_per_hour: Annotated[float, typer.Option(min=0, help="Price of an hour of the machine.")] = 0.0,
    price_per_kwh: Annotated[float, typer.Option(min=0, help="Price of a kilowatt-hour.")] = 0.0,
    currency: Annotated[str, typer.Option(help="Unit of the prices.")] = "USD",
) -> None:
    """Everything that results say on one page: --html, --markdown, --csv; the suite's table where none is given."""
    from aibench.analysis.characteristics import CharacteristicsError, read_characteristics
    from aibench.analysis.cost import Tariff
    from aibench.analysis.reading import read_runs
    from aibench.analysis.report import page

    found = read_runs(folders, keep=True)
    if not found.runs:
        _refuse(found.faults[0])
    try:
        extra = read_characteristics(characteristics, found.runs[0].scale) if characteristics else {}
    except CharacteristicsError as error:
        _refuse(str(error))
    made = page.report(found, title, Tariff(price_per_hour, price_per_kwh, currency), extra)
    suite = made.sections[0].grids[0]
    if html is None and markdown is None and csv is None:
        suite.show(console())
    try:
        if html is not None:
            _write(html, page.html(made, _overrides))
        if markdown is not None:
            _write(markdown, page.markdown(made))
        if csv is not None:
            suite.write_csv(csv)
    except OSError as error:
        _refuse(f"{error.filename}: not written: {error.strerror}.")
    for path in filter(None, (html, markdown, csv)):
        print(f"{path}: {path.stat().st_size / 1000:,.0f} kB")
    _tell(found.faults)
    raise typer.Exit(1 if found.faults else 0)


class Publisher(enum.StrEnum):
    """Whose published results `aibench import` reads."""

    mlperf = enum.auto()
    dawnbench = enum.auto()


def import_results(
    publisher: Annotated[Publisher, typer.Argument(help="Whose they are.", show_default=False)],
    files: Annotated[list[Path], typer.Argument(help="Logs, one a run.", show_default=False)],
    output: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("imported"),
    version: Annotated[str | None, typer.Option(help="MLPerf's round, as 4.0: the logs do not say.")] = None,
    target: Annotated[float | None, typer.Option(help="DAWNBench's quality, a ratio; else that of its rules.")] = None,
    csv: Csv = None,
    markdown: Markdown = None,
) -> None:
    """Read what others published (MLPerf's logs, DAWNBench's entries) into result files for the same tables."""
    from aibench.analysis.published import dawnbench, foreign, mlperf

    runs, faults = [], []
    for path in files:
        try:
            runs.append(mlperf.read(path, version) if publisher is Publisher.mlperf else dawnbench.read(path, target))
        except foreign.ForeignError as error:
            faults.append(str(error))
    if not runs:
        _tell(faults[1:])
        _refuse(faults[0])
    try:
        written = foreign.write(runs, output)
    except OSError as error:
        _refuse(f"--output={output}: not written: {error.strerror}.")
    _publish([foreign.summary(runs)], csv, markdown, [f"{len(written)} results in {output}."])
    _tell(faults)
    raise typer.Exit(1 if faults else 0)


def dashboard(
    project: Annotated[str, typer.Option(help="The W&B project.")] = "aibench",
    entity: Annotated[str | None, typer.Option(help="Its owner; else the key's own.")] = None,
    output: Annotated[Path, typer.Option(help="Where the definition goes if there is no API key.")] = Path(
        "workspace.json"
    ),
    tasks: Annotated[str | None, typer.Option(help="Tasks with a quality chart, with commas; else all.")] = None,
) -> None:
    """Make the W&B workspace of the project's runs; without an API key, write its definition to a file."""
    from aibench.dashboard import create

    try:
        print(create(project, entity, output, tasks.split(",") if tasks else None))
    except (ImportError, ValueError, OSError) as error:
        _refuse(str(error))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _overrides(config: dict[str, Any], task: str, scale: str) -> list[str] | None:
    """The words that lead from the suite's configuration to `config`; None for a task that is not here."""
    from aibench import registry
    from aibench.analysis.runs import flat
    from aibench.compose import suite_config
    from aibench.config import plain

    if task not in registry.task_names():
        return None
    base = flat(plain(suite_config(task, scale)))
    said = ("task", "scale", "session", *OF_ONE_RUN)
    here = {key: value for key, value in flat(config).items() if key.split(".")[0] not in said}
    return [f"{key}={value}" for key, value in here.items() if key in base and base[key] != value]


def _print_differences(lines: Sequence[str]) -> None:
    print("A and B differ in" if lines else "A and B differ in nothing but their runs.")
    for line in lines:
        print(f"  {line}")
    print()


def _sides(folders: Sequence[Path]) -> tuple[list[Reading], list[str]]:
    """What each folder holds; refuses one that holds no run."""
    from aibench.analysis.reading import read_runs

    found = [read_runs([folder]) for folder in folders]
    for reading in found:
        if not reading.runs:
            _refuse(reading.faults[0])
    return found, [fault for reading in found for fault in reading.faults]


def _runs(folders: Sequence[Path], *, keep: bool = False) -> tuple[list[Run], list[str]]:
    """The runs below all `folders`; refuses where there is none."""
    from aibench.analysis.reading import read_runs

    found = read_runs(folders, keep=keep)
    if not found.runs:
        _tell(found.faults[1:])
        _refuse(found.faults[0])
    return found.runs, found.faults


def _publish(grids: Sequence[Grid], csv: Path | None, markdown: Path | None, lines: Sequence[str] = ()) -> None:
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
        _refuse(f"{error.filename}: not written: {error.strerror}.")


def _tell(faults: Sequence[str]) -> None:
    for fault in faults:
        complain(fault)


def _within(option: str, value: float, low: float, high: float) -> None:
    if not low < value < high:
        _refuse(f"{option}={value:g}: must lie between {low:g} and {high:g}.")


def _refuse(message: str) -> NoReturn:
    complain(message)
    raise typer.Exit(1)
