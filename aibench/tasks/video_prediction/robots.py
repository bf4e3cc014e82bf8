"""Reads sequences of pushing robots from TFRecord files, one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from aibench.contract import DataError, digest
from aibench.datasets.arrays import kept_arrays
from aibench.tasks.video_prediction.config import BAIR_SIZE, DataConfig
from aibench.tasks.video_prediction.example import MalformedError, bytes_in, features, floats_in
from aibench.tasks.video_prediction.layout import Collection, record_files
from aibench.tasks.video_prediction.tfrecord import mapped, read_record, records
from aibench.vision.files import decoded

Sample = tuple[Tensor, Tensor, Tensor]
Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Features:
    """Holds the names of a frame's features in a record; `{}` stands for the number of the frame, from 0."""

    image: str
    action: str
    state: str

    def of(self, frame: int) -> tuple[str, str, str]:
        """Return the names of image, action and state of `frame`."""
        return self.image.format(frame), self.action.format(frame), self.state.format(frame)


FEATURES = {
    Collection.google_push: Features(
        "move/{}/image/encoded", "move/{}/commanded_pose/vec_pitch_yaw", "move/{}/endeffector/vec_pitch_yaw"
    ),
    Collection.bair: Features("{}/image_main/encoded", "{}/action", "{}/endeffector_pos"),
}


class Sequences(Dataset[Sample]):
    """Reads the first frames of the sequences of one split; sequences with fewer are left out.

    A sample is frames, uint8 (frames, 3, size, size), actions, float (frames, action_size), and states, float
    (frames, state_size). Where the records lie is found once and kept in `data.cache`.

    Args:
        root: Holds the files.
        split: `train` or `val`.
        config: A size takes evenly spaced sequences.

    Attributes:
        left_out: How many sequences are too short.

    Raises:
        DataError: A damaged file, or fewer sequences than asked for.
    """

    def __init__(self, root: Path, split: str, config: DataConfig) -> None:
        self.config = config
        self.features = FEATURES[config.collection]
        self.files = record_files(root, config.collection, config.held_out_part)[split]
        places = _places(self.files, config)
        enough = places[places[:, 4] >= config.frames]
        self.left_out = len(places) - len(enough)
        if not len(enough):
            raise DataError(
                f"{self.files[0].parent}: none of {len(places):,} sequences has data.frames={config.frames} frames."
            )
        count = config.train_size if split == "train" else config.val_size
        if count is not None and count > len(enough):
            raise DataError(
                f"{self.files[0].parent}: {len(enough):,} sequences of {config.frames} frames, fewer than "
                f"data.{split}_size={count}. Lower it."
            )
        self.places = enough if count is None else enough[np.arange(count) * len(enough) // count]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int) -> Sample:
        place, number, start, length, _ = self.places[index].tolist()
        path = self.files[place]
        data = read_record(path, start, length, number)
        try:
            return self._decoded(memoryview(data), f"{path}, record {number}")
        except MalformedError as error:
            raise DataError(f"{path}, record {number}: {error}. Restore this file.") from error

    def _decoded(self, data: memoryview, name: str) -> Sample:
        found = dict(features(data))
        images, actions, states = [], [], []
        for frame in range(self.config.frames):
            image, action, state = self.features.of(frame)
            images.append(self._pixels(bytes_in(_named(found, image)), name))
            actions.append(_vector(found, action, self.config.action_size))
            states.append(_vector(found, state, self.config.state_size))
        video = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).contiguous()
        return video, torch.from_numpy(np.stack(actions)), torch.from_numpy(np.stack(states))

    def _pixels(self, encoded: bytes, name: str) -> NDArray[np.uint8]:
        """Return a frame, uint8 (size, size, 3): the stored pixels, or the middle square of the picture, resized."""
        if self.config.collection is Collection.bair:
            if len(encoded) != BAIR_SIZE * BAIR_SIZE * 3:
                raise MalformedError(f"a frame of {len(encoded):,} bytes, not of {BAIR_SIZE}x{BAIR_SIZE}x3")
            return np.frombuffer(encoded, dtype=np.uint8).reshape(BAIR_SIZE, BAIR_SIZE, 3)
        whole = decoded(encoded, name)
        side = min(whole.size)
        left, top = (whole.width - side) // 2, (whole.height - side) // 2
        square = (left, top, left + side, top + side)
        size = self.config.size
        return np.asarray(whole.resize((size, size), Image.Resampling.BICUBIC, box=square))

    def fingerprint(self) -> str:
        """Name the files, and where the records lie in them."""
        return digest("\n".join(path.name for path in self.files), self.places)

    def file_paths(self) -> Iterator[Path]:
        """Yield the files of records."""
        yield from self.files


def _named(found: dict[str, memoryview], name: str) -> memoryview:
    if name not in found:
        raise MalformedError(f"no feature {name}")
    return found[name]


def _vector(found: dict[str, memoryview], name: str, size: int) -> NDArray[np.float32]:
    vector = floats_in(_named(found, name))
    if len(vector) != size:
        raise MalformedError(f"{name} has {len(vector)} numbers, not {size}")
    return vector


def _places(files: list[Path], config: DataConfig) -> Whole:
    """Return file, number in it, start, length in bytes and frames of every record; int64 (records, 5).

    They are found once and kept.
    """
    stats = [(str(path), status.st_size, status.st_mtime_ns) for path in files for status in [path.stat()]]
    name = f"video_prediction-records-{digest(str(config.collection), str(stats))}"
    return kept_arrays(config.cache, name, lambda: {"places": _scan(files, FEATURES[config.collection])})["places"]


def _scan(files: list[Path], names: Features) -> Whole:
    rows = []
    for place, path in enumerate(files):
        content = mapped(path)
        for number, (start, length) in enumerate(records(path, content)):
            try:
                frames = _frames((name for name, _ in features(content[start : start + length])), names)
            except MalformedError as error:
                raise DataError(f"{path}, record {number}: {error}. Restore this file.") from error
            rows.append((place, number, start, length, frames))
    return np.array(rows, dtype=np.int64).reshape(-1, 5)


def _frames(found: Iterable[str], names: Features) -> int:
    """Return how many frames there are, from the first on, with all that a frame needs."""
    present: Any = set(found)
    count = 0
    while present.issuperset(names.of(count)):
        count += 1
    return count
