"""Reads a network's first weights from a user's file, and says which weights decay."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from aibench.config import ConfigError
from aibench.config.places import expanded


def read_tensors(path: Path, *, old: bool = False) -> Any:
    """Return what `torch.save` wrote into `path`, on the CPU, once each of its records agrees with its checksum.

    Args:
        path: The file.
        old: Whether a file from before PyTorch 1.6 will do, which has no checksums.

    Raises:
        ConfigError: The file is damaged, or nothing that is safe to load; the message names it.
    """
    try:
        fault = None if old and not zipfile.is_zipfile(path) else _damage(path)
        if fault is not None:
            raise ConfigError(f"{path}: damaged: {fault}.")
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}.") from error
    except ConfigError:
        raise
    except Exception as error:  # whatever a foreign file makes the unpickler raise; its text advises to trust the file
        raise ConfigError(f"{path}: holds more than tensors and plain values, or none.") from error


def _damage(path: Path) -> str | None:
    """Return what is damaged in a ZIP archive of `torch.save`, with a CRC-32 for each record; None for whole ones."""
    if not zipfile.is_zipfile(path):
        return "cut off, or no archive"
    try:
        with zipfile.ZipFile(path) as archive:
            record = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, KeyError) as error:
        return f"its table of contents cannot be read ({' '.join(str(error).split())})"
    return None if record is None else f"the record {record} differs from its checksum"


def backbone_state(
    network: nn.Module, weights: str, shapes: Mapping[str, tuple[int, ...]] | None = None
) -> dict[str, Tensor]:
    """Return the entries of a ResNet's state_dict that fit `network`, without the classifier's (`fc.`).

    Args:
        network: A torchvision ResNet.
        weights: The file, as `model.weights` names it.
        shapes: The shapes of entries that the file has in another shape than the network.

    Raises:
        ConfigError: The file holds no state_dict, or one of another network.
    """
    path = expanded(weights)
    try:
        state = read_tensors(path, old=True)
        state = {name: value for name, value in state.items() if not name.startswith("fc.")}
    except (ConfigError, AttributeError) as error:
        reason = str(error).removeprefix(f"{path}: ").rstrip(".") if isinstance(error, ConfigError) else "no dict"
        raise ConfigError(f"model.weights={weights}: not a state_dict ({reason}). Save one with torch.save.") from error
    own = {name: tuple(value.shape) for name, value in network.state_dict().items() if not name.startswith("fc.")}
    wanted = {**own, **(shapes or {})}
    wrong = [name for name, shape in wanted.items() if tuple(getattr(state.get(name), "shape", ())) != shape]
    wrong += [name for name in state if name not in wanted]
    wrong = [name for name in wrong if not name.endswith("num_batches_tracked")]  # old files have none
    if wrong:
        raise ConfigError(
            f"model.weights={weights}: {len(wrong)} entries missing, unknown or of another shape, first {wrong[0]}. "
            "Give the state_dict of torchvision's network of the same name."
        )
    return state


def decay_groups(parameters: Iterable[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Return two groups for an optimizer: weights, which decay, and what has one dimension (biases), which does not."""
    learning = [parameter for parameter in parameters if parameter.requires_grad]
    return [
        {"params": [weight for weight in learning if weight.ndim > 1], "weight_decay": weight_decay},
        {"params": [bias for bias in learning if bias.ndim == 1], "weight_decay": 0.0},
    ]
