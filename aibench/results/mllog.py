"""Writes a run as MLPerf's log lines, `mllog.txt`, from its result. Imports no torch."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from aibench.results.made import making
from aibench.results.result import Evaluation, Result, Status, write_atomically

MLLOG = "mllog.txt"
PREFIX = ":::MLLOG "
PERSON = "TODO: named by the submitter"  # what only a person knows
PRECISIONS = {"fp32": "fp32", "bf16": "bfloat16", "fp16": "fp16", "tf32": "tf32"}


def write_log(folder: Path, result: Result) -> None:
    """Write `mllog.txt` beside `result.json`."""
    write_atomically(making(folder / MLLOG), "\n".join(lines(result)) + "\n")


def lines(result: Result, benchmark: str | None = None, extra: dict[str, Any] | None = None) -> list[str]:
    """Return the log's lines, in the order of time.

    MLPerf leaves initialisation and the preparation of the data out of its clock. `init_start` is `result.started`,
    `run_start` comes after `times.preparation`, with the session's own clock, and the positions of the evaluations
    follow from the history. Building the model counts, though MLPerf leaves it out.

    Args:
        result: A run.
        benchmark: The benchmark's name in the log; None for the task's name.
        extra: Further keys before `run_start`, as a rule of MLPerf's own benchmarks may ask for.
    """
    began = round(datetime.fromisoformat(result.started).timestamp() * 1000)
    preparation = (result.times.preparation or 0.0) if result.times else 0.0
    log = _Log(began + round(preparation * 1000), f"aibench/tasks/{result.task}/module.py")
    for key, value in {**_submission(result, benchmark or result.task), **_run(result), **(extra or {})}.items():
        log.point(key, value, -preparation)
    log.point("cache_clear", True, -preparation)
    log.start("init_start", -preparation)
    log.stop("init_stop")
    log.start("run_start")
    for before, evaluation in zip([None, *result.history], result.history, strict=False):
        _evaluated(log, result, before, evaluation)
    total = result.history[-1].seconds if result.history else result.times.total - preparation if result.times else 0.0
    status = "success" if result.status is Status.converged else "aborted"
    log.stop("run_stop", seconds=total, status=status, samples_count=_samples(result))
    return log.lines


class _Log:
    def __init__(self, start: int, file: str) -> None:
        self.start_ms, self.file = start, file
        self.lines: list[str] = []

    def add(self, kind: str, key: str, value: Any, seconds: float, metadata: dict[str, Any]) -> None:
        event = {
            "namespace": "aibench",
            "time_ms": self.start_ms + round(seconds * 1000),
            "event_type": kind,
            "key": key,
            "value": value,
            "metadata": {"file": self.file, "lineno": 1, **metadata},
        }
        self.lines.append(PREFIX + json.dumps(event))

    def point(self, key: str, value: Any, seconds: float = 0.0, **metadata: Any) -> None:
        self.add("POINT_IN_TIME", key, value, seconds, metadata)

    def start(self, key: str, seconds: float = 0.0, **metadata: Any) -> None:
        self.add("INTERVAL_START", key, None, seconds, metadata)

    def stop(self, key: str, seconds: float = 0.0, **metadata: Any) -> None:
        self.add("INTERVAL_END", key, None, seconds, metadata)


def _submission(result: Result, benchmark: str) -> dict[str, Any]:
    return {
        "submission_benchmark": benchmark,
        "submission_org": PERSON,
        "submission_division": result.division.name if result.division else "open",
        "submission_status": "research",
        "submission_platform": _platform(result),
    }


def _platform(result: Result) -> str:
    """Return what the run computed on: a machine's GPU counts only where the run used it."""
    gpu, kept_on_cpu = result.system.get("gpu"), result.config.get("hardware", {}).get("accelerator") == "cpu"
    used = result.system.get("accelerators", {}).get("used", 0 if kept_on_cpu else 1)  # not recorded by older versions
    nodes = result.world.nodes if result.world else 1
    return f"{used * nodes}x{gpu['name']}" if gpu and used else str(result.system.get("cpu"))


def _run(result: Result) -> dict[str, Any]:
    data = result.config.get("data", {})
    precision = PRECISIONS.get(str(result.config.get("hardware", {}).get("precision")), "fp32")
    batch, world = data.get("batch_size", 1), result.world
    return {
        "seed": result.seed,
        "global_batch_size": world.global_batch if world else batch,
        "micro_batch_size": world.batch_per_device if world else batch,
        "gradient_accumulation_steps": 1,
        "train_samples": result.data.train if result.data else 0,
        "eval_samples": result.data.val if result.data else 0,
        "lowest_numerical_precision_in_linear": precision,
        "lowest_numerical_precision_in_attn": precision,
        "lowest_numerical_precision_in_comm": "fp32",
        "tensor_parallelism": 1,
        "pipeline_parallelism": 1,
        "context_parallelism": 1,
        "expert_parallelism": 1,
        "config_filename": f"conf/model/{result.task}/{result.scale}.yaml",
        **{f"opt_{name}": value for name, value in _numbers(result.config.get("optim", {}))},
    }


def _numbers(config: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in config.items():
        if isinstance(value, dict):
            yield from _numbers(value, f"{prefix}{name}_")
        elif isinstance(value, int | float | str):
            yield f"{prefix}{name}", value


def _evaluated(log: _Log, result: Result, before: Evaluation | None, evaluation: Evaluation) -> None:
    """Log a block of training and the evaluation after it."""
    since = before.seconds if before else 0.0
    trained = (evaluation.training_seconds or 0.0) - ((before and before.training_seconds) or 0.0)
    setup = 0.0 if before or result.times is None else result.times.setup
    end = min(since + setup + trained, evaluation.seconds)
    first = before.samples if before else 0
    log.start("block_start", since + setup, samples_count=first)
    log.stop("block_stop", end, samples_count=evaluation.samples)
    where = {"samples_count": evaluation.samples, "epoch_num": evaluation.epochs}
    log.start("eval_start", end, **where)
    log.point("eval_accuracy", evaluation.metrics.get(result.target.metric), evaluation.seconds, **where)
    log.stop("eval_stop", evaluation.seconds, **where)


def _samples(result: Result) -> int:
    return sum(phase.samples for phase in result.phases)
