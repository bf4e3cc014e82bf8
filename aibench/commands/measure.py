"""The verbs that measure: `infer`, `estimate`, `system`, `selftest`, `mllog-rules`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aibench.commands.console import console
from aibench.commands.results import refuse
from aibench.config import ConfigError, DataError, Resume, RunConfig, Session
from aibench.results.result import BEST, LAST, Result, ResultError, read_result, read_results

if TYPE_CHECKING:
    from aibench.results.estimates import Forecast
    from aibench.results.inference import Inference
    from aibench.serving.options import Options

Words = Annotated[list[str], typer.Argument(help="task=NAME and KEY=VALUE, as for training.", show_default=False)]
Compose = Callable[[list[str]], RunConfig]


def add_commands(app: typer.Typer, composed: Compose) -> None:
    """Add the verbs to `app`; `composed` makes the run that words describe, or refuses them."""
    for command in (infer, system, selftest):
        app.command()(command)

    @app.command()
    def estimate(
        words: Words,
        studies: Annotated[list[Path] | None, typer.Option("--from", help="Folders with earlier runs.")] = None,
        steps: Annotated[int, typer.Option(help="Steps of the probe.")] = 20,
    ) -> None:
        """Seconds, energy, price and disk of a run before it: from a probe and the epochs of earlier runs."""
        _estimate(composed, words, studies, steps)

    @app.command("mllog-rules")
    def mllog_rules(
        words: Words, output: Annotated[Path, typer.Option(help="Folder for the files.")] = Path("mllog_rules")
    ) -> None:
        """Rule files for MLPerf's compliance checker."""
        from aibench.results.mllog_rules import write_rules

        config = composed(["data.source=synthetic", "session=steps", *words] if _at_reference(words) else words)
        print(write_rules(config, output))


def _at_reference(words: list[str]) -> bool:
    return "scale=reference" in words


def infer(
    words: Annotated[
        list[str],
        typer.Argument(
            help="run=FOLDER of a trained run (or task=NAME with fresh weights); scenario=single_stream,offline,server "
            "queries=N seconds=S qps=X latency_bound=S percentile=99; KEY=VALUE changes the run's configuration.",
            show_default=False,
        ),
    ],
    output: Annotated[Path | None, typer.Option(help="Where inference.json goes; beside the run's result.")] = None,
) -> None:
    """Serve a trained model: latency, throughput, load, quality and energy of its answers."""
    from aibench.results.inference import INFERENCE, write_inference
    from aibench.serving.options import parsed

    try:
        options, run, rest = parsed(words)
        config, trained, options = _what_serves(run, rest, options)
        from aibench.serving.session import serve

        inference = serve(config, options, trained, console())
    except (ConfigError, DataError, ResultError) as error:
        refuse(str(error))
    folder = output or (Path(run) if run else Path("runs") / f"infer_{config.task}_{config.scale}")
    path = folder if folder.suffix == ".json" else folder / INFERENCE
    write_inference(path, inference)
    _show(inference, path)


def _what_serves(run: str | None, words: list[str], options: Options) -> tuple[RunConfig, Result | None, Options]:
    """The configuration, the trained run's result, and the options with the checkpoint in them."""
    from dataclasses import replace

    from aibench.composition.compose import composed
    from aibench.composition.refusal import REFUSED, refusal
    from aibench.composition.restore import restored

    if run is None:
        if not any(word.startswith("task=") for word in words):
            raise ConfigError("run: no value. Give run=FOLDER of a trained run, or task=NAME for fresh weights.")
        try:
            return composed(["session=epochs", *words]), None, options
        except REFUSED as error:
            raise ConfigError(refusal(error)) from error
    trained = read_result(Path(run))
    weights = next((path for name in (BEST, LAST) if (path := Path(run) / name).is_file()), None)
    if weights is None:
        raise ConfigError(f"run={run}: holds neither {BEST} nor {LAST}. Give the folder of a run that was evaluated.")
    return restored(trained.config, words), trained, replace(options, weights=weights)


