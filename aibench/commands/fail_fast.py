"""Lets no further run of a sweep start once one has failed: by a file, which all launchers' processes see."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

MARK = ".stopped"  # in the folder of the sweep: names the folder of the run that failed


def allow(sweep: Path) -> None:
    """Let runs start: the sweep begins."""
    with suppress(OSError):
        (sweep / MARK).unlink(missing_ok=True)


def stop(sweep: Path, run: Path) -> None:
    """Let no further run of the sweep start, because of this one."""
    with suppress(OSError):
        (sweep / MARK).write_text(f"{run.name}\n", encoding="utf-8")


def stopped_by(sweep: Path) -> str | None:
    """Return the run because of which no further one starts."""
    try:
        return (sweep / MARK).read_text(encoding="utf-8").strip()
    except OSError:
        return None
