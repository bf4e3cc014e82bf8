"""Makes the embedded utterances: commands and numbers, spoken by eSpeak NG in many voices."""

from __future__ import annotations

import hashlib
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

from aibench.contract import PARTS, DataError, digest
from aibench.datasets.arrays import kept_arrays
from aibench.tasks.speech_recognition.alphabet import encode
from aibench.tasks.speech_recognition.config import DataConfig
from aibench.tasks.speech_recognition.features import Spectrogram
from aibench.tasks.speech_recognition.utterances import Utterances

RECIPE = 2  # to be raised with every change of what is said or of what is done to it
SIZES = {"train": 1_600, "val": 800, "test": 800}

ACCENTS = (*("en", "en-us", "en-us-nyc", "en-029", "en-gb-scotland", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-gb-x-rp"),)
SPEAKERS = (  # eSpeak's variants that sound like people
    *("m1", "m2", "m3", "m4", "m5", "m6", "m7", "f1", "f2", "f3", "f4", "f5"),
    *("Alex", "Alicia", "Andrea", "Andy", "Annie", "Gene", "Gene2", "Jacky", "Lee", "Marco", "Mario", "Michael"),
    *("Mike", "Reed", "anika", "antonio", "aunty", "belinda", "benjamin", "boris", "caleb", "david", "ed", "edward"),
    *("grandma", "grandpa", "ian", "iven", "john", "klatt", "klatt2", "linda", "max", "paul", "pedro", "quincy"),
    *("rob", "robert", "steph", "travis", "victor", "zac"),
)
HELD_OUT_SPEAKERS = 8  # of each held-out part
HELD_OUT_SENTENCES = 100  # of each held-out part
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_LONGEST_NUMBER = 4
_NUMBERS = 400  # drawn of all those of 2 to 4 digits

Line = tuple[str, str, int, int]  # text, voice, words a minute, pitch


def utterances(split: str, config: DataConfig) -> Utterances:
    """Return the utterances of `split`, spoken once and kept in `config.cache` as spectrograms.

    No two parts share a speaker or a sentence, only words and accents. Held-out ones come from short to long: the
    batches of an evaluation are then filled up with little.
    """
    rng = np.random.default_rng((config.seed, PARTS.index(split)))
    lines = _lines(split, config, rng)
    name = _name(split, config, lines)
    doing = f"speech_recognition: eSpeak NG speaks {len(lines):,} sentences"
    found = kept_arrays(config.cache, name, lambda: _spoken(lines, config, rng), doing=doing)
    lengths: NDArray[np.int64] = found["lengths"]
    order = None if split == "train" else np.argsort(lengths, kind="stable")
    labels = [encode(text.upper()) for text, *_ in lines]
    content = digest(name, str(found["spoken"]))
    return Utterances(torch.from_numpy(found["frames"]), lengths, labels, order=order, content=content)


def script(split: str, config: DataConfig) -> str:
    """Name what is said in `split` and by whom, before it is spoken."""
    return _name(split, config, _lines(split, config, np.random.default_rng((config.seed, PARTS.index(split)))))


def _name(split: str, config: DataConfig, lines: list[Line]) -> str:
    settings = f"{RECIPE} {config.seed} {split} {config.window} {config.hop} {config.mels}"
    return f"speech_recognition-{split}-{digest(settings, json.dumps(lines))}"


def sentences(split: str, seed: int) -> list[str]:
    """Return what may be said in `split`, in lower case."""
    rng = np.random.default_rng((seed, 2))
    numbers = [
        " ".join(digits) for length in range(2, _LONGEST_NUMBER + 1) for digits in product(DIGITS, repeat=length)
    ]
    everything = [*(numbers[at] for at in rng.choice(len(numbers), _NUMBERS, replace=False)), *_commands()]
    own = _own(rng.permutation(len(everything)), split, HELD_OUT_SENTENCES)
    return [everything[at] for at in own]


def speakers(split: str, seed: int) -> list[str]:
    """Return who may say it."""
    order = np.random.default_rng((seed, 3)).permutation(len(SPEAKERS))
    return [SPEAKERS[at] for at in _own(order, split, HELD_OUT_SPEAKERS)]


def _own(order: NDArray[np.int64], split: str, held_out: int) -> NDArray[np.int64]:
    """Return the part of `order` that belongs to `split`: the first `held_out` to `val`, as many more to `test`."""
    place = PARTS.index(split)
    return order[2 * held_out :] if place == 0 else order[(place - 1) * held_out : place * held_out]


def _commands() -> Iterator[str]:
    which = ("red", "green", "blue", "left", "right")
    for please, state, whose, one in product(("", "please "), ("on", "off"), ("my", "the"), which):
        yield f"{please}turn {state} {whose} {one} light"
    for please, action, whose, one in product(("", "please "), ("open", "close"), ("my", "the"), which):
        yield f"{please}{action} {whose} {one} door"
    for way, number, then in product(("up", "down", "left", "right"), DIGITS, ("stop", "start", "play")):
        yield f"go {way} {number} and {then}"


def _lines(split: str, config: DataConfig, rng: np.random.Generator) -> list[Line]:
    """Draw who says what in `split`, voice after voice: changing voices takes time."""
    count = (config.train_size if split == "train" else config.val_size) or SIZES[split]
    said, voices = sentences(split, config.seed), speakers(split, config.seed)
    lines = []
    for _ in range(count):
        voice = f"{ACCENTS[rng.integers(len(ACCENTS))]}+{voices[rng.integers(len(voices))]}"
        lines.append((said[rng.integers(len(said))], voice, int(rng.integers(140, 200)), int(rng.integers(30, 70))))
    return sorted(lines, key=lambda line: line[1])


def _spoken(lines: list[Line], config: DataConfig, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    """Have `lines` spoken, with loudness and noise of their own.

    Returns:
        Their spectrograms one behind the other, how many frames each has, and the digest of what was spoken.
    """
    spectrogram = Spectrogram(config)
    frames, heard = [], hashlib.sha256()
    for spoken in _speech(lines):
        heard.update(spoken.astype("<i2").tobytes())
        loud = spoken * (rng.uniform(0.4, 1) / max(1, np.abs(spoken).max()))
        noise = rng.normal(0, 10 ** rng.uniform(-3.5, -2), len(spoken))
        frames.append(spectrogram(torch.from_numpy(loud + noise).float()))
    lengths = np.array([len(part) for part in frames])
    return {"frames": torch.cat(frames).numpy(), "lengths": lengths, "spoken": np.array(heard.hexdigest())}


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
