"""Reads the energy counters of processors and their memory (RAPL), as Linux' powercap tree shows them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from aibench.meters.sensors import Gone

RAPL = Path("/sys/class/powercap")
RAPL_COUNTER = "RAPL counter"
MOST_WATTS = 1000.0  # of one zone, by which a wrap is told from a reset
SUDDEN = 10_000.0  # joules over a wrap that are believed whatever the time: less than any real counter's range

Domain = tuple[tuple[str, ...], int]  # names from the socket downwards, and which of those with these names


class RaplZone:
    """Reads a zone's energy counter. It wraps around, so it has to be read more often than that (every minute).

    Args:
        folder: The zone's folder.
        scope: The part of the machine that it covers; its name where not given.
        clock: Returns seconds.
    """

    method = RAPL_COUNTER

    def __init__(self, folder: Path, scope: str | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._file, self._clock = folder / "energy_uj", clock
        self._range = _range(folder)
        self.scope = scope or (folder / "name").read_text().strip()
        self.place = str(folder)
        self.resolution = 0.02  # updated about every millisecond
        self._last, self._at, self._sum = self._count(), clock(), 0

    def _count(self) -> int:
        """Return the microjoules in the file. Raises OSError, also where they are no number."""
        text = self._file.read_text().strip()
        if not text.isdecimal():
            raise OSError(f"{self._file.name} holds no number but {text[:40]!r}")
        return int(text)

    def joules(self) -> float:
        try:
            now, at = self._count(), self._clock()
        except OSError as error:
            raise Gone(f"{self.scope}: {error}") from error
        passed, (before, self._at) = at - self._at, (self._at, at)
        if self._range and passed * MOST_WATTS * 1e6 > self._range:
            raise Gone(f"{self.scope}: not read for {passed:.0f} s, in which it may wrap. Set hardware.telemetry_hz=1.")
        if now < self._last and not self._wrapped(now, at - before):
            raise Gone(f"{self.scope}: the counter jumped back")
        self._sum += (now - self._last) % self._range if self._range else now - self._last
        self._last = now
        return self._sum / 1e6

    def _wrapped(self, now: int, seconds: float) -> bool:
        """Tell whether a lower count went round: then it is a little further on, as seen from the end of the range."""
        if not self._range:
            return False
        further = (now - self._last) % self._range
        return further < self._range / 2 and further / 1e6 <= max(SUDDEN, MOST_WATTS * seconds)


def _range(folder: Path) -> int:
    try:
        return int((folder / "max_energy_range_uj").read_text())
    except (OSError, ValueError):
        return 0  # unknown: a count that falls has not wrapped then, as far as can be known


def rapl_zones(root: Path = RAPL, clock: Callable[[], float] = time.monotonic) -> tuple[list[RaplZone], str | None]:
    """Return every package and memory of every socket once, and what stood in the way of more.

    A package's zone holds its cores and its uncore already, and psys all packages: it is taken where there is none.
    Several drivers may show the same register (intel-rapl and intel-rapl-mmio): the first that can be read counts.
    """
    found: dict[Domain, list[Path]] = {}
    for domain, folder in _domains(root):
        found.setdefault(domain, []).append(folder)
    has_packages = any(names[-1].startswith("package") for names, _ in found)
    counted = {domain: found[domain] for domain in found if (domain[0][-1] != "psys") == has_packages}
    if not counted:
        return [], f"no RAPL zone of a processor in {root}" if found else f"no RAPL zone in {root}"
    zones, reasons = [], []
    for domain, folders in counted.items():
        try:
            zones.append(_first_readable(folders, _scope(domain), clock))
        except OSError as error:
            denied = isinstance(error, PermissionError)
            place = folders[0] / "energy_uj"
            reasons.append(f"{place} may be read by root alone" if denied else f"{_scope(domain)}: {error}")
    return zones, "; ".join(reasons if zones else reasons[:1]) or None


def _domains(root: Path) -> Iterator[tuple[Domain, Path]]:
    """Yield each zone that is counted, by driver and number, with the domain that it measures."""
    folders = {path.name: path for path in root.rglob("*rapl*:*") if (path / "energy_uj").exists()}
    names = {zone: _name(folder) for zone, folder in folders.items()}
    times_seen: dict[tuple[str, tuple[str, ...]], int] = {}
    for zone in sorted(folders, key=lambda zone: [zone.split(":")[0], *map(int, re.findall(r"\d+", zone))]):
        driver, *numbers = zone.split(":")
        above = [":".join([driver, *numbers[:depth]]) for depth in range(1, len(numbers))]
        parents = (names.get(parent, parent) for parent in above)
        chain = (*(name for name in parents if name != "psys"), names[zone])
        inside = any(name.startswith("package") for name in chain[:-1])
        if chain[-1] == "dram" or (not inside and chain[-1].startswith(("package", "psys"))):
            place = times_seen[driver, chain] = times_seen.get((driver, chain), -1) + 1
            yield (chain, place), folders[zone]


def _name(folder: Path) -> str:
    try:
        return (folder / "name").read_text().strip()
    except OSError:
        return folder.name


def _scope(domain: Domain) -> str:
    names, place = domain
    return "/".join(names) + (f"#{place}" if place else "")


def _first_readable(folders: list[Path], scope: str, clock: Callable[[], float]) -> RaplZone:
    """Return the first that can be read. Raises the OSError of the first where none can."""
    first: OSError | None = None
    for folder in folders:
        try:
            return RaplZone(folder, scope, clock)
        except OSError as error:
            first = first or error
    raise first or FileNotFoundError(scope)
