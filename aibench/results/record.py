"""Reads what `aibench characterize` wrote: one file a workload and scale, of sections that are filled one by one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aibench.results.files import content, strict_json

SCHEMA_VERSION = 1
SECTIONS = ("characteristics", "profile", "counters", "micro")
HEAD = ("schema_version", "name", "suite", "scale", "device", "threads", "torch", "system")

KINDS = dict.fromkeys(("name", "suite", "scale", "device", "torch"), str) | {"threads": int, "system": dict}

# Of the sections: what tables take for granted where it is there.
PARTS: dict[str, dict[str, type]] = {
    "characteristics": {
        **dict.fromkeys(("parameters", "forward", "second_count", "step", "bytes", "roofline", "memory"), dict),
        "words": list,
    },
    "profile": {"categories": dict, "phases": dict, "functions": list, "shapes": list},
    "counters": {"source": str, "metrics": dict, "reasons": dict},
}


class RecordError(ValueError):
    """Reports a file that is no record of this version. The message is one line that names it."""


@dataclass(frozen=True, slots=True)
class Record:
    """Holds what was measured of one workload at one scale.

    Attributes:
        name: The name as in `task=NAME`: of a task, or `mlperf/resnet50`.
        suite: `AIBench` or `MLPerf`.
        scale: `mini` or `reference`.
        device: `cpu` or `cuda`.
        threads: Threads that torch computed with.
        torch: Version of torch.
        system: The machine, in the form of the paper's Table 4.
        setting: How its steps were computed, as in `bf16, CUDA graph`; empty for fp32, operator by operator.
        characteristics, profile, counters, micro: The sections; None where not measured yet.
    """

    name: str
    suite: str
    scale: str
    device: str
    threads: int
    torch: str
    system: dict[str, str]
    characteristics: dict[str, Any] | None = None
    profile: dict[str, Any] | None = None
    counters: dict[str, Any] | None = None
    micro: dict[str, Any] | None = None
    setting: str = ""

    @property
    def named(self) -> str:
        """Return the name, with the setting where there is one."""
        return f"{self.name} ({self.setting})" if self.setting else self.name


def record_name(name: str, scale: str, setting: str = "") -> str:
    """Return the name of the file: `mlperf-resnet50-reference.json`, `...-reference-bf16-cuda-graph.json`."""
    parts = [name.replace("/", "-"), scale, *setting.lower().replace(",", "").split()]
    return f"{'-'.join(parts)}.json"


def read_json(path: Path, refused: type[ValueError]) -> Any:
    """Return what the file `path` holds. Raises `refused`, in one line that names it, where it cannot be read."""
    try:
        return strict_json(content(path))
    except OSError as error:
        raise refused(f"{path}: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise refused(f"{path}: not JSON: {error}.") from error


def read_record(path: Path) -> Record:
    """Return the record in the file `path`.

    Raises:
        RecordError: The file is no record, or of another version.
    """
    found = read_json(path, RecordError)
    if not isinstance(found, dict) or "schema_version" not in found:
        raise RecordError(f"{path}: no record of `aibench characterize`: it has no schema_version.")
    if type(found["schema_version"]) is not int or found["schema_version"] != SCHEMA_VERSION:
        raise RecordError(
            f"{path}: schema_version {str(found['schema_version'])[:40]}, and this aibench reads {SCHEMA_VERSION}. "
            "Run `aibench characterize` again."
        )
    missing = [key for key in HEAD if key not in found]
    unknown = sorted(found.keys() - {*HEAD, *SECTIONS, "setting"})
    if missing or unknown:
        what = f"lacks {', '.join(missing)}" if missing else f"holds {', '.join(unknown)}, which no record does"
        raise RecordError(f"{path}: {what}. Run `aibench characterize` again.")
    kinds = KINDS | ({"setting": str} if "setting" in found else {})  # which older records lack
    if odd := next((key for key, kind in kinds.items() if not isinstance(found[key], kind)), None):
        raise RecordError(f"{path}: {odd} is of another form. Run `aibench characterize` again.")
    wrong = [key for key in SECTIONS if not isinstance(found.get(key), dict | None)]
    if wrong:
        raise RecordError(f"{path}: {wrong[0]} is neither an object nor null.")
    for name, parts in PARTS.items():
        if part := next((part for part, kind in parts.items() if not _has(found[name], part, kind)), None):
            raise RecordError(f"{path}: {name}.{part} is of another form. Run `aibench characterize` again.")
    return Record(**{key: value for key, value in found.items() if key != "schema_version"})


def _has(section: dict[str, Any] | None, part: str, kind: type) -> bool:
    value = (section or {}).get(part)
    return value is None or isinstance(value, kind)


def read_some(places: Iterable[Path]) -> tuple[list[Record], list[str]]:
    """Return the records in files, and in all files `*.json` in folders, sorted by suite, name and scale.

    A folder without such a file is looked through one level deeper: a study keeps a folder for each scale.

    Returns:
        The records, and a line for each file that is none, each folder that holds none, and each workload that stands
        there a second time at one scale.
    """
    found: dict[tuple[str, ...], Record] = {}
    faults = []
    for place in places:
        below = (sorted(place.glob("*.json")) or sorted(place.glob("*/*.json"))) if place.is_dir() else [place]
        if not below:
            faults.append(f"{place}: holds no record. Run `aibench characterize task=all --output {place}`.")
        for path in below:
            try:
                record = read_record(path)
            except RecordError as error:
                faults.append(str(error))
                continue
            if found.setdefault((record.suite, record.name, record.scale, record.setting), record) is not record:
                twice = f"a second record of {record.named} at scale {record.scale}. Give one of them."
                faults.append(f"{path}: {twice}")
    return [found[key] for key in sorted(found)], faults


def read_records(places: Iterable[Path]) -> list[Record]:
    """Return the records in files, and in all files `*.json` right in folders, sorted by suite, name and scale.

    Raises:
        RecordError: A file is no record, a folder holds none, or a workload stands there twice at one scale.
    """
    found, faults = read_some(places)
    if faults:
        raise RecordError(faults[0])
    return found
