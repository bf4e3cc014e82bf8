"""Refuses a place that a verb could not write to, or must not, before anything is read or measured."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import typer

from aibench.commands.console import refuse
from aibench.config.fields import shown

# What may be replaced: what an earlier call of the same option made. A result, a log or a script never is.
MADE = {
    "csv": (".csv",),
    "markdown": (".md", ".markdown"),
    "figure": (".png", ".svg", ".pdf", ".jpg", ".jpeg", ".webp", ".eps", ".tif", ".tiff"),
    "html": (".html", ".htm"),
    "suite": (".json",),
    "output": (".json",),
}


def file_to_write(context: typer.Context, parameter: typer.CallbackParam, path: Path | None) -> Path | None:
    """Return `path` unless no file can or should be written there; refuse in one line that names the option else."""
    if path is None or context.resilient_parsing:
        return path
    option, ends = parameter.opts[0], MADE[str(parameter.name)]
    _refuse_what_cannot_be_made(option, path)
    if path.is_dir():
        refuse(f"{option}={shown(path)}: not written: it is a folder. Give a file.")
    if parameter.name == "figure" and path.suffix.lower() not in ends:
        refuse(f"{option}={shown(path)}: not written: no such kind of picture. Give a name that ends in .png or .svg.")
    if path.is_file() and path.stat().st_size and (path.suffix.lower() not in ends or _is_result(path)):
        refuse(
            f"{option}={shown(path)}: not written: a file of another kind is there, and it would be lost. "
            f"Give a free path, or one that ends in {ends[0]}."
        )
    return path


def _is_result(path: Path) -> bool:
    if path.suffix.lower() != ".json":
        return False
    from aibench.results.result import ResultError, read_result

    try:
        read_result(path)
    except ResultError:
        return False
    return True


def folder_to_write(context: typer.Context, parameter: typer.CallbackParam, path: Path | None) -> Path | None:
    """Return `path` unless no folder can be made there; refuse in one line that names the option else."""
    if path is None or context.resilient_parsing:
        return path
    _refuse_what_cannot_be_made(parameter.opts[0], path)
    if path.exists() and not path.is_dir():
        refuse(f"{parameter.opts[0]}={shown(path)}: not written: it is a file. Give a folder.")
    return path


def _refuse_what_cannot_be_made(option: str, path: Path) -> None:
    """Refuse where a parent is no folder or may not be written to, and a home of which the shell left the tilde."""
    if path.parts and path.parts[0].startswith("~"):
        refuse(f"{option}={shown(path)}: not written: no such home folder. Give the path without ~.")
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:  # a name that is too long, a byte that no path holds
        refuse(f"{option}={shown(path)}: not written: {getattr(error, 'strerror', None) or error}.")
    there = next(one for one in (path.absolute(), *path.absolute().parents) if os.path.lexists(one))
    if there != path.absolute() and not there.is_dir():
        refuse(f"{option}={shown(path)}: not written: {shown(there)} is no folder.")
    if not os.access(there, os.W_OK):
        refuse(f"{option}={shown(path)}: not written: {shown(there)} may not be written to.")


FILE: dict[str, Any] = {"callback": file_to_write}
FOLDER: dict[str, Any] = {"callback": folder_to_write}
