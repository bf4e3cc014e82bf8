"""Makes the embedded utterances: commands and numbers, spoken by eSpeak NG in many voices."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from aibench.contract import DataError, digest
from aibench.datasets.arrays import kept_arrays
from aibench.tasks.speech_recognition.alphabet import encode
from aibench.tasks.speech_recognition.config import DataConfig
from aibench.tasks.speech_recognition.features import Spectrogram
from aibench.tasks.speech_recognition.utterances import Utterances

RECIPE = 1  # to be raised with every change of what is said or of what is done to it
SIZES = {"train": 1_600, "val": 200}

ACCENTS = (*("en", "en-us", "en-us-nyc", "en-029", "en-gb-scotland", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-gb-x-rp"),)
SPEAKERS = (  # eSpeak's variants that sound like people
    *("m1", "m2", "m3", "m4", "m5", "m6", "m7", "f1", "f2", "f3", "f4", "f5"),
    *("Alex", "Alicia", "Andrea", "Andy", "Annie", "Gene", "Gene2", "Jacky", "Lee", "Marco", "Mario", "Michael"),
    *("Mike", "Reed", "anika", "antonio", "aunty", "belinda", "benjamin", "boris", "caleb", "david", "ed", "edward"),
    *("grandma", "grandpa", "ian", "iven", "john", "klatt", "klatt2", "linda", "max", "paul", "pedro", "quincy"),
    *("rob", "robert", "steph", "travis", "victor", "zac"),
)
HELD_OUT_SPEAKERS = 10
HELD_OUT_PART = 0.2  # the part of the sentences that is held out
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_LONGEST_NUMBER = 4
_NUMBERS = 300  # drawn of all those of 2 to 4 digits

Line = tuple[str, str, int, int]  # text, voice, words a minute, pitch


def utterances(split: str, config: DataConfig) -> Utterances:
    """Return the utterances of `split`, spoken once and kept in `config.cache` as spectrograms.

    The two splits share neither speaker nor sentence, only words and accents.
    """
    count = (config.train_size if split == "train" else config.val_size) or SIZES[split]
    rng = np.random.default_rng((config.seed, split == "val"))
    lines = sorted(_lines(split, count, config.seed, rng), key=lambda line: line[1])  # changing voices takes time
    settings = f"{RECIPE} {config.seed} {split} {config.window} {config.hop} {config.mels}"
    name = f"speech_recognition-{split}-{digest(settings, json.dumps(lines))}"
    doing = f"speech_recognition: eSpeak NG speaks {len(lines):,} sentences"
    found = kept_arrays(config.cache, name, lambda: _spoken(lines, config, rng), doing=doing)
    return Utterances(torch.from_numpy(found["frames"]), found["lengths"], [encode(text.upper()) for text, *_ in lines])


def sentences(split: str, seed: int) -> list[str]:
    """Return what may be said in `split`, in lower case."""
    rng = np.random.default_rng((seed, 2))
    numbers = [
        " ".join(digits) for length in range(2, _LONGEST_NUMBER + 1) for digits in product(DIGITS, repeat=length)
    ]
    everything = [*(numbers[at] for at in rng.choice(len(numbers), _NUMBERS, replace=False)), *_commands()]
    order = rng.permutation(len(everything))
    held_out = round(HELD_OUT_PART * len(order))
    return [everything[at] for at in (order[:held_out] if split == "val" else order[held_out:])]


def speakers(split: str, seed: int) -> list[str]:
    """Return who may say it."""
    order = np.random.default_rng((seed, 3)).permutation(len(SPEAKERS))
    own = order[:HELD_OUT_SPEAKERS] if split == "val" else order[HELD_OUT_SPEAKERS:]
    return [SPEAKERS[at] for at in own]


def _commands() -> Iterator[str]:
    which = ("red", "green", "blue", "left", "right")
    for please, state, whose, one in product(("", "please "), ("on", "off"), ("my", "the"), which):
        yield f"{please}turn {state} {whose} {one} light"
    for please, action, whose, one in product(("", "please "), ("open", "close"), ("my", "the"), which):
        yield f"{please}{action} {whose} {one} door"
    for way, number, then in product(("up", "down", "left", "right"), DIGITS, ("stop", "start", "play")):
        yield f"go {way} {number} and {then}"


def _lines(split: str, count: int, seed: int, rng: np.random.Generator) -> Iterator[Line]:
    said, voices = sentences(split, seed), speakers(split, seed)
    for _ in range(count):
        voice = f"{ACCENTS[rng.integers(len(ACCENTS))]}+{voices[rng.integers(len(voices))]}"
        yield said[rng.integers(len(said))], voice, int(rng.integers(140, 200)), int(rng.integers(30, 70))


def _spoken(lines: list[Line], config: DataConfig, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    """Have `lines` spoken, with loudness and noise of their own, and return their spectrograms."""
    spectrogram = Spectrogram(config)
    frames = []
    for spoken in _speech(lines):
        loud = spoken * (rng.uniform(0.4, 1) / max(1, np.abs(spoken).max()))
        noise = rng.normal(0, 10 ** rng.uniform(-3.5, -2), len(spoken))
        frames.append(spectrogram(torch.from_numpy(loud + noise).float()))
    lengths = np.array([len(part) for part in frames])
    return {"frames": torch.cat(frames).numpy(), "lengths": lengths}


def _speech(lines: list[Line]) -> Iterator[NDArray[np.float64]]:
    """Yield each of `lines`, spoken by a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        script, speech = Path(folder, "lines.json"), Path(folder, "speech.npz")
        script.write_text(json.dumps(lines), encoding="utf-8")
        command = [sys.executable, "-m", "aibench.tasks.speech_recognition.espeak", str(script), str(speech)]
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
        if finished.returncode:
            reason = (finished.stderr.strip().splitlines() or [f"exit status {finished.returncode}"])[-1]
            raise DataError(f"eSpeak NG: {reason}. Install espeakng-loader again, or set data.source=synthetic.")
        with np.load(speech) as found:
            samples, ends = found["samples"], found["ends"]
    for start, end in zip([0, *ends], ends, strict=False):
        yield samples[start:end].astype(np.float64)