def _show(inference: Inference, path: Path) -> None:
    from rich.table import Table

    title = f"{inference.task}, scale {inference.scale}: {inference.weights} weights, {inference.precision}"
    table = Table(title=title, title_justify="left")
    for column in ("scenario", "requests", "throughput", "mean", "p50", "p90", "p95", "p99", "p99.9", "energy"):
        table.add_column(column)
    for row in inference.scenarios:
        tails = [f"{tail.seconds * 1000:.2f} ms{'' if tail.valid else ' *'}" for tail in row.latencies] or ["-"] * 5
        energy = row.energy_per_request
        table.add_row(
            row.name
            + (f" at {row.qps:g} qps" if row.qps is not None else "")
            + (" SATURATED" if row.saturated else ""),
            f"{row.requests:,}" + (f" x {row.batch}" if row.batch > 1 else ""),
            "-" if row.throughput.value is None else f"{row.throughput.value:,.1f} {row.throughput.unit}",
            "-" if row.mean.value is None else f"{row.mean.value * 1000:.2f} ms",
            *tails,
            "null" if energy.value is None else f"{energy.value:.3g} J",
        )
    console().print(table)
    for line in _notes(inference):
        console().print(line, highlight=False, soft_wrap=True)
    console().print(str(path), highlight=False, soft_wrap=True)


def _notes(inference: Inference) -> list[str]:
    lines = ["* too few requests for this percentile to be valid (MLPerf's early-stopping test)"]
    if all(tail.valid for row in inference.scenarios for tail in row.latencies):
        lines = []
    quality, best = inference.quality, inference.best_qps
    if quality.served.value is not None:
        trained = (
            "" if quality.trained is None else f", {quality.difference:+.4g} against training's {quality.trained:.4g}"
        )
        lines.append(f"quality: {quality.metric} {quality.served.value:.4g}{trained}")
    else:
        lines.append(f"quality: {quality.served.reason}")
    if best.value is not None:
        lines.append(f"highest rate: {best.value:,.1f} requests/s, {best.method}")
    elif "latency_bound" not in (best.reason or ""):
        lines.append(f"highest rate: {best.reason}")
    lines.append(
        f"cold start {inference.cold_start.value:.2f} s, "
        f"first request {1000 * (inference.first_request.value or 0):.1f} ms, "
        f"peak memory {(inference.process_memory.value or 0) / 2**30:.2f} GiB"
    )
    reasons = f": {'; '.join(inference.trust.reasons)}" if inference.trust.reasons else ""
    lines.append(f"trust: {inference.trust.level}{reasons}")
    energy = next((row.energy_per_request.reason for row in inference.scenarios if row.energy_per_request.reason), None)
    return [*lines, *([f"energy: null: {energy}"] if energy else [])]


def system(
    mlperf: Annotated[bool, typer.Option("--mlperf", help="MLPerf's 33 fields, as JSON.")] = False,
    probe: Annotated[bool, typer.Option("--probe", help="Measure the ceilings of the arithmetic too.")] = False,
) -> None:
    """This machine, in the form of the paper's Table 4."""
    from aibench.meters.description import description, mlperf_system

    if mlperf:
        print(json.dumps(mlperf_system(), indent=1))
        return
    rows = description()
    if probe:
        rows.update(_ceilings())
    width = max(map(len, rows))
    for name, value in rows.items():
        print(f"{name:<{width}}  {value}")


