"""Checkpoints that a kill at any moment leaves whole, and the random states in them."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch

from aibench.results.result import BEST, LAST


def random_states() -> dict[str, Any]:
    """The states of Python, NumPy and Torch, as `torch.load(weights_only=True)` accepts them."""
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


def save(trainer: pl.Trainer, folder: Path, is_best: bool) -> None:
    """Write the last checkpoint, and let the best one be it where `is_best`; each appears whole or not at all."""
    draft = folder / f".{LAST}.tmp"
    try:
        trainer.save_checkpoint(draft)
        if is_best:
            link = folder / f".{BEST}.tmp"
            link.unlink(missing_ok=True)
            os.link(draft, link)
            link.replace(folder / BEST)
        draft.replace(folder / LAST)
    finally:
        draft.unlink(missing_ok=True)  # a full disk leaves half of one


def load(path: Path) -> dict[str, Any]:
    """A checkpoint's content, on the CPU."""
    content = torch.load(path, map_location="cpu", weights_only=True)
    assert isinstance(content, dict)
    return content


def identity(path: Path) -> dict[str, Any]:
    """The id and the configuration of the run that wrote the checkpoint in `path`."""
    found = load(path)["callbacks"]["Recorder"]["identity"]
    assert isinstance(found, dict)
    return found
