"""Runs `aibench schema`: prints the JSON schema of result.json."""

from __future__ import annotations

import json

from aibench.commands.console import say


def schema() -> None:
    """Print the JSON schema of result.json."""
    from aibench.results.result import schema as result_schema

    say(json.dumps(result_schema(), indent=1))
