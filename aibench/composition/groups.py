"""Holds what may stand for a group of configuration files, and refuses other options before Hydra looks for them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from hydra.core.override_parser.types import ChoiceSweep, Glob, Override, Sweep

from aibench.composition import registry
from aibench.config import ConfigError
from aibench.config.fields import shown

OF_TASKS = ("model", "data", "target")  # their options are TASK/NAME
TUNING = "tuning"  # the settings of hardware=gpu_fast, a file for each task
GROUPS = ("task", "scale", *OF_TASKS, "hardware", "tracking", "experiment", "cluster")


def check(overrides: Sequence[Override], *, own: bool = False) -> None:
    """Raise `ConfigError` where a word asks for a group or an option that there is not.

    Args:
        overrides: All that are given for a run, or for a sweep.
        own: Whether the user adds a folder of options, so that others than ours may be there.
    """
    words = [str(override.input_line) for override in overrides]
    unsaid = not any(word.startswith(("task=", "experiment=")) for word in words)
    tasks = {registry.usual_task()} if unsaid else registry.asked_for(words)
    for override in overrides:
        for problem in _problems(override, tasks, own):
            raise ConfigError(f"{shown(override.input_line)}: {problem}")


def options(group: str, tasks: set[str]) -> list[str]:
    """Return the options of `group` in runs of these tasks."""
    if group == "task":
        return registry.task_names()
    names = [f"{task}/" for task in sorted(tasks)] if group in OF_TASKS else [""]
    return [f"{name}{option}" for name in names for option in registry.options(f"{group}/{name}")]


def no_such_option(option: str, known: Sequence[str]) -> str:
    """Return what is wrong with `option`, with the one that it is near to and all that there are."""
    near = difflib.get_close_matches(option[:100], known, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    one_of = f" One of: {', '.join(known)}." if known else ""
    return f"no such option.{hint}{one_of}"


def _problems(override: Override, tasks: set[str], own: bool) -> Iterator[str]:
    key, value = override.key_or_group, override.value()
    known = options(key, tasks) if key in GROUPS else []
    if not key or override.package is not None:
        yield "'@' has no meaning here. Write KEY=VALUE."
    if override.is_delete():
        yield f"nothing of a run can be left out. Set {key}=null where it may have no value."
    if (override.is_add() or override.is_force_add()) and key in GROUPS:
        yield f"{key} is there already. Write {key}={shown(value)}."
    if "/" in key and not key.startswith("hydra/"):
        yield f"no such group. One of: {', '.join(GROUPS)}."
    if len(key) > registry.LONGEST_NAME:
        yield "no such key."
    if key == TUNING:
        yield "follows from hardware=NAME and task=NAME. Set a key of hardware, as in hardware.compile=false."
    if key == "hydra.sweeper.params" and isinstance(value, dict):
        for name, searched in value.items():
            if isinstance(searched, Sweep):
                kind = type(searched).__name__.removesuffix("Sweep").lower()
                yield f"what a search takes values from is a word of its own. Write {name}={kind}(...)."
    if key not in GROUPS and not key.startswith("hydra/"):
        return
    unknown = isinstance(value, Sweep | Glob)  # what a glob finds is checked run by run
    several = value if isinstance(value, list) and key == "tracking" else [value]  # trackers work side by side
    for choice in value.list if isinstance(value, ChoiceSweep) else [] if unknown else several:
        yield from _wrong_choice(key, choice, known, tasks, own)


def _wrong_choice(group: str, choice: object, known: list[str], tasks: set[str], own: bool) -> Iterator[str]:
    if choice is None and group in ("experiment", "cluster"):
        return
    if not isinstance(choice, str):
        example = f", as in {group}={known[0]}" if known else ""
        yield f"Config group override must be a string{example}."
        return
    other = choice.split("/")[0]
    if group in OF_TASKS and other in registry.task_names() and other not in tasks:
        yield f"belongs to task={other}. One of: {', '.join(known)}."
    elif len(choice) > registry.LONGEST_NAME or (known and choice not in known and not own and "${" not in choice):
        yield no_such_option(choice, known)
