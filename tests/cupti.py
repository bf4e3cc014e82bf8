"""CUPTI's host library: which metrics a GPU has and how many replays they take, without a GPU."""

from __future__ import annotations

import ctypes as c
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any


class NoCuptiError(Exception):
    """The library is not here."""


def _struct(*fields: tuple[str, Any]) -> type[c.Structure]:
    """A parameter block of CUPTI's, as cupti_profiler_host.h lays it out; its first member is its size."""
    members = [("size", c.c_size_t), ("private", c.c_void_p), *fields]
    return type("Params", (c.Structure,), {"_fields_": members})


_POINTER, _TEXT, _SIZE = c.c_void_p, c.c_char_p, c.c_size_t
INITIALIZE = _struct(("kind", c.c_int), ("chip", _TEXT), ("availability", _POINTER), ("host", _POINTER))
DEINITIALIZE = _struct(("host", _POINTER))
ADD = _struct(("host", _POINTER), ("names", c.POINTER(_TEXT)), ("count", _SIZE))
IMAGE_SIZE = _struct(("host", _POINTER), ("bytes", _SIZE))
IMAGE = _struct(("host", _POINTER), ("bytes", _SIZE), ("image", _POINTER))
PASSES = _struct(("bytes", _SIZE), ("image", _POINTER), ("passes", _SIZE))


def library() -> c.CDLL:
    """The library of the wheel nvidia-cuda-cupti.

    Raises:
        NoCuptiError: There is none, or it cannot be loaded.
    """
    spec = find_spec("nvidia")
    folders = [Path(folder) for folder in (spec.submodule_search_locations or [])] if spec else []
    found = sorted(path for folder in folders for path in folder.glob("*/lib/libcupti.so.*"))
    if not found:
        raise NoCuptiError("the wheel nvidia-cuda-cupti is not installed")
    try:
        c.CDLL(str(found[-1].with_name("libnvperf_host.so")), c.RTLD_GLOBAL)
        return c.CDLL(str(found[-1]))
    except OSError as error:
        raise NoCuptiError(f"{found[-1].name} cannot be loaded ({error})") from error


class Host:
    """The counters of a chip: `GH100` is H100 and H200."""

    def __init__(self, chip: str) -> None:
        self.cupti = library()
        self.host = self._call("Initialize", INITIALIZE, chip=chip.encode()).host

    def _call(self, name: str, kind: type[c.Structure], **values: Any) -> Any:
        params = kind(size=c.sizeof(kind), **values)
        status = getattr(self.cupti, f"cuptiProfilerHost{name}")(c.byref(params))
        if status != 0:
            raise LookupError(f"cuptiProfilerHost{name}: {status}")
        return params

    def add(self, metrics: Sequence[str]) -> None:
        """Ask for `metrics`; LookupError where one does not exist."""
        names = (_TEXT * len(metrics))(*(name.encode() for name in metrics))
        self._call("ConfigAddMetrics", ADD, host=self.host, names=names, count=len(metrics))

    def passes(self) -> int:
        """How often a kernel must run for what was asked."""
        size = self._call("GetConfigImageSize", IMAGE_SIZE, host=self.host).bytes
        image = c.create_string_buffer(size)
        address = c.cast(image, c.c_void_p)
        self._call("GetConfigImage", IMAGE, host=self.host, bytes=size, image=address)
        return int(self._call("GetNumOfPasses", PASSES, bytes=size, image=address).passes)

    def close(self) -> None:
        self._call("Deinitialize", DEINITIALIZE, host=self.host)
