"""MLPerf Training's logs: lines `:::MLLOG {json}`, one file a run (`result_0.txt`)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aibench.analysis.published.foreign import Foreign, ForeignError
from aibench.results.result import Status

TOKEN = ":::MLLOG "
EVALUATIONS = {"eval_accuracy": "max", "eval_error": "min"}  # key; whether more is better
TARGETS = ("target_accuracy", "target_quality", "quality_target")
SETTINGS = ("global_batch_size", "submission_entry", "opt_name")

Event = dict[str, Any]


def read(path: Path, version: str | None = None) -> Foreign:
    """The run that the log `path` tells of; `version` is the round that it was submitted to, as `4.0`.

    Time to quality is MLPerf's: from `run_start` to `run_stop`, where that says `success`.

    Raises:
        ForeignError: It cannot be read, or has no run in it.
    """
    events = list(_events(path))
    values = {event["key"]: event.get("value") for event in events}
    start, stop = _first(events, "run_start"), _last(events, "run_stop")
    benchmark = values.get("submission_benchmark")
    if start is None or stop is None or not isinstance(benchmark, str):
        missing = "run_start" if start is None else "run_stop" if stop is None else "submission_benchmark"
        raise ForeignError(f"{path}: no {missing} among {len(events)} lines of MLPerf's log.")
    seed = values.get("seed")
    begun, ended = float(start["time_ms"]), float(stop["time_ms"])
    converged = (stop.get("metadata") or {}).get("status") == "success"
    key = next((name for name in EVALUATIONS if name in values), "eval_accuracy")
    history = list(_history(events, key, begun, values.get("train_samples")))
    quality = next((values[name] for name in TARGETS if isinstance(values.get(name), int | float)), None)
    return Foreign(
        suite=f"MLPerf {version}" if version else "MLPerf",
        benchmark=benchmark,
        organisation=str(values.get("submission_org") or "unknown"),
        platform=str(values.get("submission_platform") or "unknown"),
        seed=int(seed) if isinstance(seed, int | float) else 0,
        status=Status.converged if converged else Status.not_converged,
        started=datetime.fromtimestamp(begun / 1000, UTC).isoformat(),
        seconds=(ended - begun) / 1000 if converged else None,
        metric=f"val/{key.removeprefix('eval_')}",
        quality=None if quality is None else float(quality),
        mode=EVALUATIONS[key],
        history=history,
        settings={name: values[name] for name in SETTINGS if name in values},
        division=values.get("submission_division"),
        path=path,
    )


def _events(path: Path) -> Iterator[Event]:
    """The log's events; what stands before the token on a line, and lines without it, are no part of it."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise ForeignError(f"{path}: {error.strerror}.") from error
    for number, line in enumerate(lines, start=1):
        _, token, text = line.partition(TOKEN)
        if not token:
            continue
        try:
            event = json.loads(text)
        except ValueError as error:
            raise ForeignError(f"{path}, line {number}: not JSON after {TOKEN.strip()}: {text[:40]!r}.") from error
        if not isinstance(event, dict) or "key" not in event or "time_ms" not in event:
            raise ForeignError(f"{path}, line {number}: an event has a key and time_ms, and this has not.")
        yield event


def _history(events: list[Event], key: str, begun: float, samples: Any) -> Iterator[tuple[float, float, float]]:
    """Epochs, seconds and value of each evaluation; of those that count samples, over the training samples."""
    before = 0.0
    for event in events:
        metadata = event.get("metadata") or {}
        if event["key"] != key or not isinstance(event.get("value"), int | float):
            continue
        epochs = metadata.get("epoch_num")
        if epochs is None and isinstance(samples, int | float) and samples and "samples_count" in metadata:
            epochs = metadata["samples_count"] / samples
        if epochs is not None and float(epochs) > before:
            before = float(epochs)
            yield before, (float(event["time_ms"]) - begun) / 1000, float(event["value"])


def _first(events: list[Event], key: str) -> Event | None:
    return next((event for event in events if event["key"] == key), None)


def _last(events: list[Event], key: str) -> Event | None:
    return _first(events[::-1], key)
