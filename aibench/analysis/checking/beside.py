"""Checks the files that lie beside a result, and say the same in other forms: `mllog.txt` and `metrics.csv`."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aibench.results.files import content, strict_json
from aibench.results.mllog import MLLOG, PREFIX, lines
from aibench.results.result import Result

METRICS = "metrics.csv"
POSITION = ("epochs", "steps", "samples", "seconds", "training_seconds")
ODD = (ValueError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError)
TOLD = (
    *("run_start", "run_stop", "block_start", "block_stop", "eval_start", "eval_stop", "eval_accuracy"),
    *("seed", "global_batch_size", "train_samples", "eval_samples"),
)


def beside(result: Result, folder: Path) -> Iterator[str]:
    """Yield what the files in `folder`, the run's, say otherwise than `result`; one that is not there says nothing."""
    for name, check in ((MLLOG, _log), (METRICS, _metrics)):
        path = folder / name
        if not path.exists():
            continue
        try:
            yield from (f"{name}: {fault}" for fault in check(result, content(path).decode("utf-8")))
        except OSError as error:
            yield f"{name}: {error.strerror}."
        except (*ODD, csv.Error) as error:
            yield f"{name}: cannot be read: {error}."


def _log(result: Result, text: str) -> Iterator[str]:
    said, given = _events(text.splitlines()), _events(lines(result))
    for key in TOLD:
        ours = [one for one in said if one[0] == key]
        theirs = [one for one in given if one[0] == key]
        if len(ours) != len(theirs):
            yield f"{len(ours)} lines of {key}, and the result gives {len(theirs)}."
        for number, (one, other) in enumerate(zip(ours, theirs, strict=False), start=1):
            if one != other:
                yield f"{key}, number {number}: {one[1:]}, and the result gives {other[1:]}."


def _events(text: list[str]) -> list[tuple[str, Any, Any, Any]]:
    """Return the key, time, value and place of each event of a log."""
    found = []
    for line in text:
        _, token, said = line.partition(PREFIX)
        if token:
            event = strict_json(said.encode())
            where = {name: event["metadata"].get(name) for name in ("samples_count", "epoch_num", "status")}
            found.append((event["key"], event["time_ms"], event["value"], where))
    return found


def _metrics(result: Result, text: str) -> Iterator[str]:
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    if len(rows) != len(result.history):
        yield f"{len(rows)} rows, and the history has {len(result.history)}."
    for number, (row, evaluation) in enumerate(zip(rows, result.history, strict=False), start=1):
        known = {**{name: getattr(evaluation, name) for name in POSITION}, **evaluation.metrics}
        for name, value in row.items():
            said = float(value) if value else None
            if name not in known or said != known[name]:
                yield f"row {number}: {name} is {value or 'empty'}, and the history has {known.get(name)}."
