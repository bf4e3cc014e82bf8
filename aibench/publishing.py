"""The verbs that make something of results for others: report, import, dashboard."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated, Any

import typer

from aibench.console import console
from aibench.reading import Csv, Folders, Markdown, publish, refuse, tell


def add_commands(app: typer.Typer) -> None:
    """Add the verbs of this module to `app`."""
    app.command()(report)
    app.command()(dashboard)
    app.command("import")(import_results)


def report(
    folders: Folders,
    html: Annotated[Path | None, typer.Option(help="Write the page here: one file that needs nothing else.")] = None,
    markdown: Markdown = None,
    csv: Csv = None,
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
        refuse(found.faults[0])
    try:
        extra = read_characteristics(characteristics, found.runs[0].scale) if characteristics else {}
    except CharacteristicsError as error:
        refuse(str(error))
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
        refuse(f"{error.filename}: not written: {error.strerror}.")
    for path in filter(None, (html, markdown, csv)):
        print(f"{path}: {path.stat().st_size / 1000:,.0f} kB")
    tell(found.faults)
    raise typer.Exit(1 if found.faults else 0)


class Publisher(enum.StrEnum):
    """Whose published results `aibench import` reads."""

    mlperf = enum.auto()
    dawnbench = enum.auto()


def import_results(
    publisher: Annotated[Publisher, typer.Argument(help="Whose they are.", show_default=False)],
    files: Annotated[list[Path], typer.Argument(help="Logs, one a run; attempts in one log are runs.")],
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
            runs += mlperf.read_all(path, version) if publisher is Publisher.mlperf else [dawnbench.read(path, target)]
        except foreign.ForeignError as error:
            faults.append(str(error))
    if not runs:
        tell(faults[1:])
        refuse(faults[0])
    try:
        written = foreign.write(runs, output)
    except OSError as error:
        refuse(f"--output={output}: not written: {error.strerror}.")
    publish([foreign.summary(runs)], csv, markdown, [f"{len(written)} results in {output}."])
    tell(faults)
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
        refuse(str(error))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _overrides(config: dict[str, Any], task: str, scale: str) -> list[str] | str:
    """The words that lead from the suite's configuration to `config`; or why it has none, as `scale=x: none here`."""
    from aibench.analysis.runs import OF_ONE_RUN, flat
    from aibench.compose import suite_config
    from aibench.config import ConfigError, plain

    try:
        base = flat(plain(suite_config(task, scale)))
    except ConfigError as error:
        return str(error).removesuffix(".")
    said = ("task", "scale", "session", *OF_ONE_RUN)
    here = {key: value for key, value in flat(config).items() if key.split(".")[0] not in said}
    changed = {key: value for key, value in here.items() if key in base and base[key] != value}
    if any("${" in value for value in changed.values()):
        return "its configuration refers to what this file does not hold"
    return [f"{key}={value}" for key, value in changed.items()]
