"""The GPU that a run computes on, as NVML knows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU for NVML to be asked about.

    Attributes:
        library: The module pynvml, initialised; None without a GPU.
        handle: The device; None without a GPU.
        reason: Why there is none.
    """

    library: Any
    handle: Any
    reason: str | None

    def ask(self, question: str, *args: Any) -> Any:
        """What NVML answers; None where it cannot: some questions are not for every card."""
        try:
            return getattr(self.library, question)(self.handle, *args)
        except self.library.NVMLError:
            return None


def current_gpu() -> Gpu:
    """The GPU that PyTorch computes on: found by its UUID, since CUDA may number the visible ones otherwise."""
    if not torch.cuda.is_available():
        return Gpu(None, None, "no GPU")
    import pynvml

    try:
        pynvml.nvmlInit()
        uuid = torch.cuda.get_device_properties(torch.cuda.current_device()).uuid
        return Gpu(pynvml, pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}"), None)
    except pynvml.NVMLError as error:
        return Gpu(None, None, f"no NVML ({error})")
