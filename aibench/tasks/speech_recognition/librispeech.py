"""Reads LibriSpeech's utterances from FLAC files, one by one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from aibench.contract import DataError, digest
from aibench.datasets.arrays import kept_arrays
from aibench.datasets.folders import files_like, require_regular
from aibench.tasks.speech_recognition.alphabet import encode, steps_for, strange
from aibench.tasks.speech_recognition.config import DataConfig
from aibench.tasks.speech_recognition.features import Spectrogram, frames_of
from aibench.tasks.speech_recognition.layout import home, transcript_files
from aibench.tasks.speech_recognition.utterances import Sample
from aibench.text.lines import lines

Steps = Callable[[NDArray[np.int64]], NDArray[np.int64]]
_MANY = 2_000  # files whose headers take seconds to read


class LibriSpeech(Dataset[Sample]):
    """Reads the utterances of one split.

    A sample is a spectrogram, float (frames, bins), its labels, int64 (characters,), and the number of its set. The
    held-out utterances come in descending length: little is filled up, and what does not fit into memory is known at
    once.

    Args:
        root: Holds the sets, or the folder LibriSpeech with them.
        split: `train` or `val`.
        config: A size takes evenly spaced utterances.
        steps: From frames of utterances to the steps that the model has for them.

    Attributes:
        available: How many utterances each set has, whatever was asked for.
        lengths: int64 (samples,): frames of each.
        left_out: How many utterances are not trained on: too short, too long, or too dense.
        too_dense: How many say more letters than the model has steps for: CTC gives such a transcript no probability.
            They are held out all the same.

    Raises:
        DataError: A transcript or a recording is missing or damaged, or there are fewer utterances than asked for.
    """

    def __init__(self, root: Path, split: str, config: DataConfig, steps: Steps) -> None:
        self.config = config
        self.spectrogram = Spectrogram(config)
        folder = home(root)
        names = config.train_sets if split == "train" else config.held_out_sets
        files = [transcript_files(folder / name) for name in names]
        self.transcripts = [file for of_set in files for file in of_set]
        found = [(path, text, place) for place, of_set in enumerate(files) for path, text in _transcripts(of_set)]
        self.available = {name: sum(place == of for _, _, of in found) for place, name in enumerate(names)}
        samples = _sizes(folder, [path for path, _, _ in found], config)
        needed = np.array([steps_for(text) for _, text, _ in found], dtype=np.int64)
        spelled = steps(frames_of(samples, config.hop)) >= needed
        chosen = np.arange(len(found))
        if split == "train":
            seconds = samples / config.sample_rate
            chosen = np.flatnonzero((seconds >= config.shortest) & (seconds <= config.longest) & spelled)
        self.left_out, self.too_dense = len(found) - len(chosen), int((~spelled).sum())
        chosen = _evenly(chosen, config.train_size if split == "train" else config.val_size, split, folder)
        if split == "val":
            chosen = chosen[np.argsort(-samples[chosen], kind="stable")]
        self.utterances = [found[at] for at in chosen]
        self.samples = samples[chosen]
        self.lengths = frames_of(self.samples, config.hop)

    def __len__(self) -> int:
        return len(self.utterances)

    def __getitem__(self, index: int) -> Sample:
        path, text, place = self.utterances[index]
        samples = _read(path, int(self.samples[index]), self.config)
        return self.spectrogram(torch.from_numpy(samples)), torch.tensor(encode(text)), place

    def fingerprint(self) -> str:
        """Name the recordings, their transcripts and lengths."""
        return digest("\n".join(f"{path.name} {text} {place}" for path, text, place in self.utterances), self.samples)

    def file_paths(self) -> Iterator[Path]:
        """Yield the recordings, then the files of transcripts."""
        yield from (path for path, _, _ in self.utterances)
        yield from self.transcripts


def _transcripts(files: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """Yield the recordings of a set, and what is said in each."""
    for file in files:
        recordings = {Path(name).stem for name in files_like(file.parent, "*.flac")}
        for number, line in enumerate(lines(file), start=1):
            name, _, text = line.partition(" ")
            fault = strange(text)
            if fault is not None:
                raise DataError(f"{file}, line {number}: {fault} after {name!r}. Restore this file.")
            if name not in recordings:
                raise DataError(f"{file}, line {number}: no recording {name}.flac beside it. Unpack this set again.")
            recordings.remove(name)
            yield file.parent / f"{name}.flac", text
        if recordings:
            raise DataError(f"{file}: no line for {min(recordings)}.flac. Restore this file.")


def _evenly(chosen: NDArray[np.int64], count: int | None, split: str, folder: Path) -> NDArray[np.int64]:
    if not len(chosen):
        raise DataError(f"{folder}: no {split} utterance of the right length. See data.shortest and data.longest.")
    if count is not None and count > len(chosen):
        raise DataError(f"{folder}: {len(chosen):,} utterances, fewer than data.{split}_size={count}. Lower it.")
    return chosen if count is None else chosen[np.arange(count) * len(chosen) // count]


def _sizes(folder: Path, paths: Sequence[Path], config: DataConfig) -> NDArray[np.int64]:
    """Return the samples of each recording, int64 (utterances,), read once from the headers and kept."""
    names = [str(path.relative_to(folder)) for path in paths]
    states = [(status.st_size, status.st_mtime_ns) for status in map(os.stat, paths)]
    name = f"speech_recognition-sizes-{digest(str(folder.resolve()), json.dumps(names), json.dumps(states))}"

    def make() -> dict[str, NDArray[np.int64]]:
        return {"samples": np.array([_size(file, config.sample_rate) for file in paths], dtype=np.int64)}

    doing = f"speech_recognition: reads how long {len(paths):,} recordings are" if len(paths) > _MANY else None
    return kept_arrays(config.cache, name, make, doing=doing)["samples"]


def _size(path: Path, sample_rate: int) -> int:
    """Return the samples of a recording, by its header."""
    try:
        require_regular(path)
        header = soundfile.info(str(path))
    except (OSError, soundfile.SoundFileError) as error:
        raise _damaged(path, error) from error
    if (header.samplerate, header.channels) != (sample_rate, 1):
        raise DataError(
            f"{path}: {header.samplerate} Hz and {header.channels} channels, not data.sample_rate={sample_rate} and 1. "
            "Restore this file."
        )
    return int(header.frames)


def _read(path: Path, expected: int, config: DataConfig) -> NDArray[np.float32]:
    try:
        require_regular(path)
        samples, _ = soundfile.read(str(path), dtype="float32")
    except (OSError, soundfile.SoundFileError) as error:
        raise _damaged(path, error) from error
    if samples.shape != (expected,):
        raise DataError(f"{path}: {len(samples):,} samples, and {expected:,} by its header. Restore this file.")
    if expected <= config.window // 2:
        raise DataError(f"{path}: {expected:,} samples, too few for a spectrum. Restore this file.")
    recording: NDArray[np.float32] = samples
    return recording


def _damaged(path: Path, error: Exception) -> DataError:
    reason = f"{error.strerror}." if isinstance(error, OSError) else str(error).replace(str(path), "it")
    return DataError(f"{path}: {' '.join(reason.split())} Restore this file.")
