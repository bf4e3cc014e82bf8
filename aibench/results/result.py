"""Defines the one schema of `result.json`, one file a run. Imports no torch."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

from aibench.results.bounds import Count, Name
from aibench.results.course import Evaluation, Part, Phase
from aibench.results.crossing import Crossings
from aibench.results.data import Data
from aibench.results.energy import Cost, Energy, EnergySource
from aibench.results.files import content, strict_json
from aibench.results.made import making
from aibench.results.migration import upgraded
from aibench.results.parts import (
    Division,
    Estimate,
    HeldOut,
    Measured,
    Memory,
    Model,
    Split,
    Steps,
    Target,
    Throughput,
    Times,
    ToQuality,
    Trust,
    Use,
)
from aibench.results.places import RESULT, files_at, result_files
from aibench.results.shown import shown
from aibench.results.status import Status
from aibench.results.together import Rank, World

SCHEMA_VERSION, OLDEST_VERSION = 4, 1
LAST = "last.ckpt"
PREVIOUS = "previous.ckpt"  # the one before the last
BEST = "best.ckpt"


# Holds for every reader of a result: a number is no text and no truth value, and it is finite.
AS_WRITTEN = ConfigDict(strict=True, allow_inf_nan=False)


@with_config(AS_WRITTEN)
@dataclass(slots=True)
class Result:
    """Holds one run.

    Attributes:
        schema_version: Version of this schema.
        run_id: Unique id of the run.
        suite_version: Version of AIBench.
        task, scale, session, seed: Configured values; the seed is null in a result that others published without it.
        status: How the run ended.
        message: The text of an exception, or why the run ended as it did; one line.
        started: Start of the run; UTC, ISO 8601.
        resumed: How often the run was continued from a checkpoint.
        division: The division, closed or open.
        target: The quality that had to be reached.
        quality: The last value of the target's metric; null where none was measured.
        best_quality: The best value of the target's metric.
        to_quality: What it took to reach the target.
        history: Every evaluation, in order.
        phases: The parts of the session, in order of first appearance.
        times: Where the wall time went.
        throughput, memory, energy, cost: Measured numbers.
        model, data, trust: Facts about the run.
        system: The machine.
        versions: Versions of Python and the packages that matter.
        commit: The repository's commit, `-dirty` where files had changed; null outside a checkout.
        config: The resolved configuration.
        figure: File name of the rendered figure; null where none was drawn.
        estimate: What `aibench estimate` said before the run; null where it was not asked.
        parts: The processes that trained it, in order: from where on, and on which machine. Empty in older results.
        crossings: Where the history crosses the target, by three rules; null in older results.
        held_out: How certain the qualities are, and the quality on the test part; null where nothing was judged.
        world: The devices that trained it together; null where one did.
        ranks: What each of their processes measured, in order; empty where one device trained it, and where the run
            broke off.
    """

    run_id: Name
    task: Name
    scale: Name
    session: Name
    seed: Count | None
    status: Status
    message: str | None
    started: str
    resumed: Count
    division: Division | None
    target: Target
    quality: float | None
    best_quality: float | None
    to_quality: ToQuality
    history: list[Evaluation]
    phases: list[Phase]
    times: Times | None
    throughput: Throughput | None
    memory: Memory | None
    energy: Energy
    cost: Cost
    model: Model | None
    data: Data | None
    trust: Trust
    system: dict[str, Any]
    versions: dict[str, str]
    commit: str | None
    config: dict[str, Any]
    figure: str | None
    suite_version: str
    estimate: Estimate | None = None
    parts: list[Part] = field(default_factory=list)
    crossings: Crossings | None = None
    held_out: HeldOut | None = None
    world: World | None = None
    ranks: list[Rank] = field(default_factory=list)
    schema_version: int = SCHEMA_VERSION


class ResultError(Exception):
    """Reports a result file that cannot be read. The message is one line that names the file."""


@cache
def _adapter() -> TypeAdapter[Result]:
    return TypeAdapter(Result)


def schema() -> dict[str, Any]:
    """Return the JSON schema of `result.json`, which `docs/result-schema.json` holds."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **_adapter().json_schema()}


