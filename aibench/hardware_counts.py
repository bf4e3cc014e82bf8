"""The verbs about what hardware counted, and how alike workloads are: `counters`, `similarity`."""

from __future__ import annotations

import typer


def add_commands(app: typer.Typer) -> None:
    """Add the verbs of this module to `app`."""
