"""Writes what was measured of a workload: one file for each and scale, its sections filled one by one."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import torch
from filelock import FileLock

from aibench.meters.description import description
from aibench.results.record import (
    SCHEMA_VERSION,
    SECTIONS,
    Record,
    RecordError,
    read_record,
    read_records,
    record_name,
)
from aibench.results.result import write_atomically

__all__ = ["Record", "RecordError", "read_record", "read_records", "record_path", "update_record"]


class Named(Protocol):
    """Describes what a record needs of a workload."""

    name: str
    suite: str
    scale: str

    @property
    def setting(self) -> str:
        """Return how its steps are computed; empty for fp32, operator by operator."""


def record_path(folder: Path, workload: Named) -> Path:
    """Return the path of the record of `workload`."""
    return folder / record_name(workload.name, workload.scale, workload.setting)


def update_record(folder: Path, workload: Named, device: str, section: str, value: dict[str, Any]) -> Path:
    """Put `value` in as `section`, and leave the record's other sections as they are.

    Args:
        folder: The folder of the records.
        workload: What was measured.
        device: `cpu` or `cuda`.
        section: `characteristics`, `profile`, `counters` or `micro`.
        value: What JSON can hold, without NaN.

    Raises:
        RecordError: The file there is no record, or was measured on another device or machine.
    """
    assert section in SECTIONS, section
    path = record_path(folder, workload)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        record = read_record(path) if path.is_file() else None
        if record is not None and record.device != device:
            raise RecordError(f"{path}: measured on {record.device}, now on {device}. Give another --output.")
        machine = description()
        if record is not None and record.system.get("CPU type") != machine["CPU type"]:
            raise RecordError(f"{path}: measured on a {record.system.get('CPU type')}. Give another --output.")
        kept = {name: getattr(record, name) if record else None for name in SECTIONS}
        new = Record(
            name=workload.name,
            suite=workload.suite,
            scale=workload.scale,
            device=device,
            threads=torch.get_num_threads(),
            torch=torch.__version__,
            system=machine,
            setting=workload.setting,
            **{**kept, section: value},
        )
        text = json.dumps({"schema_version": SCHEMA_VERSION, **asdict(new)}, indent=1, allow_nan=False)
        write_atomically(path, text + "\n")
    Path(f"{path.with_name('.' + path.name)}.lock").unlink(missing_ok=True)
    return path