def write_atomically(path: Path, text: str) -> None:
    """Write `text` so that whoever reads `path`, at any moment, finds either the old or the new file whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def dumped(result: Result) -> str:
    """Return the text of `result.json`."""
    return _adapter().dump_json(result, indent=1).decode() + "\n"


def write_result(folder: Path, result: Result) -> Path:
    """Write `result.json` into `folder`."""
    path = making(folder / RESULT)
    write_atomically(path, dumped(result))
    return path


def write_unless_poorer(folder: Path, result: Result) -> None:
    """Write `result` into `folder`, unless one is there that is finished or holds more evaluations."""
    try:
        there = read_result(folder)
    except ResultError:
        there = None
    if there is None or (result.status.finished >= there.status.finished and len(result.history) >= len(there.history)):
        write_result(folder, result)


def read_result(path: Path) -> Result:
    """Return the result in `path`: a result file, or the folder of a run.

    Raises:
        ResultError: There is none, it is cut off, or another version of the schema wrote it.
    """
    if path.is_dir():
        path = path / RESULT
    try:
        raw = content(path)
    except OSError as error:
        raise ResultError(f"{path}: {error.strerror}. Give the folder of a run, or its {RESULT}.") from error
    fault = fault_of(raw)
    if fault is not None:
        raise ResultError(f"{path}: {fault}")
    try:
        older = upgraded(raw)
        return _adapter().validate_json(raw if older is None else json.dumps(older))
    except ValidationError as error:
        raise ResultError(f"{path}: not a result: {first_fault(error)}") from error
    except (AttributeError, KeyError, TypeError) as error:
        raise ResultError(f"{path}: not a result of schema {OLDEST_VERSION}: a part of it has another form.") from error


def fault_of(raw: bytes) -> str | None:
    """Return what is wrong with the text of a result file before its fields are looked at; None where nothing is."""
    try:
        found = strict_json(raw)
    except (ValueError, RecursionError) as error:
        return f"not a whole JSON object: the file is cut off or damaged: {error}."
    if not isinstance(found, dict):
        return "not a whole JSON object: the file is cut off or damaged."
    version = found.get("schema_version")
    if type(version) is not int or not OLDEST_VERSION <= version <= SCHEMA_VERSION:
        said = (version if isinstance(version, str) else json.dumps(version))[:40]
        return f"schema version {said}, and this suite reads {OLDEST_VERSION} to {SCHEMA_VERSION}."
    return None


def first_fault(error: ValidationError) -> str:
    """Return the first field that is not as its schema has it, in a line."""
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(map(str, first['loc']))[:200]}: {first['msg']}."


def read_results(folders: Sequence[Path]) -> list[Result]:
    """Return all results at or below `folders`; leave out those that cannot be read, with a warning that names them."""
    results = []
    for path in result_files(folders):
        try:
            results.append(read_result(path))
        except ResultError as error:
            warnings.warn(shown(str(error)), stacklevel=2)
    return results


__all__ = [
    "RESULT",
    "SCHEMA_VERSION",
    "Cost",
    "Crossings",
    "Data",
    "Division",
    "Energy",
    "EnergySource",
    "Estimate",
    "Evaluation",
    "HeldOut",
    "Measured",
    "Memory",
    "Model",
    "Part",
    "Phase",
    "Rank",
    "Result",
    "ResultError",
    "Split",
    "Status",
    "Steps",
    "Target",
    "Throughput",
    "Times",
    "ToQuality",
    "Trust",
    "Use",
    "World",
    "dumped",
    "files_at",
    "read_result",
    "read_results",
    "result_files",
    "schema",
    "write_atomically",
    "write_result",
    "write_unless_poorer",
]
