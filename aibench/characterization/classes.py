"""Sorts functions into kinds of work, by the ordered patterns of `classes.yaml` or of a user's own rule file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

SCHEMA_VERSION = 1
SECTIONS = ("transfers", "regions", "operators", "kernels")
OPTIMIZER, ALLOCATION = "optimiser", "allocation"


class RulesError(ValueError):
    """Reports a rule file that cannot be used. The message is one line that names it."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Says that names in which `pattern` is found are of `category`."""

    category: str
    pattern: re.Pattern[str]


def _first(rules: Iterable[Rule], name: str) -> str | None:
    return next((rule.category for rule in rules if rule.pattern.search(name)), None)


@dataclass(frozen=True)
class Rules:
    """Holds the rules of one file.

    Attributes:
        source: The file that was read.
        categories: Names of the categories, in the order of tables and figures.
        framework: Patterns of what the framework does around operators.
        transfers, regions, operators, kernels: Ordered rules; see `classes.yaml`.
    """

    source: str
    categories: tuple[str, ...]
    framework: tuple[re.Pattern[str], ...]
    transfers: tuple[Rule, ...]
    regions: tuple[Rule, ...]
    operators: tuple[Rule, ...]
    kernels: tuple[Rule, ...]

    @cached_property
    def _known(self) -> dict[tuple[str, str], str | None]:
        return {}  # a profile has millions of calls and hundreds of names

    def is_framework(self, name: str) -> bool:
        """Return whether `name` is no operator but what runs operators."""
        key = ("framework", name)
        if key not in self._known:
            self._known[key] = "yes" if any(pattern.search(name) for pattern in self.framework) else None
        return self._known[key] is not None

    def region(self, operator: str) -> str | None:
        """Return the category of everything inside `operator`; None where it is not one layer made of others."""
        return self._lookup("regions", operator)

    def operator(self, name: str) -> str | None:
        """Return the category of an operator by its own name."""
        return self._lookup("operators", name)

    def kernel(self, name: str) -> str | None:
        """Return the category of a GPU function by its name alone."""
        return self.transfer(name) or self._lookup("kernels", name)

    def transfer(self, kernel: str) -> str | None:
        """Return the category of a GPU function that copies or communicates, whoever asked for it; else None."""
        return self._lookup("transfers", kernel)

    def category(self, operators: Sequence[str], kernel: str | None = None) -> str | None:
        """Return the category of what `operators`, the innermost first, launched, perhaps as GPU function `kernel`."""
        if kernel is not None and (moved := self.transfer(kernel)):
            return moved
        for name in operators:
            if found := self.region(name) or self.operator(name):
                return found
        return self._lookup("kernels", kernel) if kernel is not None else None

    def _lookup(self, section: str, name: str) -> str | None:
        key = (section, name)
        if key not in self._known:
            self._known[key] = _first(getattr(self, section), name)
        return self._known[key]


def read_rules(path: Path | None = None) -> Rules:
    """Return the rules in the file `path`, or the suite's own.

    Raises:
        RulesError: The file cannot be read, or is no rule file.
    """
    source = str(path) if path else "classes.yaml"
    try:
        text = (path or files(__package__).joinpath("classes.yaml")).read_text(encoding="utf-8")
        found = yaml.safe_load(text)
    except OSError as error:
        raise RulesError(f"{source}: {error.strerror or error}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RulesError(f"{source}: not YAML: {' '.join(str(error).split())}.") from error
    return _checked(source, found)


def _checked(source: str, found: Any) -> Rules:
    keys = {"schema_version", "categories", "framework", *SECTIONS}
    if not isinstance(found, dict):
        raise RulesError(f"{source}: no mapping. A rule file has the keys {', '.join(sorted(keys))}.")
    for what, names in (("lacks", keys - found.keys()), ("has no place for", found.keys() - keys)):
        if names:
            raise RulesError(f"{source}: {what} {', '.join(sorted(map(str, names)))}. See classes.yaml of the suite.")
    if found["schema_version"] != SCHEMA_VERSION:
        raise RulesError(f"{source}: schema_version {found['schema_version']}; this aibench reads {SCHEMA_VERSION}.")
    categories = found["categories"]
    if not isinstance(categories, list) or not all(isinstance(name, str) for name in categories):
        raise RulesError(f"{source}: categories: no list of names.")
    if len(set(categories)) < len(categories):
        raise RulesError(f"{source}: categories: a name stands there twice.")
    if absent := [name for name in (OPTIMIZER, ALLOCATION) if name not in categories]:
        raise RulesError(f"{source}: categories: lacks {absent[0]!r}.")
    sections = {name: tuple(_rules(source, name, found[name], categories)) for name in SECTIONS}
    framework = tuple(
        _pattern(source, f"framework[{place}]", one) for place, one in enumerate(found["framework"] or ())
    )
    return Rules(source, tuple(categories), framework, **sections)


def _rules(source: str, section: str, found: Any, categories: Sequence[str]) -> Iterable[Rule]:
    if not isinstance(found, list):
        raise RulesError(f"{source}: {section}: no list of rules.")
    for place, one in enumerate(found):
        where = f"{section}[{place}]"
        if not isinstance(one, dict) or one.keys() != {"category", "pattern"}:
            raise RulesError(f"{source}: {where}: not {{category: NAME, pattern: 'REGULAR EXPRESSION'}}.")
        if one["category"] not in categories:
            raise RulesError(f"{source}: {where}: category {one['category']!r} is not among categories.")
        flags = re.NOFLAG if section in ("regions", "operators") else re.IGNORECASE
        yield Rule(one["category"], _pattern(source, where, one["pattern"], flags))


def _pattern(source: str, where: str, text: Any, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    try:
        return re.compile(text, flags)
    except (re.error, TypeError) as error:
        raise RulesError(f"{source}: {where}: {text!r} is no regular expression: {error}.") from error
