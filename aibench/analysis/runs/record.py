"""Reads the fields of a result that the analyses look at, of any schema version."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from pydantic import Field, TypeAdapter, ValidationError, with_config

from aibench.analysis.runs.partly import partly
from aibench.results.bounds import Amount, Count, Name
from aibench.results.result import (
    AS_WRITTEN,
    OLDEST_VERSION,
    SCHEMA_VERSION,
    Cost,
    Data,
    Division,
    Energy,
    Estimate,
    HeldOut,
    Measured,
    Memory,
    Model,
    Status,
    Target,
    Throughput,
    Times,
    ToQuality,
    Trust,
    World,
    fault_of,
    first_fault,
)


@dataclass(slots=True)
class Point:
    """Holds an evaluation, as far as the analyses look at it.

    Attributes:
        epochs, seconds: Position and time of the evaluation.
        metrics: Every logged metric; null where it is not finite.
    """

    epochs: Amount
    seconds: Amount
    metrics: dict[str, float | None]


if TYPE_CHECKING:
    SomeTimes: TypeAlias = dict[str, Any]
    SomeSpeed: TypeAlias = dict[str, Any]
    SomeMemory: TypeAlias = dict[str, Any]
    SomeEnergy: TypeAlias = dict[str, Any]
    SomeCost: TypeAlias = dict[str, Any]
    SomeModel: TypeAlias = dict[str, Any]
    SomeData: TypeAlias = dict[str, Any]
    SomeEstimate: TypeAlias = dict[str, Any]
    SomeHeldOut: TypeAlias = dict[str, Any]
    SomeWorld: TypeAlias = dict[str, Any]
else:  # schema 1 has the energy as one number
    SomeTimes, SomeSpeed, SomeMemory, SomeCost = map(partly, (Times, Throughput, Memory, Cost))
    SomeEnergy, SomeModel, SomeData, SomeEstimate = map(partly, (Energy, Model, Data, Estimate))
    SomeHeldOut, SomeWorld = map(partly, (HeldOut, World))
    SomeEnergy = SomeEnergy | partly(Measured)


@with_config(AS_WRITTEN)
@dataclass(slots=True)
class Record:
    """Holds the fields of `result.json` that the analyses read; `aibench.results.result.Result` explains them.

    A field that a version of the schema does not have takes its default here; further fields are left alone.
    """

    run_id: Name
    task: Name
    scale: Name
    session: Name
    seed: Count | None
    status: Status
    started: Name
    target: Target
    config: dict[str, Any]
    suite_version: Name
    schema_version: Annotated[int, Field(ge=OLDEST_VERSION, le=SCHEMA_VERSION)]
    message: str | None = None
    division: Division | None = None
    quality: float | None = None
    best_quality: float | None = None
    to_quality: ToQuality | None = None
    history: list[Point] = field(default_factory=list)
    phases: list[dict[str, Any]] = field(default_factory=list)
    times: SomeTimes | None = None
    throughput: SomeSpeed | None = None
    memory: SomeMemory | None = None
    energy: SomeEnergy | None = None
    cost: SomeCost | None = None
    model: SomeModel | None = None
    data: SomeData | None = None
    estimate: SomeEstimate | None = None
    trust: Trust | None = None
    system: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    commit: str | None = None
    figure: str | None = None
    parts: list[dict[str, Any]] = field(default_factory=list)
    held_out: SomeHeldOut | None = None
    world: SomeWorld | None = None


class UnreadableError(ValueError):
    """Says what is wrong with the text of a result file."""


@cache
def _adapter() -> TypeAdapter[Record]:
    return TypeAdapter(Record)


def parsed(raw: bytes, *, strictly: bool = True) -> Record:
    """Return the record that `raw`, the text of a result file, holds.

    Args:
        raw: The text.
        strictly: Whether an object that has a key twice is refused; else the last one counts, in a third of the time.

    Raises:
        UnreadableError: It is cut off, no result, or of a version that this suite does not know.
    """
    if strictly and (fault := fault_of(raw)) is not None:
        raise UnreadableError(fault)
    try:
        return _adapter().validate_json(raw)
    except ValidationError as error:
        raise UnreadableError(fault_of(raw) or f"not a result: {first_fault(error)}") from error
