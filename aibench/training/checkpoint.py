"""Writes checkpoints that a kill at any moment leaves whole, with the random states in them."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.io import CheckpointIO

from aibench.config import ConfigError
from aibench.nn.weights import read_tensors
from aibench.results.made import making
from aibench.results.result import BEST, LAST, PREVIOUS


def random_states() -> dict[str, Any]:
    """Return the states of Python, NumPy and Torch, as `torch.load(weights_only=True)` accepts them."""
    version, internal, gauss = random.getstate()
    name, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    states: dict[str, Any] = {
        "python": [version, list(internal), gauss],
        "numpy": [
            str(name),
            torch.from_numpy(np.asarray(keys, dtype=np.int64)),
            int(position),
            int(has_gauss),
            float(cached),
        ],
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state_all()
    return states


def restore_random_states(states: dict[str, Any]) -> None:
    """Set back what `random_states` returned."""
    version, internal, gauss = states["python"]
    random.setstate((version, tuple(internal), gauss))
    name, keys, position, has_gauss, cached = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(states["torch"].cpu())
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state_all([state.cpu() for state in states["cuda"]])


class Files(CheckpointIO):
    """Writes straight into the file named, and reads what is in memory already, as Lightning's way to the disk.

    Args:
        content: Content of the checkpoint that the run goes on from; None where it starts afresh.
    """

    def __init__(self, content: dict[str, Any] | None) -> None:
        self.content = content

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        with open(path, "wb") as file:
            torch.save(checkpoint, file)

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = None) -> dict[str, Any]:
        content, self.content = self.content, None
        assert content is not None, "a checkpoint is handed to Lightning once"
        return content

    def remove_checkpoint(self, path: Any) -> None:
        Path(path).unlink(missing_ok=True)


def save(trainer: pl.Trainer, folder: Path, is_best: bool) -> None:
    """Write the last checkpoint, and let the best one be it where `is_best`; each appears whole or not at all.

    The one that was the last before stays as `previous.ckpt`.

    Raises:
        OSError: The disk does not take it; the message names the file.
    """
    last = making(folder / LAST)
    draft = making(folder / f".{LAST}.tmp")
    try:
        trainer.save_checkpoint(draft)
        if last.is_file():
            _also(last, PREVIOUS)
        if is_best:
            _also(draft, BEST)
        draft.replace(last)
    except (OSError, RuntimeError) as error:  # PyTorch's writer wraps what the system says
        cause = error if isinstance(error, OSError) else error.__context__
        if not isinstance(cause, OSError):
            raise
        raise OSError(cause.errno, cause.strerror, str(last)) from error
    finally:
        draft.unlink(missing_ok=True)  # a full disk leaves half of one


def _also(path: Path, name: str) -> None:
    """Let the file `name` beside `path` be the same file; a copy where the file system knows no second name."""
    draft = making(path.with_name(f".{name}.tmp"))
    draft.unlink(missing_ok=True)
    try:
        os.link(path, draft)
    except OSError:
        shutil.copyfile(path, draft)
    draft.replace(making(path.with_name(name)))


def load(path: Path) -> dict[str, Any]:
    """Return a checkpoint's content, on the CPU.

    Raises:
        ConfigError: It is damaged, or no run of this suite wrote it; the message names the file and what is wrong.
    """
    content = read_tensors(path)
    if not isinstance(content, dict) or "Recorder" not in content.get("callbacks", {}):
        raise ConfigError(f"{path}: no run of this suite wrote it.")
    return content
