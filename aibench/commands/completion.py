"""Proposes the words of a training for a shell's completion, from the folders of `conf/` alone: Hydra is slow."""

from __future__ import annotations

import typer

from aibench.choices import Resume, Session, Source
from aibench.composition import registry

GROUPS = ("scale", "hardware", "tracking", "experiment")
KEYS = ("seed", "output", "epochs", "steps", "data.root", "data.batch_size", "optim.lr", "hardware.threads")


def proposals(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the words that may stand where `incomplete` does.

    Args:
        ctx: Has the words before. Of `task=im`, bash makes the three words `task`, `=` and `im`.
        incomplete: What is typed of the word.
    """
    args = list(ctx.params.get("words") or ())
    if incomplete == "=" and args:
        return [f"={value}" for value in _values(args[-1])]
    if len(args) > 1 and args[-1] == "=":
        return [value for value in _values(args[-2]) if value.startswith(incomplete)]
    key, equals, begun = incomplete.partition("=")
    if equals:
        return [f"{key}={value}" for value in _values(key) if value.startswith(begun)]
    known = ("task", *GROUPS, "session", "resume", "data.source", *KEYS)
    return [f"{name}=" for name in known if name.startswith(incomplete)]


def _values(key: str) -> list[str]:
    """Return what `key` may be, where that is a short list."""
    if key == "task":
        return list(registry.task_names())
    if key in GROUPS:
        return list(registry.options(key))
    kinds = {"session": Session, "resume": Resume, "data.source": Source}
    return [str(choice) for choice in kinds[key]] if key in kinds else []
