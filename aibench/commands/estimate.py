"""Runs `aibench estimate`: forecasts what a run will take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aibench.commands.arguments import Words, composed
from aibench.commands.console import complain, console, refuse
from aibench.config import ConfigError, DataError, Resume, RunConfig, Session, on_one_device
from aibench.results.result import read_results

if TYPE_CHECKING:
    from aibench.results.estimates import Forecast


def estimate(
    words: Words,
    studies: Annotated[list[Path] | None, typer.Option("--from", help="Folders with earlier runs.")] = None,
    steps: Annotated[int, typer.Option(min=1, max=10**6, help="Steps of the probe.")] = 50,
) -> None:
    """Forecast seconds, energy, price and disk of a run, from a probe and the epochs of earlier runs."""
    from aibench.composition import registry
    from aibench.results.estimates import keep
    from aibench.training.forecast import forecast, probe
    from aibench.training.forecast import studied as of_the_suite

    experiment = next((word for word in words if word.startswith("experiment=")), None)
    tasks = registry.swept_tasks(experiment.removeprefix("experiment=")) if experiment else None
    rest = [word for word in words if word != experiment]
    runs = [composed([f"task={task}", *rest]) for task in tasks] if tasks else [composed(rest)]
    results, study = (read_results(studies), []) if studies else ([], of_the_suite())
    found = []
    for config in runs:
        if config.session is Session.steps:
            refuse("session=steps: its length is known, and it reaches no quality. Estimate another session.")
        config.resume, config.progress = Resume.never, False
        try:
            forecasted = forecast(config, probe(on_one_device(config), steps), results, study)
        except (ConfigError, DataError) as error:
            refuse(str(error))
        try:
            keep(config, forecasted)
        except OSError as error:
            complain(f"data.cache={config.data.cache}: {error.strerror}, so the estimate is not kept for the run.")
        found.append((config, forecasted))
    _show_estimates(found)


HEADS = ("task", "seconds", "90 % range", "epochs", "from runs", "s/epoch", "kWh", "price", "disk")


def _show_estimates(found: list[tuple[RunConfig, Forecast]]) -> None:
    from aibench.analysis.grid import Grid

    reasons = "; ".join(dict.fromkeys(reason for _, row in found for reason in row.reasons))
    Grid(
        title="Estimated, to the quality that ends the session",
        heads=HEADS,
        rows=[_cells(config, row) for config, row in found],
        notes=[f"* trust warn: {reasons}"] if reasons else [],
        dispensable=("s/epoch", "kWh"),
    ).show(console())
    total, low, high = (sum(getattr(row, name) for _, row in found) for name in ("seconds", "low", "high"))
    if len(found) > 1:
        console().print(
            f"all {len(found)}: {total:,.0f} s, at most {high:,.0f} s, at least {low:,.0f} s", highlight=False
        )
    preparation = sum(row.preparation for _, row in found)
    console().print(f"preparation of the data, in no seconds above: {preparation:.3g} s", highlight=False)
    reason = next((row.energy_reason for _, row in found if row.energy_reason), None)
    if reason:
        console().print(f"kWh: null: {reason}", highlight=False)


def _cells(config: RunConfig, row: Forecast) -> list[str]:
    return [
        config.task,
        f"{row.seconds:,.0f}{' *' if row.reasons else ''}",
        f"{row.low:,.0f} to {row.high:,.0f}",
        f"{row.epochs:.3g}",
        str(row.from_runs) if row.from_runs > 1 else "none: the budget",
        f"{row.seconds_per_epoch:.3g}",
        "null" if row.joules is None else f"{row.joules / 3.6e6:.3g}",
        _price(config, row),
        f"{row.disk_bytes / 1e6:,.1f} MB",
    ]


def _price(config: RunConfig, row: Forecast) -> str:
    tariff = config.cost
    parts = []
    if tariff.price_per_hour is not None:
        parts.append(row.seconds / 3600 * tariff.price_per_hour)
    if tariff.price_per_kwh is not None and row.joules is not None:
        parts.append(row.joules / 3.6e6 * tariff.price_per_kwh)
    return f"{sum(parts):.3g}" if parts else "no tariff"
