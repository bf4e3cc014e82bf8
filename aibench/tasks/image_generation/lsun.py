"""Reads images of an LSUN database from disk, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms import v2

from aibench.contract import DataError, digest
from aibench.datasets.arrays import kept_arrays
from aibench.datasets.folders import require_regular
from aibench.tasks.image_generation.config import DataConfig
from aibench.tasks.image_generation.layout import database
from aibench.vision.files import decoded


class Lsun(Dataset[tuple[Tensor]]):
    """Reads the images of one split: the shorter side resized to `size` pixels, and the middle cut out.

    A sample is an image, uint8 (3, size, size). The database maps keys, 40 hexadecimal digits, to encoded images: JPEG
    or WebP, what each is shows when it is decoded. The keys are read once and kept in `data.cache`.

    Args:
        root: Holds the folders of the databases.
        split: `train` or `val`.
        config: `category`, `size`, `cache`, `train_size` and `val_size` are used. A size takes evenly spaced keys.

    Attributes:
        available: How many images the split has, whatever was asked for.

    Raises:
        DataError: No database, a database that is cut off, or fewer images than asked for.
    """

    def __init__(self, root: Path, split: str, config: DataConfig) -> None:
        self.file = database(root, config.category, split)
        self.transform = v2.Compose([v2.Resize(config.size), v2.CenterCrop(config.size), v2.PILToTensor()])
        keys = kept_arrays(config.cache, _name_of_keys(self.file), lambda: {"keys": _keys(self.file)})["keys"]
        count = config.train_size if split == "train" else config.val_size
        self.available = len(keys)
        self.keys = _evenly_spaced(keys, count, self.file, f"data.{split}_size")

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, index: int) -> tuple[Tensor]:
        key = bytes(self.keys[index])
        with _opened(self.file) as transaction:
            encoded = transaction.get(key)
        if encoded is None:
            raise DataError(f"{self.file}, key {key.decode()}: not there any more. Restore this file.")
        image: Tensor = self.transform(decoded(encoded, f"{self.file}, key {key.decode()}"))
        return (image,)

    def fingerprint(self) -> str:
        """Name the images."""
        return digest(self.keys.view(np.uint8))

    def file_paths(self) -> Iterator[Path]:
        """Yield the file of the database."""
        yield self.file


@contextmanager
def _opened(file: Path) -> Iterator[Any]:
    """Open a transaction that reads the database in `file`.

    A process may open a database once at a time, and not at all where the process that it was forked from has it open.
    Opened for one image (0.05 ms, decoding it takes some 2) it is in nobody's way, and the reader can be pickled.
    """
    try:
        require_regular(file)
        environment = lmdb.open(str(file.parent), readonly=True, lock=False, readahead=False, meminit=False)
    except OSError as error:
        raise DataError(f"{file}: {error.strerror or error}. Restore this file.") from error
    except lmdb.Error as error:
        reason = str(error).removeprefix(f"{file.parent}: ")
        raise DataError(f"{file}: {reason}. Restore this file.") from error
    with environment:
        # Reading behind the end of the file would kill the process (SIGBUS).
        needed = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
        if file.stat().st_size < needed:
            raise DataError(f"{file}: cut off, {file.stat().st_size:,} of {needed:,} bytes. Restore this file.")
        with environment.begin() as transaction:
            yield transaction


def _name_of_keys(file: Path) -> str:
    status = file.stat()
    return f"image_generation-keys-{digest(str(file.resolve()), f'{status.st_size} {status.st_mtime_ns}')}"


def _keys(file: Path) -> NDArray[np.bytes_]:
    with _opened(file) as transaction:
        keys = np.array(list(transaction.cursor().iternext(keys=True, values=False)), dtype=np.bytes_)
    if len(keys) == 0:
        raise DataError(f"{file}: no image. Restore this file.")
    return keys


def _evenly_spaced(keys: NDArray[np.bytes_], count: int | None, file: Path, asked: str) -> NDArray[np.bytes_]:
    if count is None:
        return keys
    if count > len(keys):
        raise DataError(f"{file}: {len(keys):,} images, fewer than {asked}={count}. Lower {asked}.")
    return keys[np.arange(count) * len(keys) // count]
