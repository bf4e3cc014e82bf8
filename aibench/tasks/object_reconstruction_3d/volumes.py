"""Reads files of voxels: binvox, as in 3D-R2N2's data, and MATLAB's, as in those of Yan et al. 2016.

Both come out as bool (x, y, z), as `camera.py` has it: right-handed, y up.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aibench.contract import DataError
from aibench.datasets.folders import require_regular

_HEADER_LINES = 16  # binvox has five; what has no line `data` by then is something else
_VARIABLE = "voxel"

Solid = NDArray[np.bool_]


def read_binvox(path: Path, resolution: int) -> Solid:
    """Read the voxels of a binvox file (https://www.patrickmin.com/binvox/binvox.html).

    The file has y run fastest, then z, then x, in the mesh's own axes, of which ShapeNet's y is up.

    Args:
        path: Run lengths: pairs of bytes, a value (not 0 where the voxel is full) and how often it comes.
        resolution: Voxels along an edge, which the file must have.

    Raises:
        DataError: The file is missing, damaged, or of another resolution.
    """
    content = _content(path)
    header, number = _header(path, content)
    if header.get("dim") != [str(resolution)] * 3:
        found = " ".join(header["dim"]) if "dim" in header else "no line `dim`"
        raise DataError(f"{path}: looked for dim {resolution} {resolution} {resolution}, found {found}. {_ADVICE}")
    runs = np.frombuffer(content, dtype=np.uint8, offset=number)
    if len(runs) % 2:
        raise DataError(f"{path}: ends in the middle of a run length. Restore this file.")
    values, counts = runs[::2], runs[1::2].astype(np.int64)
    if counts.sum() != resolution**3:
        raise DataError(f"{path}: run lengths of {counts.sum():,} voxels, not {resolution**3:,}. Restore this file.")
    full = np.repeat(values > 0, counts)
    return np.ascontiguousarray(full.reshape((resolution,) * 3).transpose(0, 2, 1))


def read_mat(path: Path, resolution: int) -> Solid:
    """Read the voxels in a MATLAB file's variable `voxel`.

    Where their axes lie follows from how the first implementation of Yan et al. 2016 reads and projects them (its
    reader, mattorch, reverses the order of the axes): the third is up, and its camera of azimuth t stands in the
    direction (sin t cos e, -cos t cos e, sin e) of the three. They are turned such that it stands at azimuth -t here.

    Args:
        path: 0 and 1, or shares of full.
        resolution: Voxels along an edge, which the file must have.

    Raises:
        DataError: The file is missing, damaged, or of another form.
    """
    from scipy.io import loadmat

    _content(path)  # for one message about files that cannot be read
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a damaged file makes one before the exception
            variables = loadmat(path, variable_names=[_VARIABLE])
    except Exception as error:  # SciPy lets whatever a damaged file leads to pass
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DataError(f"{path}: not a MATLAB file that can be read ({reason}). Restore this file.") from error
    if _VARIABLE not in variables:
        raise DataError(f"{path}: has no variable `{_VARIABLE}`. Restore this file.")
    voxels = np.asarray(variables[_VARIABLE])
    if voxels.shape != (resolution,) * 3 or not np.issubdtype(voxels.dtype, np.number):
        shape = "x".join(map(str, voxels.shape))
        raise DataError(
            f"{path}: looked for {resolution} voxels along each edge, found {shape} {voxels.dtype}. {_ADVICE}"
        )
    if not ((voxels >= 0) & (voxels <= 1)).all():
        raise DataError(f"{path}: voxels that are no shares of full, 0 to 1. Restore this file.")
    full: Solid = voxels > 0.5
    return np.ascontiguousarray(full.transpose(1, 2, 0)[::-1, :, ::-1])


_ADVICE = "Restore this file, or set data.resolution to what it has."


def _content(path: Path) -> bytes:
    try:
        require_regular(path)
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}. Restore this file.") from error


def _header(path: Path, content: bytes) -> tuple[dict[str, list[str]], int]:
    """Return the words behind each keyword, and where the header ends."""
    if not content.startswith(b"#binvox"):
        raise DataError(f"{path}, line 1: looked for #binvox, found {content[:20]!r}. Restore this file.")
    header: dict[str, list[str]] = {}
    place = 0
    for _ in range(_HEADER_LINES):
        end = content.find(b"\n", place)
        if end < 0:
            break
        keyword, *words = content[place:end].decode("ascii", errors="replace").split() or [""]
        place = end + 1
        if keyword == "data":
            return header, place
        header[keyword] = words
    raise DataError(f"{path}: no line `data` ends its header. Restore this file.")
