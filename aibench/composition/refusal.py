"""Turns what Hydra and OmegaConf say of a refused configuration into one line that names the key as typed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from aibench.composition.groups import no_such_option
from aibench.composition.words import quoted
from aibench.config import ConfigError
from aibench.config.fields import shown

REFUSED = (ConfigError, HydraException, OmegaConfBaseException, ValueError)  # Hydra raises ValueError for `model=3`
EXTRAS = {  # of setup.cfg: options that come with a package that need not be installed
    "hydra/launcher=joblib": "launchers",
    "hydra/launcher=submitit_local": "launchers",
    "hydra/launcher=submitit_slurm": "launchers",
    "hydra/sweeper=optuna": "optuna",
}
NO_SUCH_OPTION = re.compile(r"Could not find '(?P<path>[^']*)'")
LISTED_OPTIONS = re.compile(r"Available options in '[^']*':\n(?P<options>(?:\s+\S+\n?)+)")
WRONG_OVERRIDE = re.compile(
    r"(?:Error merging override|Could not override|Could not append to config) '?(?P<word>\S+?)'?\.?\s"
)
THERE_ALREADY = re.compile(r"An item is already at '(?P<key>[^']*)'")
SWEPT = re.compile(r"(?:Ambiguous value for argument|Sweep parameters) '(?P<word>.*?)'(?:\n| requires)")
NO_SWEEPER = re.compile(r"does not support sweep type : (?P<kind>\w+)_SWEEP")


def refusal(error: Exception, words: Sequence[str] = ()) -> str:
    """Return one line for `error`: `KEY as typed: what is wrong. What would do.`

    Args:
        error: What was raised while a configuration was composed or checked.
        words: What was typed; a line that names none of them begins with all.
    """
    refused = next((cause for cause in _causes(error) if isinstance(cause, ConfigError)), None)
    if refused is not None:  # also where a resolver of ours raised it, and OmegaConf wrapped it
        return str(refused)
    text = str(error)
    line = _of_option(text, words) or _of_sweep(text, words) or _of_key(error, text) or " ".join(text.split())
    keys = [word.split("=")[0].lstrip("+~") for word in words]
    return line if not keys or any(key and key in line for key in keys) else f"{shown(' '.join(words))}: {line}"


def unexpected(error: Exception, words: Sequence[str]) -> str:
    """Return one line for an error that is none of a wrong word: of the disk, or a fault of Hydra's or ours."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{shown(error.filename)}: {error.strerror}."
    what = " ".join(str(error).split())
    return f"{shown(' '.join(words))}: {type(error).__name__}: {shown(what)}. HYDRA_FULL_ERROR=1 shows where."


def _of_option(text: str, words: Sequence[str]) -> str | None:
    found = NO_SUCH_OPTION.search(text)
    if found is None:
        return None
    listed = LISTED_OPTIONS.search(text)
    typed = next((word for word in words if word.replace("=", "/", 1) == found["path"]), None)
    path = found["path"]
    spelt = "=".join(path.rsplit("/", 1)) if path.startswith("hydra/") else path.replace("/", "=", 1)
    group, _, option = (typed or spelt).partition("=")
    known = no_such_option(option, sorted(listed["options"].split()) if listed else [])
    extra = EXTRAS.get(f"{group}={option}")
    how = "" if extra is None else f" It comes with the extra {extra}: pip install -e '.[{extra}]'."
    return f"{group}={option}: {known}{how}"


def _of_sweep(text: str, words: Sequence[str]) -> str | None:
    found = SWEPT.search(text)
    if found is not None:
        key, _, value = found["word"].partition("=")
        as_text = "" if "(" in value else f", or write {quoted(key, value)} if it is one"
        return f"{shown(found['word'])}: several values. Add -m to run each{as_text}."
    kind = NO_SWEEPER.search(text)
    if kind is not None:
        typed = next((word for word in words if f"={kind['kind'].lower()}(" in word), words[0] if words else "")
        return f"{shown(typed)}: this sweeper has no {kind['kind'].lower()}. Use a list of values, or range(1,5)."
    return None


def _of_key(error: Exception, text: str) -> str | None:
    there = THERE_ALREADY.search(text)
    if there is not None:
        return f"+{there['key']}: {there['key']} is there already. Write {there['key']}=VALUE."
    for cause in _causes(error):
        key = getattr(cause, "full_key", None)
        if key:
            return _wrong_key(str(key), text, cause)
    return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _wrong_key(key: str, text: str, cause: BaseException) -> str:
    word = WRONG_OVERRIDE.search(text)
    typed = word["word"] if word else key
    first = str(cause).strip().splitlines()[0]
    if "not in struct" in first or "not in '" in first:
        near = difflib.get_close_matches(key, _known_keys(cause), n=1)
        hint = f" Did you mean {near[0]}?" if near else " `python train.py ... --cfg job` prints the keys."
        return f"{typed}: no such key.{hint}"
    return f"{shown(typed)}: {shown(first)}{'' if first.endswith('.') else '.'}"


def _known_keys(cause: BaseException) -> list[str]:
    """Return every dotted key of the configuration that refused a key."""
    node = getattr(cause, "parent_node", None)
    if node is None:
        return []
    prefix = node._get_full_key("")
    return [f"{prefix}.{name}" if prefix else str(name) for name in node]
