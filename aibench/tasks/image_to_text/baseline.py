"""Predicts captions by counting: blind to the picture, and from what was said of the most similar pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from aibench.contract import Baseline
from aibench.text.ngrams import KneserNey, perplexity

ORDERS = {"word frequencies": 1, "pairs of words, Kneser-Ney": 2, "runs of six words, Kneser-Ney": 6}
NEIGHBOURS = 20  # pictures whose captions are counted
NEAR_ORDER = 3  # of the runs that are counted in these few captions
TUNED = 300  # training pictures on which the share of the neighbours is chosen
SHARES = np.linspace(0.05, 0.95, 19)
Real = NDArray[np.float64]


def blind(parts: Mapping[str, Any], words: int) -> Iterator[Baseline]:
    """Yield the perplexities of n-grams of the training captions: they do not see the picture.

    Args:
        parts: `InMemory` of `train` and the held-out parts.
        words: Length of the vocabulary.
    """
    train = sentences(parts["train"])
    for name, order in ORDERS.items():
        model = KneserNey(train, order, words)
        judged = {part: perplexity(model.probabilities(sentences(parts[part]))) for part in parts if part != "train"}
        yield Baseline(name, judged)


def nearest(parts: Mapping[str, Any], words: int) -> Baseline:
    """Return the perplexity of a mixture: n-grams of the most similar training pictures' captions, and of all.

    How much the former count is chosen on training pictures, each without itself.
    """
    train = parts["train"]
    pictures = train.images.flatten(1).numpy().astype(np.float32)
    index = NearestNeighbors(n_neighbors=NEIGHBOURS + 1, algorithm="brute").fit(pictures)
    every = KneserNey(sentences(train), max(ORDERS.values()), words)

    def mixed(part: Any, first: int, count: int) -> tuple[Real, Real]:
        """Return each word's probability by the neighbours (from the `first` on) and by all captions."""
        asked = part.images[:count].flatten(1).numpy().astype(np.float32)
        places = index.kneighbors(asked, return_distance=False)[:, first : first + NEIGHBOURS]
        near = [
            KneserNey(said_of(train, row), NEAR_ORDER, words).probabilities(said_of(part, [at]))
            for at, row in enumerate(places.tolist())
        ]
        asked_of = [caption for at in range(len(asked)) for caption in said_of(part, [at])]
        return np.concatenate(near), every.probabilities(asked_of)

    near, far = mixed(train, 1, TUNED)
    share = min(SHARES, key=lambda share: perplexity(share * near + (1 - share) * far))
    judged = {}
    for part in parts:
        if part != "train":
            near, far = mixed(parts[part], 0, len(parts[part].images))
            judged[part] = perplexity(share * near + (1 - share) * far)
    note = f"those of {NEIGHBOURS} pictures by the distance of pixels, with the runs of six words; share {share:.2f}"
    return Baseline("captions of the nearest pictures", judged, note)


def sentences(part: Any) -> list[list[int]]:
    """Return the captions of a part that are used, as indices, each with its end and without its start."""
    count = len(part) if part.one else int(part.firsts[len(part)])
    return [part.captions[at].tolist()[1:] for at in range(count)]


def said_of(part: Any, images: list[int]) -> list[list[int]]:
    """Return the captions of some images, as indices."""
    return [
        part.captions[at].tolist()[1:]
        for image in images
        for at in range(int(part.firsts[image]), int(part.firsts[image + 1]))
    ]
