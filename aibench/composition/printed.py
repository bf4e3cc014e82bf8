"""Prints a run as `--cfg job` does, with a comment beside each key: what it may be."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator, Mapping

from hydra.core.hydra_config import HydraConfig

from aibench.composition import registry
from aibench.config.fields import described

PACKAGE = re.compile(r"# @package (?P<name>\S+)")
KEY = re.compile(r"(?P<indent> *)(?P<name>\w+):(?: .*)?")


@contextlib.contextmanager
def with_bounds() -> Iterator[None]:
    """Hold back what Hydra prints in this block, a run as YAML, and print it with the comments."""
    held = io.StringIO()
    with contextlib.redirect_stdout(held):
        yield
    schema = registry.schema_class(HydraConfig.get().runtime.choices["task"])
    told = described(schema()) | ({"target.metric": ", ".join(schema.logs)} if schema.logs else {})
    print(commented(held.getvalue(), told), end="")


def commented(text: str, told: Mapping[str, str]) -> str:
    """Return YAML with a comment in each line whose key is `told` of.

    Args:
        text: YAML in block style, with two spaces a level, as OmegaConf writes it.
        told: What the values of a dotted key may be.
    """
    package = PACKAGE.match(text)
    above = package["name"].split(".") if package else []
    path: list[str] = []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        found = KEY.fullmatch(line)
        if found is None:
            continue
        path = [*path[: len(found["indent"]) // 2], found["name"]]
        comment = told.get(".".join((*above, *path)))
        following = lines[number + 1] if number + 1 < len(lines) else ""
        goes_on = following.strip() and not KEY.fullmatch(following) and not following.lstrip().startswith("- ")
        if comment and not goes_on:
            lines[number] = f"{line}  # {comment}"
    return "".join(f"{line}\n" for line in lines)
