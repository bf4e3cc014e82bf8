"""Keeps what the analyses need of a result: small enough for a hundred thousand in memory, of any schema version."""

from __future__ import annotations

import hashlib
import json
import marshal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from aibench.analysis.runs.record import Record, parsed
from aibench.results.bounds import MOST_NUMBER
from aibench.results.division import EFFECTS, may_differ_in_pool
from aibench.results.result import (
    Division,
    Measured,
    Result,
    Status,
    Target,
    ToQuality,
    Trust,
    dumped,
)

# Keys in which repeats may differ: those of the first level, and those below.
OF_ONE_RUN, LOCATIONS = (
    tuple(key for key in EFFECTS if ("." in key) is nested and may_differ_in_pool(key)) for nested in (False, True)
)
MACHINE = ("cpu", "cores", "threads", "gpu")  # 5.3.1: repeats are made on the same system under test
NOT_IN_FILE = "not in the result file"


@dataclass(slots=True)
class Run:
    """Holds one run as the analyses see it.

    Attributes:
        path: Its result file; empty for a result that came from no file.
        run_id to trust: The same fields of the result.
        watched: The quality whose first evaluation `to_quality` records: `session=epochs` watches for it, and goes on.
        to_quality: What it took to reach the target; all null where the run missed it.
        evaluations: How many there were.
        trained_epochs, trained_seconds: Position of the last one; 0 without any.
        earlier_epochs: Those that parts of the training before its last one took, a teacher's say; 0 where it has one.
        last_part: Name of that part; empty without any.
        history: Digest of every position and metric: equal where a run was repeated bit for bit.
        times: Seconds by part.
        packed: The sections that hold measured numbers, as bytes: most of 100,000 runs are never asked for them.
        parameters: Number of the model's parameters; None where the run did not get so far.
        unit: The unit that throughput counts.
        traits: Everything in which repeats must agree: dotted keys of the configuration, `quality`, `suite_version`,
            `data.fingerprint`, `system.*` and `versions.*`. One object for all runs that agree.
        knows_all: Whether the run got so far that it knew its data and its machine.
        record: The fields of the file; kept where the reader was asked to.
        unpacked: The numbers that `measured` made of `packed`.
    """

    path: str
    run_id: str
    task: str
    scale: str
    session: str
    seed: int | None
    status: Status
    message: str | None
    started: str
    suite_version: str
    commit: str | None
    division: Division | None
    target: Target
    trust: Trust | None
    watched: float | None
    to_quality: ToQuality
    evaluations: int
    trained_epochs: float
    trained_seconds: float
    earlier_epochs: float
    last_part: str
    history: str
    times: dict[str, float]
    packed: bytes
    parameters: int | None
    unit: str
    traits: Mapping[str, str]
    knows_all: bool
    record: Record | None = None
    unpacked: dict[str, Measured] | None = field(default=None, compare=False, repr=False)

    @property
    def measured(self) -> dict[str, Measured]:
        """Return each measured number by its dotted name, `throughput.training` say. Made when first asked for."""
        if self.unpacked is None:
            self.unpacked = _measured(marshal.loads(self.packed))
        return self.unpacked

    @property
    def epochs_alone(self) -> float:
        """Return the epochs to quality counted from where the last part of the training began; 0 where missed."""
        return self.to_quality.epochs - self.earlier_epochs if self.to_quality.epochs else 0.0

    @property
    def reached(self) -> bool:
        """Return whether the run ended well and reached the quality that it watched for."""
        return self.status in (Status.converged, Status.completed) and bool(self.to_quality.epochs)


def of_result(result: Result) -> Run:
    """Return what the analyses keep of `result`."""
    return of_record(parsed(dumped(result).encode()))


def of_record(record: Record, path: str = "", *, keep: bool = False) -> Run:
    """Return what the analyses keep of `record`, read from `path`; with `keep` also the record itself."""
    last = record.history[-1] if record.history else None
    return Run(
        path=path,
        **{name: getattr(record, name) for name in AS_THEY_ARE},
        watched=_watched(record),
        to_quality=record.to_quality or ToQuality(None, None, None, None, None),
        evaluations=len(record.history),
        trained_epochs=last.epochs if last else 0.0,
        trained_seconds=last.seconds if last else 0.0,
        **_parts_of_training(record),
        history=_digest([(point.epochs, point.metrics) for point in record.history]),
        times=_seconds(record.times),
        packed=marshal.dumps([getattr(record, section) for section in SECTIONS], 2),
        parameters=(record.model or {}).get("parameters"),
        unit=str((record.throughput or {}).get("unit", "samples")),
        traits=_traits(record),
        knows_all=bool(record.data and record.system and record.versions),
        record=record if keep else None,
    )


AS_THEY_ARE = (
    *("run_id", "task", "scale", "session", "seed", "status", "message", "started", "suite_version", "commit"),
    *("division", "target", "trust"),
)


