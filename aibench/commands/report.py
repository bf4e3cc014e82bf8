"""Runs `aibench report`: writes one page of everything that results say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from aibench.commands.arguments import Csv, Currency, Folders, Markdown, PricePerHour, PricePerKwh, short_names
from aibench.commands.console import console, refuse, say, tell
from aibench.commands.outputs import FILE


def report(
    folders: Folders,
    html: Annotated[
        Path | None, typer.Option(help="Write the page here: one file that needs nothing else.", **FILE)
    ] = None,
    markdown: Markdown = None,
    csv: Csv = None,
    title: Annotated[str, typer.Option(help="Title of the page.")] = "AIBench results",
    characteristics: Annotated[
        Path | None, typer.Option(help="CSV with a column `task` and one for each characteristic.")
    ] = None,
    names: Annotated[str | None, typer.Option(help="Names for the systems, with commas, in place of A, B, C.")] = None,
    each: Annotated[
        bool, typer.Option("--systems", help="Take each folder given for a system of its own, named after it.")
    ] = False,
    price_per_hour: PricePerHour = 0.0,
    price_per_kwh: PricePerKwh = 0.0,
    currency: Currency = "USD",
) -> None:
    """Write all that results say on one page: --html, --markdown, --csv; without them print the suite's table."""
    from aibench.analysis.cost.cost import Tariff
    from aibench.analysis.report import page
    from aibench.analysis.runs.reader import read_runs
    from aibench.analysis.subset.features import CharacteristicsError, read_characteristics

    found = read_runs(folders, keep=True)
    if not found.runs:
        refuse(found.faults[0])
    try:
        extra = read_characteristics(characteristics, found.runs[0].scale) if characteristics else {}
    except CharacteristicsError as error:
        refuse(str(error))
    tariff = Tariff(price_per_hour, price_per_kwh, currency)
    given = _given(folders) if each else None
    made = page.report(found, title, tariff, extra, names.split(",") if names else (), given)
    suite = next(section.grids[0] for section in made.sections if section.anchor == "suite")
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
        say(f"{path}: {path.stat().st_size / 1000:,.0f} kB")
    tell(found.faults)
    raise typer.Exit(1 if found.faults else 0)


def _given(folders: list[Path]) -> dict[str, str]:
    """Return for each result file below `folders` the name of its folder."""
    from aibench.results.result import files_at

    named = short_names(folders)
    return {path: name for folder, name in zip(folders, named, strict=True) for path in files_at(folder)}


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _overrides(config: dict[str, Any], task: str, scale: str) -> list[str] | str:
    """Return the words that lead from the suite's configuration to `config`, or why this suite cannot tell them."""
    from aibench.analysis.runs.runs import OF_ONE_RUN, flat
    from aibench.composition.compose import suite_config
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
