"""Says how many words are wrong where the transcript is a constant, or that of the training utterance most alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from aibench.contract import Baseline
from aibench.tasks.speech_recognition.alphabet import decode
from aibench.tasks.speech_recognition.metric import edits
from aibench.tasks.speech_recognition.utterances import Utterances

COEFFICIENTS = 13  # of the cepstrum: what speech recognition by templates has used since the eighties
LONGEST = 16  # frames that every utterance is resampled to: speech at another rate is then alike already
_CANDIDATES = 40  # sentences of training that are tried as the constant transcript, beside every word

Templates = NDArray[np.float32]


def baselines(parts: Mapping[str, Utterances]) -> Iterator[Baseline]:
    """Yield the word error rates of what needs no training. `train` is where all transcripts come from."""
    said = {part: [decode(samples[at][1].tolist()) for at in range(len(samples))] for part, samples in parts.items()}
    held_out = [part for part in parts if part != "train"]
    words = constant(said["train"])
    yield Baseline(
        "the best constant transcript",
        {part: word_error_rate([words] * len(said[part]), said[part]) for part in held_out},
        f"{words!r}, of {_CANDIDATES} sentences and all words of training",
    )
    templates = {part: cepstra(samples) for part, samples in parts.items()}
    ways: list[tuple[str, Callable[[Templates, Templates], NDArray[np.int64]]]] = [
        ("the training utterance that is nearest frame by frame", nearest_by_frame),
        ("the training utterance that is nearest by dynamic time warping", nearest_by_warping),
    ]
    for name, nearest in ways:
        found = {part: nearest(templates[part], templates["train"]) for part in held_out}
        quality = {part: word_error_rate([said["train"][at] for at in found[part]], said[part]) for part in held_out}
        yield Baseline(name, quality, f"{COEFFICIENTS} cepstral coefficients of {LONGEST} frames")


def word_error_rate(heard: Sequence[str], said: Sequence[str]) -> float:
    """Return the edits over the words of `said`, of all utterances together."""
    pairs = Counter(zip(heard, said, strict=True))
    wrong = sum(count * edits(one.split(), other.split()) for (one, other), count in pairs.items())
    return wrong / sum(len(text.split()) for text in said)


def constant(said: Sequence[str]) -> str:
    """Return the transcript that makes the fewest errors where it answers every utterance of training."""
    frequent = [text for text, _ in Counter(said).most_common(_CANDIDATES)]
    candidates = [*frequent, *sorted({word for text in said for word in text.split()})]
    return min(candidates, key=lambda text: word_error_rate([text] * len(said), said))


def cepstra(samples: Utterances) -> Templates:
    """Return the cepstra of all utterances, float (utterances, LONGEST, COEFFICIENTS), of mean 0 in an utterance."""
    found = []
    for at in range(len(samples)):
        spectrum = samples[at][0].numpy()
        place = np.linspace(0, len(spectrum) - 1, LONGEST + 1).round().astype(int)
        means = np.add.reduceat(spectrum, place[:-1]) / np.diff(place)[:, None]
        found.append(dct(means, axis=1, norm="ortho")[:, :COEFFICIENTS])
    coefficients = np.stack(found).astype(np.float32)
    centred: Templates = coefficients - coefficients.mean(1, keepdims=True)
    return centred


def nearest_by_frame(queries: Templates, templates: Templates) -> NDArray[np.int64]:
    """Return for each of `queries` the template whose frames are nearest at the same places, without warping."""
    flat, others = (part.reshape(len(part), -1) for part in (queries, templates))
    distances = (others**2).sum(1) - 2 * flat @ others.T
    nearest: NDArray[np.int64] = distances.argmin(1)
    return nearest


def nearest_by_warping(queries: Templates, templates: Templates) -> NDArray[np.int64]:
    """Return for each of `queries` the template at the least distance by dynamic time warping (Sakoe, Chiba 1978)."""
    flat = templates.reshape(-1, templates.shape[2])
    squares = (flat**2).sum(1)
    nearest = []
    for query in queries:
        apart = np.sqrt(np.maximum(squares - 2 * query @ flat.T + (query**2).sum(1)[:, None], 0))
        nearest.append(warped(apart.reshape(len(query), len(templates), -1).transpose(0, 2, 1)).argmin())
    return np.array(nearest)


def warped(apart: NDArray[Any]) -> NDArray[Any]:
    """Return the least sum along a monotone way through `apart`, (query's frames, template's frames, templates)."""
    row = np.cumsum(apart[0], axis=0)
    for frame in apart[1:]:
        before, row = row, np.empty_like(row)
        row[0] = before[0] + frame[0]
        for place in range(1, len(frame)):
            row[place] = frame[place] + np.minimum(np.minimum(before[place], before[place - 1]), row[place - 1])
    last: NDArray[Any] = row[-1]
    return last
