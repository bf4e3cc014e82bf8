"""The verbs that read or make profiles: `breakdown`, `hotspots`, `micro`."""

from __future__ import annotations

import typer


def add_commands(app: typer.Typer) -> None:
    """Add the verbs of this module to `app`."""
