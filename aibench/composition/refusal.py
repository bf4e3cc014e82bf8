"""Turns what Hydra and OmegaConf say of a refused configuration into one line that names the key as typed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from aibench.config import ConfigError

REFUSED = (ConfigError, HydraException, OmegaConfBaseException, ValueError)  # Hydra raises ValueError for `model=3`
NO_SUCH_OPTION = re.compile(r"Could not find '(?P<group>[^'/]+)/(?P<option>[^']*)'")
LISTED_OPTIONS = re.compile(r"Available options in '[^']*':\n(?P<options>(?:\s+\S+\n?)+)")
WRONG_OVERRIDE = re.compile(
    r"(?:Error merging override|Could not override|Could not append to config) '?(?P<word>\S+?)'?\.?\s"
)
NOT_A_PAIR = re.compile(r"Error parsing override '(?P<word>.*?)'\n")


def refusal(error: Exception) -> str:
    """Return one line for `error`: `KEY as typed: what is wrong. What would do.`"""
    if isinstance(error, ConfigError):
        return str(error)
    text = str(error)
    option = NO_SUCH_OPTION.search(text)
    if option is not None:
        return _no_such_option(option["group"], option["option"], text)
    pair = NOT_A_PAIR.search(text)
    if pair is not None:
        return f"{pair['word']}: not KEY=VALUE as Hydra reads it; quote values that hold commas, brackets or spaces."
    for cause in _causes(error):
        key = getattr(cause, "full_key", None)
        if key:
            return _wrong_key(str(key), text, cause)
    return " ".join(text.split())


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _no_such_option(group: str, option: str, text: str) -> str:
    listed = LISTED_OPTIONS.search(text)
    options = sorted(listed["options"].split()) if listed else []
    if group in ("model", "data", "target") and "/" in option:
        options = [name for name in options if "/" in name] or options
    near = difflib.get_close_matches(option, options, n=1)
    hint = f" Did you mean {near[0]}?" if near else ""
    one_of = f" One of: {', '.join(options)}." if options else ""
    return f"{group}={option}: no such option.{hint}{one_of}"


def _wrong_key(key: str, text: str, cause: BaseException) -> str:
    word = WRONG_OVERRIDE.search(text)
    typed = word["word"] if word else key
    first = str(cause).strip().splitlines()[0]
    if "not in struct" in first or "not in '" in first:
        near = difflib.get_close_matches(key, _known_keys(cause), n=1)
        hint = f" Did you mean {near[0]}?" if near else " `python train.py ... --cfg job` prints the keys."
        return f"{typed}: no such key.{hint}"
    return f"{typed}: {first}{'' if first.endswith('.') else '.'}"


def _known_keys(cause: BaseException) -> list[str]:
    """Return every dotted key of the configuration that refused a key."""
    node = getattr(cause, "parent_node", None)
    if node is None:
        return []
    prefix = node._get_full_key("")
    return [f"{prefix}.{name}" if prefix else str(name) for name in node]
