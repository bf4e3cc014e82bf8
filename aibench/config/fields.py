"""Goes through the fields of a configuration: what is declared of each, and which values break it."""

from __future__ import annotations

import enum
import functools
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from aibench.config.bounds import MOST, Constraint, ExistingFile, Interval, OneOf, OrWord, Text

SHOWN = 100  # letters of a value in a message


@dataclass(frozen=True, slots=True)
class Declared:
    """Holds what is declared of a field.

    Attributes:
        kind: Type of the value, or of the items of a list.
        optional: Whether null is a value.
        whole: What a value must be; of a list, the list itself.
        items: What each item of a list must be, at any depth.
    """

    kind: type
    optional: bool
    whole: tuple[Constraint, ...]
    items: tuple[Constraint, ...]

    def wrong(self, value: Any, on_disk: bool) -> str | None:
        """Return what is wrong with `value`, as in `must be at least 1`; None where nothing is.

        Args:
            value: The field's value; null is never wrong.
            on_disk: Whether the constraints that look at the disk are asked, rather than the others.
        """
        if value is None:
            return None
        asked = [constraint for constraint in self.whole if isinstance(constraint, ExistingFile) == on_disk]
        found = next(filter(None, (constraint.wrong(value) for constraint in asked)), None)
        if found is not None or on_disk or not isinstance(value, list):
            return found
        of_item = (constraint.wrong(item) for item in _flat(value) for constraint in self.items)
        found = next(filter(None, of_item), None)
        return f"each {found}" if found is not None and found.startswith("must") else found

    def __str__(self) -> str:
        """Return what a value may be, as in `at least 1, or null`."""
        words = [", ".join(self.kind.__members__)] if issubclass(self.kind, enum.Enum) else []
        words += [str(constraint) for constraint in self.whole]
        words += [f"each {constraint}" for constraint in self.items if str(constraint)]
        words = [word for word in words if word]
        return ", ".join([*words, "or null"] if words and self.optional else words)


def out_of_bounds(node: Any, prefix: str = "", on_disk: bool = False) -> Iterator[str]:
    """Yield a line for each value of `node`, a dataclass, and of those in it that is not as declared.

    Args:
        node: A configuration, or a part of one.
        prefix: What stands before the keys of `node`.
        on_disk: Whether files are looked for, and nothing else.
    """
    schema: Any = type(node)
    for name, declared in declarations(schema).items():
        value, key = getattr(node, name), f"{prefix}{name}"
        if is_dataclass(value):
            yield from out_of_bounds(value, f"{key}.", on_disk)
        elif declared is not None and (wrong := declared.wrong(value, on_disk)) is not None:
            yield f"{key}={shown(value)}: {wrong}."


def described(node: Any, prefix: str = "") -> dict[str, str]:
    """Return what each dotted key of `node` may be, in words; a key of which nothing is to say is left out."""
    schema: Any = type(node)
    found: dict[str, str] = {}
    for name, declared in declarations(schema).items():
        value = getattr(node, name)
        if is_dataclass(value):
            found |= described(value, f"{prefix}{name}.")
        elif declared is not None and str(declared):
            found[f"{prefix}{name}"] = str(declared)
    return found


@functools.cache
def declarations(schema: Any) -> dict[str, Declared | None]:
    """Return what is declared of each field of a dataclass; None of a field that is a dataclass itself."""
    hints = get_type_hints(schema, include_extras=True)
    return {
        field.name: None if is_dataclass(hints[field.name]) else _declared(hints[field.name])
        for field in fields(schema)
    }


def shown(value: object) -> str:
    """Return `value` as a message shows it: in one line, cut where it is long."""
    try:
        text = str(value)
    except ValueError:  # Python writes no number of more than 4,300 digits
        return "(thousands of digits)"
    text = text.encode("utf-8", "backslashreplace").decode()
    text = "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}... ({len(text):,} letters)"


def _declared(hint: Any) -> Declared:
    if get_origin(hint) is Annotated:
        inner, *marks = get_args(hint)
        found = _declared(inner)
        constraints = tuple(mark for mark in marks if hasattr(mark, "wrong"))
        return Declared(found.kind, found.optional, _with_bounds(constraints, found.whole), found.items)
    if get_origin(hint) in (Union, types.UnionType):
        kinds = [each for each in get_args(hint) if each is not type(None)]
        found = _declared(kinds[0])
        return Declared(found.kind, len(kinds) < len(get_args(hint)), found.whole, found.items)
    if get_origin(hint) is list:
        found = _declared(get_args(hint)[0])
        return Declared(found.kind, False, (), found.items or found.whole)
    return Declared(hint, False, _usual(hint), ())


def _usual(kind: type) -> tuple[Constraint, ...]:
    """Return what holds of every number and every text, whatever its field declares."""
    if kind is int:
        return (Interval(-MOST, MOST),)
    return (Interval(),) if kind is float else (Text(),) if kind is str else ()


def _with_bounds(declared: tuple[Constraint, ...], usual: tuple[Constraint, ...]) -> tuple[Constraint, ...]:
    """Return `declared`, and of the usual constraints those of a kind that it lacks; a choice needs no others."""
    kinds = {Interval if isinstance(constraint, OrWord) else type(constraint) for constraint in declared}
    return declared + tuple(each for each in usual if type(each) not in kinds and OneOf not in kinds)


def _flat(values: Iterable[Any]) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        else:
            yield value
