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
from torch import nn

from aibench.config import ConfigError
from aibench.contract import TaskModule
from aibench.nn.weights import read_tensors
from aibench.results.made import making
from aibench.results.result import BEST, LAST, PREVIOUS
from aibench.training.ranks import Ranks


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


def seed_everything(*numbers: int) -> None:
    """Set the random states of Python, NumPy and Torch by one seed, or by several numbers together."""
    seed = numbers[0] if len(numbers) == 1 else int(np.random.SeedSequence(numbers).generate_state(1)[0])
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def own_buffers(module: TaskModule) -> dict[str, Any]:
    """Return what a rank alone knows of a module: its own buffers, and the further states of what holds them."""
    buffers = {name: each.cpu() for name, each in module.named_buffers() if name.startswith(module.own_buffers)}
    states = {
        name: part.get_extra_state()
        for name, part in module.named_modules()
        if name.startswith(module.own_buffers) and type(part).get_extra_state is not nn.Module.get_extra_state
    }
    return {"buffers": buffers, "states": states}


def restore_own_buffers(module: TaskModule, saved: dict[str, Any]) -> None:
    """Set back what `own_buffers` returned."""
    buffers, parts = dict(module.named_buffers()), dict(module.named_modules())
    for name, value in saved["buffers"].items():
        buffers[name].copy_(value)
    for name, state in saved["states"].items():
        parts[name].set_extra_state(state)


def restore_random_states(states: dict[str, Any]) -> None:
    """Set back what `random_states` returned."""
    version, internal, gauss = states["python"]
    random.setstate((version, tuple(internal), gauss))
    name, keys, position, has_gauss, cached = states["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(states["torch"].cpu())
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state_all([state.cpu() for state in states["cuda"]])


def of_each_rank(ranks: Ranks, module: TaskModule, counted: dict[str, Any]) -> dict[str, Any]:
    """Return what each rank alone knows, with what its instruments `counted`; nothing of a run on one device."""
    if ranks.size == 1:
        return {}
    return {"ranks": ranks.gathered({"random": random_states(), "instruments": counted, **own_buffers(module)})}


def own_instruments(saved: dict[str, Any], ranks: Ranks) -> dict[str, Any] | None:
    """Return what this rank's instruments go on from, as `Recorder.state_dict` has it; None where it begins anew.

    Where the number of ranks is another one, the first one takes over the run's times. What sensors of the others
    counted is lost, and the energy of the run with it.
    """
    counted = [one["instruments"] for one in saved.get("ranks", []) if "instruments" in one]
    if len(counted) == ranks.size:
        own: dict[str, Any] = counted[ranks.rank]
        return own
    if not ranks.is_first:
        return None
    first: dict[str, Any] = saved["instruments"]
    lost = {place for one in counted for place in one["sensors"]} - set(first.get("sensors", ()))
    fault = f"{len(lost)} sensors of the ranks before are not this process's"
    return {**first, "energy_faults": [*first.get("energy_faults", []), *([fault] if lost else [])]}


def restore_own(saved: dict[str, Any], ranks: Ranks, module: TaskModule, seeds: tuple[int, ...]) -> None:
    """Set back this rank's random state and buffers, or begin anew where another number of ranks saved them.

    Args:
        saved: `random`, of a run on one device, and `ranks`, of one on several.
        ranks: The processes that go on.
        module: Has the buffers.
        seeds: What decides the random states where they begin anew, beside the rank.
    """
    of_ranks = saved.get("ranks") or [{"random": saved["random"]}]
    if len(of_ranks) != ranks.size:
        seed_everything(*seeds, ranks.rank)
        return
    restore_random_states(of_ranks[ranks.rank]["random"])
    if ranks.size > 1:
        restore_own_buffers(module, of_ranks[ranks.rank])


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

    The one that was the last before stays as `previous.ckpt`. All processes that train a run call this together; the
    first one writes.

    Raises:
        OSError: The disk does not take it; the message names the file.
    """
    if not trainer.is_global_zero:
        trainer.save_checkpoint(folder / LAST)  # hands over what this rank alone knows, and writes nothing
        return
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


def count_as_done(content: dict[str, Any]) -> None:
    """Let a checkpoint that is written in Lightning's hook for the end of a batch count that batch as done."""
    progress = content["loops"]["fit_loop"]["epoch_loop.batch_progress"]
    for count in (progress["total"], progress["current"]):
        count["completed"] = count["ready"]


def evaluate_again(trainer: pl.Trainer) -> None:
    """Make the evaluation in which the process before was stopped, as Lightning's loop does after a batch."""
    loop = trainer.fit_loop.epoch_loop.val_loop
    loop.restarting = False
    trainer.validating = True
    loop.run()
    trainer.training = True


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
