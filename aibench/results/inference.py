"""Defines the schema of `inference.json`, one file a serving session. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError, with_config

from aibench.results.files import content, strict_json
from aibench.results.result import AS_WRITTEN, Measured, ResultError, Trust, first_fault, write_atomically

INFERENCE = "inference.json"
SCHEMA_VERSION = 1


@dataclass(slots=True)
class Percentile:
    """Holds one percentile of the latencies.

    Attributes:
        percent: The percentile: 99, say.
        seconds: The smallest latency that at least so many percent of the requests do not exceed.
        bound: An upper bound of the true percentile with 99 % confidence; null where there are too few requests.
        valid: Whether there are enough requests for a bound.
        needed: The least number of requests that a bound needs.
    """

    percent: float
    seconds: float
    bound: float | None
    valid: bool
    needed: int


@dataclass(slots=True)
class Scenario:
    """Holds what one way of asking took.

    Attributes:
        name: `single_stream`, `offline`, `server`.
        requests: Number of requests that were answered.
        seconds: Seconds from the first request to the last answer.
        throughput: Requests a second; for `offline`, samples a second.
        mean: Mean of the latencies; null where there are none.
        latencies: Percentiles of the latencies, each from a request's arrival, so that waiting in the queue counts.
        batch: Samples in a request.
        qps: Arrivals a second that were asked for; null but for `server`.
        saturated: Whether the queue grew past its bound, and the scenario was given up.
        longest_queue: Requests that waited at worst.
        energy_per_request: Energy of a request by the machine's sensors, over the whole time of the scenario.
    """

    name: str
    requests: int
    seconds: float
    throughput: Measured
    mean: Measured
    latencies: list[Percentile]
    batch: int
    qps: float | None
    saturated: bool
    longest_queue: int
    energy_per_request: Measured


@dataclass(slots=True)
class Quality:
    """Holds the quality of the weights, evaluated again in this session's precision.

    Attributes:
        metric: Name of the target's metric.
        served: The quality in this session.
        trained: The quality in the training session, with the same weights; null with fresh ones.
        difference: `served - trained`.
    """

    metric: str
    served: Measured
    trained: float | None
    difference: float | None


@with_config(AS_WRITTEN)
@dataclass(slots=True)
class Inference:
    """Holds one serving session.

    Attributes:
        run_id: Id of the training run whose weights serve; null with fresh weights.
        task, scale, seed: Those of the trained run.
        weights: The checkpoint, or `fresh`.
        precision, compile: Settings of this session.
        started: Start of the session; UTC, ISO 8601.
        scenarios: What each way of asking took.
        best_qps: The highest rate of arrivals whose latency stays within the bound asked for; null where not searched.
        quality: The quality, measured again.
        cold_start: Seconds from nothing to the first answer: building, loading, and the first request.
        first_request: Seconds of that first request.
        process_memory, device_memory: Peaks of memory, in bytes.
        trust, system, versions, commit, config: The same as in a training run's result.
    """

    run_id: str | None
    task: str
    scale: str
    seed: int
    weights: str
    precision: str
    compile: bool
    started: str
    scenarios: list[Scenario]
    best_qps: Measured
    quality: Quality
    cold_start: Measured
    first_request: Measured
    process_memory: Measured
    device_memory: Measured
    trust: Trust
    system: dict[str, Any]
    versions: dict[str, str]
    commit: str | None
    config: dict[str, Any] = field(default_factory=dict)
    schema_version: int = SCHEMA_VERSION


@cache
def _adapter() -> TypeAdapter[Inference]:
    return TypeAdapter(Inference)


def write_inference(path: Path, inference: Inference) -> None:
    """Write `path` whole or not at all."""
    write_atomically(path, _adapter().dump_json(inference, indent=1).decode() + "\n")


def read_inference(path: Path) -> Inference:
    """Return the serving session in `path`: the file, or the folder that holds it.

    Raises:
        ResultError: There is none, it is cut off, or another version of the schema wrote it.
    """
    path = path / INFERENCE if path.is_dir() else path
    try:
        raw = content(path)
        strict_json(raw)
        return _adapter().validate_json(raw)
    except OSError as error:
        raise ResultError(f"{path}: {error.strerror}. Give an {INFERENCE}, or its folder.") from error
    except ValidationError as error:
        raise ResultError(f"{path}: not a serving session: {first_fault(error)}") from error
    except (ValueError, RecursionError) as error:
        raise ResultError(f"{path}: not a whole JSON object: {error}.") from error
