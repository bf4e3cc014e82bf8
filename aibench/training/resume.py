"""Goes on with a run that is in its folder already: whether it is the same one, and from where."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aibench.config import Accelerator, ConfigError, Resume, RunConfig, plain
from aibench.results.division import changed_between, changed_since
from aibench.results.folder import CHECKPOINTS, DAMAGED, processes, refuse_files_of_others
from aibench.results.result import LAST, RESULT, Evaluation, Part, Result, ResultError, read_result

MACHINE = ("cpu", "cores", "threads", "gpu")  # what a part tells of its system


def refuse_folder(config: RunConfig, folder: Path) -> None:
    """Raise `ConfigError` where `folder`, of a run or of a sweep, holds what the run must not touch."""
    if not folder.is_dir():
        return
    runs = [folder, *(below for below in sorted(folder.iterdir()) if below.is_dir() and _is_of_a_sweep(below))]
    there = (run / name for run in runs for name in (RESULT, *CHECKPOINTS) if (run / name).is_file())
    path = next(there, None) if config.resume is Resume.never else None
    if path is not None:
        raise ConfigError(
            f"output={folder}: holds {path.relative_to(folder)} of an earlier run. Choose another folder, or go on "
            "with resume=auto."
        )
    for run in runs:
        refuse_files_of_others(run)


def _is_of_a_sweep(folder: Path) -> bool:
    return folder.name.split("_")[0].isdigit()


def finished(config: RunConfig, folder: Path) -> Result | None:
    """Return the result in `folder`, where the run goes on and there is nothing left of it to do.

    Raises:
        ConfigError: The result is of another configuration, or cannot be read.
    """
    path = folder / RESULT
    if config.resume is Resume.never or not os.path.lexists(path):
        return None
    try:
        result = read_result(path)
    except ResultError as error:
        raise ConfigError(f"output={folder}: {error} Choose another folder, or move that file away.") from error
    if not result.status.finished:
        return None
    changed = changed_since(plain(config), result.config, folder)
    if changed is not None:
        raise ConfigError(changed)
    return result


@dataclass(frozen=True, slots=True)
class Earlier:
    """Holds the run that goes on, as its newest whole checkpoint has it.

    Attributes:
        path: The checkpoint.
        content: Its content, loaded once.
    """

    path: Path
    content: dict[str, Any]

    @property
    def state(self) -> dict[str, Any]:
        """Return what the recorder saved."""
        found: dict[str, Any] = self.content["callbacks"]["Recorder"]
        return found

    @property
    def identity(self) -> dict[str, Any]:
        """Return the run's id, and its configuration, machine and samples as the process before had them."""
        found: dict[str, Any] = self.state["identity"]
        return found

    @property
    def history(self) -> list[Evaluation]:
        """Return the evaluations so far."""
        return [Evaluation(**row) for row in self.state["record"]["history"]]

    def refuse_other_data(self, fingerprint: str, folder: Path) -> None:
        """Raise `ConfigError` where the samples are not those that the run was trained on so far."""
        before = self.identity.get("fingerprint")  # checkpoints of before had none
        if before not in (None, fingerprint):
            raise ConfigError(
                f"data: {folder} holds a run on other samples (fingerprint {before}, here {fingerprint}). Give the "
                "same data, or choose another output folder."
            )


def earlier(config: RunConfig, folder: Path) -> Earlier | None:
    """Return the run in `folder` to go on from, by its newest checkpoint that is whole; None to start afresh.

    What is damaged is named on standard error.

    Raises:
        ConfigError: It is of another configuration, or no checkpoint of it is whole.
    """
    there = [folder / name for name in CHECKPOINTS if os.path.lexists(folder / name)]
    if config.resume is Resume.never or not there:
        return None
    from aibench.training import checkpoint

    faults = []
    for path in there:
        try:
            found = Earlier(path, checkpoint.load(path))
        except ConfigError as error:
            faults.append(str(error))
            continue
        changed = changed_since(plain(config), found.identity["config"], folder)
        if changed is not None:
            raise ConfigError(changed)
        if faults:
            _tell(faults, found)
        return found
    raise ConfigError(f"{' '.join(faults)} Remove them to start afresh, or choose another output folder.")


def _tell(faults: list[str], found: Earlier) -> None:
    """Say what is damaged and what is lost by it, and lay the damaged checkpoint aside."""
    record, last = found.state["record"], found.path.with_name(LAST)
    if found.path != last and last.exists():
        last.replace(last.with_name(DAMAGED))
    print(
        f"aibench: {' '.join(faults)} Going on from {found.path.name}, of step {record['steps']}; what was trained "
        f"after it is trained again. {LAST} is {DAMAGED} now.",
        file=sys.stderr,
    )


@dataclass(frozen=True, slots=True)
class Here:
    """Holds what this process brings to a run.

    Attributes:
        identity: Its configuration, machine and packages, for the process after it.
        part: What it begins with; its place in the run is known once its record is there.
        processes: How many processes worked on the run before.
    """

    identity: dict[str, Any]
    part: Part
    processes: int


def here(config: RunConfig, folder: Path, before: Earlier | None) -> Here:
    """Return what this process brings to the run in `folder`."""
    from aibench.meters import system as meters

    system = meters.system(on_cpu=config.hardware.accelerator is Accelerator.cpu)
    versions = meters.versions()
    identity = {
        "config": plain(config),
        "system": {name: system[name] for name in MACHINE if name in system},
        "versions": versions,
    }
    told = before.identity if before is not None else identity
    known = told.get("versions", versions)  # checkpoints of before had none
    part = Part(
        epochs=0.0,
        steps=0,
        seconds=0.0,
        started=datetime.now(UTC).isoformat(timespec="milliseconds"),
        system=identity["system"],
        config=changed_between(identity["config"], told["config"]),
        versions={name: version for name, version in versions.items() if known.get(name) != version},
    )
    return Here(identity, part, (processes(folder) or 1) - 1)
