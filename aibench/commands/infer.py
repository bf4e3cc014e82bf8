"""Runs `aibench infer`: serves a trained model and measures it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aibench.commands.console import console, refuse
from aibench.commands.outputs import FOLDER
from aibench.config import ConfigError, DataError, RunConfig, on_one_device
from aibench.results.folder import weights
from aibench.results.result import BEST, LAST, Result, ResultError, read_result

if TYPE_CHECKING:
    from aibench.results.inference import Inference
    from aibench.serving.options import Options


def infer(
    words: Annotated[
        list[str],
        typer.Argument(
            help="run=FOLDER of a trained run (or task=NAME with fresh weights); scenario=single_stream,offline,server "
            "queries=N seconds=S qps=X latency_bound=S percentile=99; KEY=VALUE changes the run's configuration.",
            show_default=False,
        ),
    ],
    output: Annotated[Path | None, typer.Option(help="Folder for inference.json; the run's own.", **FOLDER)] = None,
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
    """Return the configuration, the trained run's result, and the options with the checkpoint in them."""
    from dataclasses import replace

    from aibench.composition.compose import composed
    from aibench.composition.refusal import REFUSED, refusal
    from aibench.composition.restore import restored

    if run is None:
        if not any(word.startswith("task=") for word in words):
            raise ConfigError("run: no value. Give run=FOLDER of a trained run, or task=NAME for fresh weights.")
        try:
            return on_one_device(composed(["session=epochs", *words])), None, options
        except REFUSED as error:
            raise ConfigError(refusal(error)) from error
    trained = read_result(Path(run))
    found = weights(Path(run))
    if found is None:
        raise ConfigError(f"run={run}: holds neither {BEST} nor {LAST}. Give the folder of a run that was evaluated.")
    return on_one_device(restored(trained.config, words)), trained, replace(options, weights=found)


def _show(inference: Inference, path: Path) -> None:
    from aibench.analysis.serving import turned

    turned(inference).show(console())
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
