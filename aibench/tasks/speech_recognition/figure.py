"""Draws what was heard on the spectrogram."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from torch import Tensor

from aibench.tasks.speech_recognition.alphabet import BLANK, decode
from aibench.tasks.speech_recognition.metric import edits

_SPACE = "\u2423"


def draw(
    spectra: Tensor, lengths: Sequence[int], log_probabilities: Tensor, said: Sequence[str], heard: Sequence[str]
) -> Figure:
    """Draw spectrograms, each under what was said and heard, and over the likeliest label of each step.

    Args:
        spectra: float (utterances, frames, bins).
        lengths: Frames of each.
        log_probabilities: float (utterances, steps, labels).
        said: The transcript of each.
        heard: What the recogniser made of each.
    """
    figure = Figure(figsize=(9, 2.3 * len(said)), layout="constrained")
    frames, steps = spectra.shape[1], log_probabilities.shape[1]
    labels = log_probabilities.argmax(2).tolist()
    for axes, row, length, reference, transcript, likeliest in zip(
        figure.subplots(len(said), 1, squeeze=False)[:, 0], spectra, lengths, said, heard, labels, strict=True
    ):
        axes.imshow(row[:length].T, origin="lower", aspect="auto", cmap="magma", interpolation="nearest")
        wrong, words = edits(transcript.split(), reference.split()), len(reference.split())
        axes.set_title(
            f"said: {reference.lower()}\nheard: {transcript.lower()}   ({wrong} of {words} words wrong)",
            loc="left",
            fontsize=9,
            color="darkred" if wrong else "black",
        )
        axes.set_yticks([])
        places = [at for at, label in enumerate(likeliest) if label != BLANK and at * frames / steps < length]
        axes.set_xticks(
            [at * frames / steps for at in places],
            [decode([likeliest[at]]).lower().replace(" ", _SPACE) for at in places],
            fontsize=7,
        )
    return figure
