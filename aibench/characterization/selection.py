"""Selects workloads by a command's words: `task=a,b|all|mlperf|mlperf/NAME`, `scale=`, `hardware=`, KEY=VALUE."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from aibench.characterization.workload import TaskWorkload, Workload
from aibench.composition import registry
from aibench.composition.refusal import REFUSED, refusal
from aibench.config import ConfigError

SCALES = ("mini", "reference")
DEVICES = {"auto": None, "cpu": "cpu", "gpu": "cuda"}
FAST = {"cpu_fast": "cpu", "gpu_fast": "gpu"}  # what their device is called without the settings
MLPERF = "mlperf"
BATCH_SIZE = "data.batch_size"


@dataclass(frozen=True)
class Selection:
    """Holds the selected workloads' names, and builds each when its turn comes and not before.

    Attributes:
        names: Names of tasks, or `mlperf/resnet50`, in order.
        scale: `mini` or `reference`.
        device: `cpu` or `cuda`.
        words: Further KEY=VALUE words, for the tasks.
        fast: `gpu_fast` or `cpu_fast`, where that was asked for.
    """

    names: list[str]
    scale: str
    device: str
    words: list[str] = field(default_factory=list)
    fast: str | None = None

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Workload]:
        return (self.workload(name) for name in self.names)

    def workload(self, name: str, *more: str) -> Workload:
        """Return one of the workloads; `more` words go after the others.

        Raises:
            ConfigError: The words describe no run.
        """
        if name.startswith(f"{MLPERF}/"):
            from aibench.characterization import mlperf

            workload = mlperf.workload(name, _batch_size(self.words))
            workload.words = self.words
            return workload
        try:
            return TaskWorkload(name, self.scale, [*self.words, *more], self.fast)
        except REFUSED as error:
            raise ConfigError(refusal(error)) from error


def selected(words: Sequence[str]) -> Selection:
    """Return the workloads that `words` mean, with `scale=mini` and `hardware=auto` where they do not say.

    Raises:
        ConfigError: A word is not understood, or there is no such workload, scale or device.
    """
    values: dict[str, str] = {}
    rest: list[str] = []
    for word in words:
        key, is_pair, value = word.partition("=")
        if not is_pair:
            raise ConfigError(
                f"{word or repr(word)}: not KEY=VALUE. Give task=NAME, scale=mini|reference, hardware=cpu|gpu."
            )
        if key not in ("task", "scale", "hardware"):
            rest.append(word)
        elif key in values:
            raise ConfigError(f"{word}: {key} is given twice. Join names with commas: task=A,B.")
        values[key] = value
    scale = values.get("scale", "mini")
    if scale not in SCALES:
        raise ConfigError(f"scale={scale}: no such scale. One of: {', '.join(SCALES)}.")
    names = _names(values.get("task"))
    if scale == "mini" and any(name.startswith(f"{MLPERF}/") for name in names):
        raise ConfigError(f"task={values['task']}: MLPerf's models have one scale only. Give scale=reference.")
    hardware = values.get("hardware", "auto")
    fast = hardware if hardware in FAST else None
    if any(name.startswith(f"{MLPERF}/") for name in names):
        _batch_size(rest)
        if fast is not None:
            raise ConfigError(f"hardware={fast}: MLPerf's models know no other settings. Give hardware={FAST[fast]}.")
    return Selection(names, scale, device_of(FAST.get(hardware, hardware), typed=hardware), rest, fast)


def _batch_size(words: Sequence[str]) -> int | None:
    """Return the batch size, the one word that MLPerf's models take. Raises `ConfigError` for any other word."""
    size = None
    for word in words:
        key, _, value = word.partition("=")
        if key != BATCH_SIZE:
            raise ConfigError(
                f"{word}: MLPerf's models have no key but {BATCH_SIZE}. Give it with tasks of AIBench only."
            )
        if not value.isdigit() or int(value) < 1:
            raise ConfigError(f"{word}: not a number of samples. Give 1 or more.")
        size = int(value)
    return size


def mlperf_names() -> list[str]:
    """Return `mlperf/NAME` of every model of MLPerf's that is here."""
    from aibench.characterization import mlperf

    return [f"{MLPERF}/{name}" for name in mlperf.names()]


def _names(value: str | None) -> list[str]:
    from aibench.characterization import mlperf

    tasks, theirs = registry.task_names(), mlperf_names()
    known = [*tasks, *theirs]
    if not value:
        raise ConfigError("task: no value. Give task=NAME, task=A,B, task=all (AIBench's) or task=mlperf.")
    found: list[str] = []
    for name in value.split(","):
        several = {"all": tasks, MLPERF: theirs}.get(name)
        if name.startswith(f"{MLPERF}/") and name not in known:
            mlperf.workload(name)  # refuses, with the reason
        if several is None and name not in known:
            near = difflib.get_close_matches(name, [*known, "all", MLPERF], n=1)
            hint = f" Did you mean {near[0]}?" if near else f" One of: all, {MLPERF}, {', '.join(known)}."
            raise ConfigError(f"task={value}: no workload {name!r}.{hint}")
        found += several if several is not None else [name]
    return list(dict.fromkeys(found))


def device_of(hardware: str, typed: str | None = None) -> str:
    """Return `cpu` or `cuda`, by the word after `hardware=`, `typed` so. Raises `ConfigError` where it is not here."""
    import torch

    if hardware not in DEVICES:
        one_of = ", ".join(DEVICES if typed is None else [*DEVICES, *FAST])
        raise ConfigError(f"hardware={hardware}: no such device. One of: {one_of}.")
    device = DEVICES[hardware] or ("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"hardware={typed or hardware}: no GPU that torch could use is here. Give hardware=cpu.")
    return device
