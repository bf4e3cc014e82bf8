"""Reads the words of a command line before Hydra does, and refuses those that its grammar has no place for."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Sequence
from typing import NoReturn

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from aibench.config import ConfigError
from aibench.config.fields import SHOWN, shown

LONGEST = 8192  # letters of a word: a path of 4,096, or a list of many numbers
KEY = re.compile(r"[+~]{0,2}[\w@:./-]+")
PLAIN = re.compile(r"[\w/\-\\+.$%*@?|:, ]", re.ASCII)  # signs that need no quotes in a value
BARE = re.compile(r"[A-Za-z][\w/.-]*", re.ASCII)  # text that Hydra reads as text without quotes
FUNCTION = re.compile(r"(?P<name>\w+)\(.*\)")
NAMED = ("-c", "--cfg", "-p", "--package", "-cn", "--config-name", "-i", "--info")  # their values hold no '='
PLACES = ("-cp", "--config-path", "-cd", "--config-dir")


def in_order(words: Sequence[str]) -> list[str]:
    """Return `words` with the flags and their values first: argparse takes none between the overrides.

    Raises:
        ConfigError: A flag lacks its value.
    """
    first: list[str] = []
    others: list[str] = []
    for before, word, after in zip(["", *words], words, [*words[1:], "-"], strict=False):
        is_value = before in PLACES or (before in NAMED and "=" not in word)
        lacks_value = after.startswith("-") or (word in NAMED and "=" in after)
        if word in (*NAMED, *PLACES) and lacks_value and word not in ("-i", "--info"):
            raise ConfigError(f"{word}: no value. Write {word} VALUE.")
        flag = "--info=all" if word in ("-i", "--info") and lacks_value else word
        (first if flag.startswith("-") or is_value else others).append(flag)
    return [*first, *others]


def flags(words: Sequence[str]) -> argparse.Namespace:
    """Return Hydra's flags in `words`, and as `overrides` the words that are none.

    Raises:
        ConfigError: A flag lacks its value, or has another one than it can have.
    """
    parser = get_args_parser()

    def refuse(message: str) -> NoReturn:
        raise ConfigError(f"{message.removeprefix('argument ')}.")

    parser.error = refuse  # type: ignore[method-assign]
    return parser.parse_args(list(words))


def parsed(words: Sequence[str]) -> list[Override]:
    """Return what Hydra reads in `words`, each KEY=VALUE.

    Raises:
        ConfigError: It cannot read one of them; the message is a line with the word as typed.
    """
    parser = OverridesParser.create()
    return [_parsed(parser, word) for word in words]


def as_word(key: str, value: object) -> str:
    """Return the word that gives `key` a value of Python: text, a number, a truth value, None, a list or a mapping."""
    return f"{key}={_written(value)}"


def _written(value: object) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_written(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_written, value)) + "]"
    if isinstance(value, int | float):
        return repr(value)
    text = str(value)
    plain = BARE.fullmatch(text) and text.lower() not in ("null", "true", "false", "nan", "inf")
    return text if plain else _quoted("", text).removeprefix("=")


def quoted(key: str, value: str) -> str:
    """Return how a shell is given `key` with the text `value`, whatever signs are in it."""
    if len(value) >= SHOWN:
        return "it in quotes"
    return shlex.quote(_quoted(key, value))


def _quoted(key: str, value: str) -> str:
    """Return the word that gives `key` the text `value`: quotes and the backslashes before them are escaped."""
    escaped = re.sub(r'(\\*)("|$)', lambda found: found[1] * 2 + (r"\"" if found[2] else ""), value)
    return f'{key}="{escaped}"'.replace("${", r"\${")


def _parsed(parser: OverridesParser, word: str) -> Override:
    if not word.strip():
        raise ConfigError(f"{word!r}: an empty word. Leave it out, or write KEY=VALUE.")
    if len(word) > LONGEST:
        raise ConfigError(f"{shown(word)}: longer than {LONGEST:,} letters.")
    strange = next((sign for sign in word if not sign.isprintable() and sign != "\u00a0"), None)
    if strange is not None:
        raise ConfigError(f"{shown(word)}: holds the sign {strange!a}, which no key and no value can have.")
    key, equals, value = word.partition("=")
    if not equals and not key.startswith("~"):
        raise ConfigError(f"{shown(word)}: not KEY=VALUE.")
    if KEY.fullmatch(key) is None:
        no_key = f"no key can be named {shown(repr(key))}" if key else "no key"
        raise ConfigError(f"{shown(word)}: {no_key}. Write KEY=VALUE.")
    override = _tried(parser, word)
    if override is None:
        raise ConfigError(f"{shown(word)}: {_why(parser, key, value)}")
    return override


def _tried(parser: OverridesParser, word: str) -> Override | None:
    try:
        return parser.parse_override(word)
    except (HydraException, ValueError, RecursionError):
        return None


def _why(parser: OverridesParser, key: str, value: str) -> str:
    """Return why `value` cannot be read, and how it must be written."""
    if _tried(parser, f"{key}=1") is None:
        return f"no key can be named {shown(repr(key))}. Write KEY=VALUE."
    if value.isdecimal():
        return "more digits than a number can have."
    call = FUNCTION.fullmatch(value)
    if call is not None:
        return f"Hydra has no function {call['name']} with these arguments. Write {quoted(key, value)} if it is text."
    if value[:1] in ("[", "{"):
        return f"a list that does not end as it began. Close it, or write {quoted(key, value)} if it is text."
    if _tried(parser, _quoted(key, value)) is None:
        return "Hydra cannot read this value."
    sign = next((sign for sign in value if PLAIN.match(sign) is None), None)
    return f"Hydra needs quotes around {f'{sign!r}' if sign else 'this value'}. Write {quoted(key, value)}."
