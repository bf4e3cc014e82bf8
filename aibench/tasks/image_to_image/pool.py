"""Keeps generated images of the past, which steady the discriminators.

Shrivastava et al. 2017, arXiv 1612.07828, 2.3.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class ImagePool(nn.Module):
    """Keeps generated images and hands out, for each new one, it or an older one.

    While it fills, each new image is kept and handed out. Once it is full, each new image is handed out half of the
    time; otherwise it takes the place of a random one, which is handed out. The images of a batch take the places of
    different ones. Images and their number are in the state_dict: a resumed run goes on with the same pool. Nothing is
    read back from the device.

    Args:
        capacity: Images that it holds; 0 hands out the new ones. Otherwise no batch is larger.
        size: Height and width of an image.
    """

    images: Tensor

    def __init__(self, capacity: int, size: int) -> None:
        super().__init__()
        self.capacity = capacity
        self.held = 0
        self.register_buffer("images", torch.zeros(capacity, 3, size, size))

    @torch.no_grad()
    def exchange(self, new: Tensor) -> Tensor:
        """Return as many images as `new` has, float (batch, 3, height, width)."""
        assert self.capacity == 0 or len(new) <= self.capacity
        free = min(self.capacity - self.held, len(new))
        self.images[self.held : self.held + free] = new[:free]
        self.held += free
        rest = new[free:]
        if self.capacity == 0 or len(rest) == 0:
            return new
        places = torch.randperm(self.capacity, device=new.device)[: len(rest)]
        older = torch.rand(len(rest), 1, 1, 1, device=new.device) < 0.5
        kept = self.images[places]
        self.images[places] = torch.where(older, rest, kept).to(self.images.dtype)
        return torch.cat([new[:free], torch.where(older, kept, rest)])

    def get_extra_state(self) -> dict[str, Any]:
        """Return how many images the pool holds."""
        return {"held": self.held}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Set back what `get_extra_state` returned."""
        self.held = int(state["held"])
