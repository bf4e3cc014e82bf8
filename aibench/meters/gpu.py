"""Asks NVML about the GPU that a run computes on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock

NO_GPU = "no GPU"


@dataclass(frozen=True, slots=True)
class Gpu:
    """Holds a GPU that NVML can be asked about.

    Attributes:
        library: The module pynvml, initialised; None without a GPU.
        handle: The device; None without a GPU.
        reason: Why there is no GPU.
    """

    library: Any
    handle: Any
    reason: str | None

    def ask(self, question: str, *args: Any) -> Any:
        """Return what NVML answers; None where it cannot: some questions are not for every card."""
        try:
            return getattr(self.library, question)(self.handle, *args)
        except self.library.NVMLError:
            return None


def _uuid(device: int | None = None) -> str:
    return str(torch.cuda.get_device_properties(torch.cuda.current_device() if device is None else device).uuid)


@contextmanager
def alone_on(device: str) -> Iterator[None]:
    """Wait for the others of this machine that measure the GPU in such a context: one measures at a time.

    Args:
        device: `cuda`; on a `cpu` nobody waits.
    """
    if device != "cuda":
        yield
        return
    with FileLock(Path(tempfile.gettempdir()) / f"aibench-{_uuid()}.lock", mode=0o666):
        yield


def current_gpu(device: int | None = None) -> Gpu:
    """Return the GPU that PyTorch computes on, found by its UUID, since CUDA may number visible ones otherwise.

    Args:
        device: PyTorch's number of another one.
    """
    if not torch.cuda.is_available():
        return Gpu(None, None, NO_GPU)
    import pynvml

    try:
        pynvml.nvmlInit()
        return Gpu(pynvml, pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{_uuid(device)}"), None)
    except pynvml.NVMLError as error:
        return Gpu(None, None, f"no NVML ({error})")