def _parts_of_training(record: Record) -> dict[str, Any]:
    """Return the epochs before the last part of the training, whose model is the judged one, and its name."""
    names = [str(row.get("name")) for row in record.phases]
    counts = (row.get("steps") for row in record.phases)
    steps = [count if type(count) is int and 0 < count <= MOST_NUMBER else 0 for count in counts]
    if not record.history or not sum(steps):
        return {"earlier_epochs": 0.0, "last_part": names[-1] if names else ""}
    epochs = record.history[-1].epochs * sum(steps[:-1]) / sum(steps)
    return {"earlier_epochs": round(epochs, 6), "last_part": names[-1]}


def _watched(record: Record) -> float | None:
    if record.session == "epochs":
        target = record.config.get("target")
        quality: Any = target.get("entire") if isinstance(target, dict) else None
        return float(quality) if type(quality) in (int, float) and abs(quality) <= MOST_NUMBER else None
    return record.target.quality


def _seconds(times: dict[str, Any] | None) -> dict[str, float]:
    """Return seconds by part; the parts of the training, where they were measured, instead of the training."""
    parts = {part: float(value) for part, value in (times or {}).items() if isinstance(value, int | float)}
    split = _seconds((times or {}).get("split")) if times else {}
    if split:
        parts.pop("training", None)
    return {**parts, **split}


SECTIONS = ("throughput", "memory", "energy", "cost", "model", "estimate")


def _measured(sections: list[Any]) -> dict[str, Measured]:
    """Return each measured number by its dotted name; a section that is one number has the section's name."""
    found: dict[str, Measured] = {}
    *measured, estimated = sections
    for section, content in zip(SECTIONS, measured, strict=False):
        _gather(section, content, found)
    estimate = estimated or {}
    for name, unit in (("seconds", "s"), ("low", "s"), ("high", "s"), ("joules", "J")):
        if name in estimate:
            found[f"estimate.{name}"] = _number({"value": estimate[name], "unit": unit, "method": "before the run"})
    return found


def _gather(name: str, node: Any, found: dict[str, Measured]) -> None:
    """Put the numbers at and below `node` into `found`."""
    if not isinstance(node, dict):
        return
    if "value" in node:
        found[name] = _number(node)
        return
    for part, value in node.items():
        if isinstance(value, dict):
            _gather(f"{name}.{part}", value, found)


def _number(node: dict[str, Any]) -> Measured:
    value = node.get("value")
    told = str(node.get("unit", "")), node.get("method"), node.get("reason")
    return Measured(float(value), *told) if isinstance(value, int | float) else _missing(*told)


@cache
def _missing(unit: str, method: str | None, reason: str | None) -> Measured:
    """Return one object for each reason: thousands of runs miss the same numbers, and go from process to process."""
    return Measured(None, unit, method, reason)


def _digest(value: Any) -> str:
    """Return a digest that is equal for equal plain values; marshal's version 2 writes no references, values alone."""
    return hashlib.blake2b(marshal.dumps(value, 2), digest_size=12).hexdigest()


_KNOWN: dict[str, Mapping[str, str]] = {}


def shared(traits: Mapping[str, str], key: str | None = None) -> Mapping[str, str]:
    """Return `traits`, or an equal object that is there already."""
    return _KNOWN.setdefault(key or _digest(sorted(traits.items())), traits)


def _traits(record: Record) -> Mapping[str, str]:
    config = {key: value for key, value in record.config.items() if key not in OF_ONE_RUN}
    fixed = {
        "task": record.task,
        "scale": record.scale,
        "session": record.session,
        "suite_version": record.suite_version,
        "quality": _text(record.target.quality),
        "data.fingerprint": (record.data or {}).get("fingerprint"),
        **{f"system.{key}": _on(record, key) for key in MACHINE if key in record.system},
        **{f"versions.{package}": version for package, version in record.versions.items()},
    }
    key = _digest((config, fixed))
    if key not in _KNOWN:
        flat = {name: value for name, value in _flat(config) if name not in LOCATIONS}
        traits = {**flat, **{name: _text(value) for name, value in fixed.items() if value is not None}}
        _KNOWN[key] = shared(traits)
    return _KNOWN[key]


def _on(record: Record, key: str) -> Any:
    """Return what the machine is in `key`; of a run that moved from machine to machine, what each was, in order."""
    machines = [part.get("system") for part in record.parts]
    said = [machine[key] for machine in machines if isinstance(machine, dict) and key in machine]
    several = list(dict.fromkeys(_text(value) for value in said))
    return ", then ".join(several) if len(several) > 1 else record.system[key]


def _flat(node: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in node.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", _text(value)


def flat(config: dict[str, Any]) -> dict[str, str]:
    """Return the dotted keys of a configuration with their values as text."""
    return dict(_flat(config))


def _text(value: Any) -> str:
    if isinstance(value, dict) and "name" in value:  # a GPU, whose other facts follow from its name
        return str(value["name"])
    return value if isinstance(value, str) else json.dumps(value)
