"""Reads MLPerf Training's logs: lines `:::MLLOG {json}`, one file a run (`result_0.txt`)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aibench.analysis.published.events import Event, attempts, events, is_number
from aibench.analysis.published.foreign import Foreign, ForeignError
from aibench.results.result import Status

EVALUATIONS = {"eval_accuracy": "max", "eval_error": "min"}  # key; whether more is better
# What MLPerf's rules 0.5 to 6.1 call an accuracy, and is a loss or an error rate; what is a ratio.
LESS_IS_BETTER = (
    "rnnt",
    "gpt3",
    "gpt_oss_20b",
    "llama2_70b_lora",
    "llama31_405b",
    "llama31_8b",
    "deepseekv3_671b",
    "flux1",
)
RATIOS = (
    *("resnet", "ssd", "retinanet", "bert", "dlrm", "dlrm_dcnv2", "dlrmv4", "gnn", "rgat", "unet3d", "gnmt", "minigo"),
    *("transformer", "deepcam", "openfold", "ncf"),
)
TARGETS = ("target_accuracy", "target_quality", "quality_target")
HEAD = ("submission_benchmark", "submission_org", "submission_platform", "submission_division", "submission_status")
ONCE = (*HEAD, "run_start", "run_stop", "train_samples", "eval_samples", "global_batch_size", *TARGETS)


def read(path: Path, version: str | None = None) -> Foreign:
    """Return the run that the log `path` tells of; `version` is the round that it was submitted to, as `4.0`."""
    found = read_all(path, version)
    if len(found) > 1:
        raise ForeignError(f"{path}: holds {len(found)} attempts. `read_all` reads each as a run.")
    return found[0]


def read_all(path: Path, version: str | None = None) -> list[Foreign]:
    """Return the runs that the log `path` tells of: one, or where the log of a relaunch was appended, each attempt.

    Time to quality is MLPerf's: from `run_start` to `run_stop`, where that says `success`. An attempt that another one
    follows and that has no `run_stop` failed. What the log does not say is None.

    Args:
        path: The log.
        version: The round that it was submitted to, as `4.0`.

    Raises:
        ForeignError: The log cannot be read, has no run in it, or says something twice, or in another type or unit.
    """
    found = list(events(path))
    parts = attempts(found, ONCE)
    head: dict[str, Event] = {}
    runs = []
    for number, part in enumerate(parts):
        head |= {event.key: event for event in part if event.key in HEAD}
        runs.append(_Attempt(path, part, head, len(found)).run(version, number, last=number == len(parts) - 1))
    return runs


class _Attempt:
    """Holds one attempt of a log.

    Args:
        path: The log.
        part: Its events.
        head: By key, what this attempt, or one before it, says of the submission.
        lines: Lines of the whole log, for a fault.
    """

    def __init__(self, path: Path, part: list[Event], head: dict[str, Event], lines: int) -> None:
        self.path, self.part, self.lines = path, part, lines
        self.once: dict[str, Event] = dict(head)
        seen: dict[str, Event] = {}
        for event in part:
            if event.key in ONCE and event.key in seen:
                raise ForeignError(f"{event.where}: a second {event.key}, which stands once in a run.")
            seen[event.key] = event
        self.once |= {key: event for key, event in seen.items() if key in ONCE}

    def run(self, version: str | None, number: int, *, last: bool) -> Foreign:
        """Return what the attempt tells, as the run `number` of its file."""
        start, stop = self.once.get("run_start"), self.once.get("run_stop")
        if start is None or (stop is None and last) or "submission_benchmark" not in self.once:
            missing = "run_start" if start is None else "run_stop" if stop is None and last else "submission_benchmark"
            raise ForeignError(f"{self.path}: no {missing} among {self.lines} lines of MLPerf's log.")
        benchmark = self.text("submission_benchmark")
        assert benchmark is not None
        key = next((name for name in EVALUATIONS if any(event.key == name for event in self.part)), "eval_accuracy")
        mode = "min" if benchmark in LESS_IS_BETTER else EVALUATIONS[key]
        status = self.status(stop)
        return Foreign(
            suite=f"MLPerf {version}" if version else "MLPerf",
            benchmark=benchmark,
            organisation=self.text("submission_org") or "unknown",
            platform=self.text("submission_platform") or "unknown",
            seed=self.seed(),
            status=status,
            started=datetime.fromtimestamp(start.time / 1000, UTC).isoformat(),
            seconds=(stop.time - start.time) / 1000 if stop and status is Status.converged else None,
            metric=f"val/{key.removeprefix('eval_')}",
            quality=next((self.number(name) for name in TARGETS if self.once.get(name)), None),
            mode=mode,
            history=list(self.history(key, start, at_most=1.0 if benchmark in RATIOS and mode == "max" else None)),
            settings=dict(self.settings()),
            division=self.division(),
            path=self.path,
            number=number,
        )

    def status(self, stop: Event | None) -> Status:
        """Return how the attempt ended."""
        if stop is None:
            return Status.failed
        if stop.time < self.once["run_start"].time:
            raise ForeignError(f"{stop.where}: run_stop stands before run_start.")
        said = stop.metadata.get("status")
        if said not in ("success", "aborted"):
            raise ForeignError(f"{stop.where}: run_stop has the status {str(said)[:40]!r}, not success or aborted.")
        return Status.converged if said == "success" else Status.not_converged

    def text(self, key: str) -> str | None:
        """Return the text of an event; None where there is no such event, or it says nothing."""
        event = self.once.get(key)
        if event is None or event.value is None:
            return None
        if not isinstance(event.value, str) or not 0 < len(event.value) <= 200:
            raise ForeignError(f"{event.where}: {key} is no text of 1 to 200 letters.")
        return event.value

    def number(self, key: str) -> float | None:
        """Return the number of an event; None where there is no such event, or it says nothing."""
        event = self.once.get(key)
        if event is None or event.value is None:
            return None
        if not is_number(event.value):
            raise ForeignError(f"{event.where}: {key}={event.value!r} is no number."[:300])
        return float(event.value)

    def division(self) -> str | None:
        """Return `closed` or `open`."""
        said = self.text("submission_division")
        if said not in (None, "closed", "open"):
            raise ForeignError(
                f"{self.once['submission_division'].where}: submission_division={said[:40]!r}, not closed or open."
            )
        return said

    def seed(self) -> int | None:
        """Return the run's seed; None where the log says none, or each of its processes another."""
        found = [event for event in self.part if event.key == "seed" and event.value is not None]
        for event in found:
            if type(event.value) is not int or not 0 <= event.value < 2**63:
                raise ForeignError(f"{event.where}: seed={event.value!r} is no whole number from 0."[:300])
        values = {event.value for event in found}
        return values.pop() if len(values) == 1 else None

    def settings(self) -> Iterator[tuple[str, Any]]:
        """Return what else decides the run."""
        batch = self.number("global_batch_size")
        if batch is not None:
            if batch < 1 or batch != int(batch):
                raise ForeignError(
                    f"{self.once['global_batch_size'].where}: global_batch_size={batch:g} counts no samples."
                )
            yield "global_batch_size", int(batch)
        for name in ("submission_entry", "opt_name"):
            event = next((event for event in self.part if event.key == name), None)
            if event is not None and isinstance(event.value, str):
                yield name, event.value[:200]

    def history(self, key: str, start: Event, at_most: float | None) -> Iterator[tuple[float, float, float]]:
        """Yield epochs, seconds and value of each evaluation; epochs from samples where the log counts these."""
        before = 0.0
        for event in self.part:
            if event.key != key or event.value is None or isinstance(event.value, dict):  # several qualities in one
                continue
            if not is_number(event.value):
                raise ForeignError(f"{event.where}: {key}={event.value!r} is no number."[:300])
            if at_most is not None and not 0 <= event.value <= at_most:
                raise ForeignError(
                    f"{event.where}: {key}={event.value:g} is no ratio, as this benchmark's rules have it."
                )
            if event.time < start.time:
                raise ForeignError(f"{event.where}: {key} stands before run_start.")
            epochs = self.epochs(event)
            if epochs is not None and epochs < before:
                raise ForeignError(f"{event.where}: {key} goes back from epoch {before:g} to {epochs:g}.")
            if epochs is not None and epochs > before:
                before = epochs
                yield epochs, (event.time - start.time) / 1000, float(event.value)

    def epochs(self, event: Event) -> float | None:
        """Return the position of an evaluation; None where the log does not say."""
        for name in ("epoch_num", "samples_count"):
            said = event.metadata.get(name)
            if said is None:
                continue
            if not is_number(said) or said < 0:
                raise ForeignError(f"{event.where}: {name}={said!r} is no number from 0."[:300])
            if name == "epoch_num":
                return float(said)
            samples = self.number("train_samples")
            if samples is not None and samples <= 0:
                raise ForeignError(f"{self.once['train_samples'].where}: train_samples={samples:g} counts no samples.")
            return None if samples is None else said / samples
        return None
