"""First weights from a file of the user's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from aibench.config import ConfigError


def backbone_state(
    network: nn.Module, weights: str, shapes: Mapping[str, tuple[int, ...]] | None = None
) -> dict[str, Tensor]:
    """The entries of a state_dict in torchvision's names that fit `network`; the classifier's (`fc.`) are left out.

    Args:
        network: A torchvision ResNet.
        weights: The file, as `model.weights` names it.
        shapes: Of entries that the file has in another shape than the network.

    Raises:
        ConfigError: The file holds no state_dict, or one of another network.
    """
    path = Path(weights).expanduser()
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        state = {name: value for name, value in state.items() if not name.startswith("fc.")}
    except Exception as error:  # whatever an arbitrary file makes the unpickler raise
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
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
