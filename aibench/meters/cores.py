"""Counts the cores that this process may use, and the memory: its affinity and the limits of its control groups."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path("/")


@dataclass(frozen=True, slots=True)
class Cores:
    """Holds the cores of a process.

    Attributes:
        allowed: Number of cores in its affinity, which a cpuset narrows too.
        quota: Cores' worth of time that its control groups grant, the least of all up to the root; None without one.
    """

    allowed: int
    quota: float | None

    @property
    def usable(self) -> int:
        """Return the whole cores that work at once: a thread more would only wait for the rest of the quota."""
        return self.allowed if self.quota is None else max(1, min(self.allowed, int(self.quota)))


def cores() -> Cores:
    """Return the cores of this process."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Cores(allowed, quota())


def quota(root: Path = ROOT) -> float | None:
    """Return the least quota of this process's control groups, in cores; None where none has one.

    Args:
        root: Root of the file system that holds `proc` and `sys`.
    """
    found = [cores for group in _groups(root) for cores in (_of_version_2(group), _of_version_1(group)) if cores]
    return min(found, default=None)


def _of_version_2(group: Path) -> float | None:
    """Return the quota in `cpu.max`, as in `150000 100000`: 1.5 cores; None without one (`max`)."""
    numbers = _numbers(group / "cpu.max")
    return numbers[0] / numbers[1] if len(numbers) == 2 and min(numbers) > 0 else None


def _of_version_1(group: Path) -> float | None:
    """Return the quota in `cpu.cfs_quota_us`; None without one (-1)."""
    numbers = _numbers(group / "cpu.cfs_quota_us") + _numbers(group / "cpu.cfs_period_us")
    return numbers[0] / numbers[1] if len(numbers) == 2 and min(numbers) > 0 else None


def _numbers(file: Path) -> list[int]:
    return [int(word) for word in _text(file).split() if re.fullmatch(r"-?\d+", word)]


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def memory_left(root: Path = ROOT) -> int | None:
    """Return the bytes that this process may still take: what the machine has, within the limits of its control groups.

    Args:
        root: Root of the file system that holds `proc` and `sys`.

    Returns:
        None where the system does not tell.
    """
    told = re.search(r"^MemAvailable: +(\d+) kB", _text(root / "proc/meminfo"), re.MULTILINE)
    found = [int(told[1]) * 1024] if told else []
    for group in _groups(root, "memory"):
        for most, used in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
            limit, taken = _numbers(group / most), _numbers(group / used)
            found += [limit[0] - taken[0] + _cached(group)] if limit and taken else []
    return max(0, min(found)) if found else None


def _cached(group: Path) -> int:
    """Return the bytes of files that a control group holds and gives up when memory is asked for."""
    told = re.search(r"^(?:total_)?inactive_file (\d+)$", _text(group / "memory.stat"), re.MULTILINE)
    return int(told[1]) if told else 0


def _groups(root: Path, controller: str = "cpu") -> Iterator[Path]:
    """Yield the folders of this process's control groups for a resource, from its own up to the mount's root."""
    mounts = dict(_mounts(root, controller))
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        version = 1 if controller in controllers.split(",") else 2 if not controllers else 0
        if version in mounts:
            inside, folder = mounts[version]
            yield from _upwards(folder, _below(inside, path))


def _below(inside: str, path: str) -> PurePosixPath:
    """Return where a group lies below a mount that shows the hierarchy from `inside` on.

    In a container the mount may begin at its own group, and the path may be one of the host that is not shown there.
    """
    group = PurePosixPath(path)
    if ".." in group.parts:  # outside of this namespace
        return PurePosixPath()
    if group.is_relative_to(inside):
        return group.relative_to(inside)
    return group.relative_to("/") if group.is_absolute() else group


def _upwards(mount: Path, group: PurePosixPath) -> Iterator[Path]:
    """Yield the group's folder and those above it, as far as they are shown."""
    yield from (folder for at in (group, *group.parents) if (folder := mount / at).is_dir())


def _mounts(root: Path, controller: str) -> Iterator[tuple[int, tuple[str, Path]]]:
    """Yield for each version of control groups what its mount shows, and where; a later mount hides an earlier one."""
    usual = root / "sys/fs/cgroup"
    yield 2, ("/", usual)
    names = (controller, "cpu,cpuacct") if controller == "cpu" else (controller,)
    yield 1, ("/", next((usual / name for name in names if (usual / name).is_dir()), usual))
    for line in _text(root / "proc/self/mountinfo").splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or len(kind) < 3:
            continue
        inside, folder = _unescaped(fields[3]), root / _unescaped(fields[4]).lstrip("/")
        if kind[0] == "cgroup2":
            yield 2, (inside, folder)
        elif kind[0] == "cgroup" and controller in kind[2].split(","):
            yield 1, (inside, folder)


def _unescaped(path: str) -> str:
    """Return a path as it is: the kernel writes a blank as a backslash and 040."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), path)
