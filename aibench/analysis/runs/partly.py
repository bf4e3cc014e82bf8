"""Builds types of parts of a result of which some are there: what a version of the schema has besides is left alone."""

from __future__ import annotations

import types
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from typing_extensions import TypedDict


@cache
def partly(kind: type) -> Any:
    """Return a type of dicts for the dataclass `kind`: its fields, each of its type, each perhaps missing."""
    hints, made = get_type_hints(kind, include_extras=True), TypedDict  # made of what is known when it runs
    return made(kind.__name__, {one.name: _of(hints[one.name]) for one in fields(kind)}, total=False)  # type: ignore[operator]


def _of(hint: Any) -> Any:
    """Return the type `hint` with `partly` for each dataclass in it."""
    if isinstance(hint, type) and is_dataclass(hint):
        return partly(hint)
    origin, of = get_origin(hint), tuple(map(_of, get_args(hint))) if get_origin(hint) is not Annotated else ()
    if origin in (Union, types.UnionType):
        return Union[of]  # noqa: UP007 - of a tuple
    return list[of[0]] if origin is list else hint  # type: ignore[valid-type]