def _ceilings() -> dict[str, str]:
    import torch

    from aibench.meters.ceiling import ceiling, data_sheet
    from aibench.meters.system import set_arithmetic

    device = "cuda" if torch.cuda.is_available() else "cpu"
    set_arithmetic()
    rows = {}
    for precision in ("fp32", "bf16", *(("tf32", "fp16") if device == "cuda" else ())):
        found = ceiling(precision, device, "~/.cache/aibench", again=True)
        sheet = data_sheet(found.device, precision)
        listed = f"; data sheet {sheet / 1e12:,.0f} TFLOP/s" if sheet else ""
        rows[f"ceiling, {precision}"] = f"{found.flops / 1e9:,.0f} GFLOP/s ({found.method}){listed}"
        rows["copy, read and write"] = f"{found.bandwidth / 1e9:,.1f} GB/s"
    return rows


def selftest() -> None:
    """Test the meters against sleeps, energies and layers that are known."""
    from rich.table import Table

    from aibench.meters.selftest import checks

    table = Table()
    for column in ("measured", "known", "found", "error", "limit", ""):
        table.add_column(column)
    failed = False
    for check in checks():
        failed = failed or not check.passed
        table.add_row(
            check.name,
            check.expected,
            check.found,
            f"{check.error:.3%}",
            f"{check.limit:.1%}",
            "ok" if check.passed else "FAILED",
        )
    console().print(table)
    raise typer.Exit(1 if failed else 0)


def _estimate(composed: Compose, words: list[str], studies: list[Path] | None, steps: int) -> None:
    from aibench.composition import registry
    from aibench.results.estimates import keep
    from aibench.training.forecast import STUDY, forecast, probe

    experiment = next((word for word in words if word.startswith("experiment=")), None)
    tasks = registry.swept_tasks(experiment.removeprefix("experiment=")) if experiment else None
    rest = [word for word in words if word != experiment]
    runs = [composed([f"task={task}", *rest]) for task in tasks] if tasks else [composed(rest)]
    results = read_results(studies or sorted(STUDY.glob("*.json")))
    found = []
    for config in runs:
        if config.session is Session.steps:
            refuse("session=steps: its length is known, and it reaches no quality. Estimate another session.")
        config.resume, config.progress = Resume.never, False
        try:
            forecasted = forecast(config, probe(config, steps), results)
        except (ConfigError, DataError) as error:
            refuse(str(error))
        keep(config, forecasted)
        found.append((config, forecasted))
    _show_estimates(found)


def _show_estimates(found: list[tuple[RunConfig, Forecast]]) -> None:
    from rich.table import Table

    table = Table(title="Estimated, to the quality that ends the session", title_justify="left")
    for column in ("task", "seconds", "90 % range", "epochs", "from runs", "s/epoch", "kWh", "price", "disk"):
        table.add_column(column)
    for config, row in found:
        table.add_row(
            config.task,
            f"{row.seconds:,.0f}",
            f"{row.low:,.0f} to {row.high:,.0f}",
            f"{row.epochs:.3g}",
            str(row.from_runs) if row.from_runs > 1 else "none: the budget",
            f"{row.seconds_per_epoch:.3g}",
            "null" if row.joules is None else f"{row.joules / 3.6e6:.3g}",
            _price(config, row),
            f"{row.disk_bytes / 1e6:,.1f} MB",
        )
    console().print(table)
    total, low, high = (sum(getattr(row, name) for _, row in found) for name in ("seconds", "low", "high"))
    if len(found) > 1:
        console().print(
            f"all {len(found)}: {total:,.0f} s, at most {high:,.0f} s, at least {low:,.0f} s", highlight=False
        )
    reason = next((row.energy_reason for _, row in found if row.energy_reason), None)
    if reason:
        console().print(f"kWh: null: {reason}", highlight=False)


def _price(config: RunConfig, row: Forecast) -> str:
    tariff = config.cost
    parts = []
    if tariff.price_per_hour is not None:
        parts.append(row.seconds / 3600 * tariff.price_per_hour)
    if tariff.price_per_kwh is not None and row.joules is not None:
        parts.append(row.joules / 3.6e6 * tariff.price_per_kwh)
    return f"{sum(parts):.3g}" if parts else "no tariff"
