"""What was measured of serving the trained models, and of the kernels, where there is any."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import TypeAdapter, ValidationError, with_config

from aibench.analysis.grid import NONE, Grid, number
from aibench.analysis.report.suite import Entry
from aibench.analysis.runs.partly import partly
from aibench.results.bounds import Amount, Count, Name, Number
from aibench.results.files import content, strict_json, within
from aibench.results.parts import Measured
from aibench.results.result import AS_WRITTEN, first_fault

if TYPE_CHECKING:
    SomeNumber: TypeAlias = dict[str, Any]
else:
    SomeNumber = partly(Measured)

INFERENCE = "inference.json"
HEADS = ("task", "precision", "scenario", "batch", "a second", "mean ms", "p50 ms", "p99 ms", "quality", "trained")


@dataclass(slots=True)
class Percentile:
    """Holds a percentile of the latencies, as the report reads it."""

    percent: Amount
    seconds: Amount | None = None
    valid: bool | None = None


@dataclass(slots=True)
class Scenario:
    """Holds one way of asking, as the report reads it."""

    name: Name | None = None
    batch: Count | None = None
    throughput: SomeNumber | None = None
    mean: SomeNumber | None = None
    latencies: list[Percentile] = field(default_factory=list)
    saturated: bool = False


@dataclass(slots=True)
class Quality:
    """Holds the quality measured again, as the report reads it."""

    served: SomeNumber | None = None
    trained: Number | None = None


@with_config(AS_WRITTEN)
@dataclass(slots=True)
class Served:
    """Holds the fields of `inference.json` that the report shows."""

    precision: Name | None = None
    scenarios: list[Scenario] = field(default_factory=list)
    quality: Quality | None = None


@cache
def _adapter() -> TypeAdapter[Served]:
    return TypeAdapter(Served)


def serving(found: Sequence[Entry], faults: list[str]) -> Grid | None:
    """A row for each scenario of every `inference.json` at or below a run's folder; None where there is none.

    One that cannot be read gives a line in `faults`.
    """
    sessions = [(entry.label, session) for entry in found for session in _sessions(entry, faults)]
    records = [_record(label, session, one) for label, session in sessions for one in session.scenarios or [Scenario()]]
    if not records:
        return None
    return Grid(
        title="Inference of the trained models",
        heads=HEADS,
        rows=[_cells(record) for record in records],
        names=3,
        legend=(
            f"From {INFERENCE} beside the runs. a second: requests, of `offline` samples. p99: of the requests made; "
            "with * there were too few for a bound of the true one with 99 % confidence. quality: measured again as it "
            "was served; trained: at the end of the training."
        ),
        notes=[
            f"{record['task']}, {record['scenario']}: the queue grew past its bound."
            for record in records
            if record["saturated"]
        ],
        records=records,
    )


def _sessions(entry: Entry, faults: list[str]) -> Iterator[Served]:
    """What the files hold, each once; one that cannot be read is named in `faults`."""
    folders = dict.fromkeys(Path(run.path).parent for run in entry.runs if run.path)
    for folder in folders:
        for path in sorted(folder.rglob(INFERENCE)):
            try:
                raw = content(within(folder, str(path.relative_to(folder))))
                strict_json(raw)
                yield _adapter().validate_json(raw)
            except OSError as error:
                faults.append(f"{path}: {error.strerror}.")
            except ValidationError as error:
                faults.append(f"{path}: not a serving session: {first_fault(error)}")
            except ValueError as error:
                faults.append(f"{path}: not a whole JSON object: {error}.")


def _record(label: str, session: Served, scenario: Scenario) -> dict[str, Any]:
    quality = session.quality or Quality()
    ranks = {one.percent: one for one in scenario.latencies}
    of = {percent: ranks.get(percent) or Percentile(percent) for percent in (50.0, 90.0, 99.0, 99.9)}
    return {
        "task": label,
        "precision": session.precision,
        "scenario": scenario.name,
        "batch": scenario.batch,
        "throughput": _value(scenario.throughput),
        "mean_seconds": _value(scenario.mean),
        **{f"p{percent:g}_seconds": one.seconds for percent, one in of.items()},
        "p99_valid": of[99.0].valid,
        "saturated": scenario.saturated,
        "quality_served": _value(quality.served),
        "quality_trained": quality.trained,
    }


def _value(node: dict[str, Any] | None) -> float | None:
    value: float | None = (node or {}).get("value")
    return value


def _cells(record: dict[str, Any]) -> list[str]:
    mean, middle, high = (record[name] for name in ("mean_seconds", "p50_seconds", "p99_seconds"))
    times = [NONE if seconds is None else number(1000 * seconds) for seconds in (mean, middle, high)]
    times[2] += "" if record["p99_valid"] or high is None else " *"
    return [
        record["task"],
        str(record["precision"] or NONE),
        str(record["scenario"] or NONE),
        str(record["batch"] or NONE),
        number(record["throughput"]),
        *times,
        *(NONE if record[name] is None else f"{record[name]:.4g}" for name in ("quality_served", "quality_trained")),
    ]


def characterisation(values: dict[str, dict[str, float]]) -> Grid | None:
    """The measured characteristics by task; None without any."""
    names = list(dict.fromkeys(name for of in values.values() for name in of))
    if not names:
        return None
    return Grid(
        title="Characterisation",
        heads=("task", *(name.replace("_", " ") for name in names)),
        rows=[[task, *(number(of[name]) if name in of else NONE for name in names)] for task, of in values.items()],
        records=[{"task": task, **of} for task, of in values.items()],
    )
