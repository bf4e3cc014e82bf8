"""Computes spectrograms."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aibench.tasks.speech_recognition.config import DataConfig


class Spectrogram:
    """Computes log(1 + magnitude) of short spectra, shifted and scaled to mean 0 and deviation 1.

    A spectrum is that of a Hamming window; the first is centred on the first sample, with the beginning mirrored before
    it. Mean and standard deviation are those of all numbers of an utterance (authors' PyTorch code, `data_loader.py`).

    Args:
        config: Window, hop, and the mel bands if any.
    """

    def __init__(self, config: DataConfig) -> None:
        self.window = torch.hamming_window(config.window, periodic=False)
        self.hop = config.hop
        self.bank = None
        if config.mels is not None:
            self.bank = torch.from_numpy(mel_bank(config.mels, config.window, config.sample_rate)).float()

    def __call__(self, samples: Tensor) -> Tensor:
        """Return the spectrogram, float (frames, bins), of `samples`, float (samples,) in -1 to 1.

        They are longer than half a window.

        It has `len(samples) // hop + 1` frames.
        """
        length = len(self.window)
        padded = torch.nn.functional.pad(samples[None], (length // 2, length // 2), mode="reflect")[0]
        magnitudes = torch.fft.rfft(padded.unfold(0, length, self.hop) * self.window).abs()
        if self.bank is not None:
            magnitudes = magnitudes @ self.bank
        logarithms = magnitudes.log1p()
        normalised: Tensor = (logarithms - logarithms.mean()) / logarithms.std().clamp(min=1e-5)
        return normalised


def frames_of(samples: NDArray[np.int64], hop: int) -> NDArray[np.int64]:
    """Return how many frames the spectrograms of so many samples have."""
    return samples // hop + 1


def steps_of(frames: NDArray[np.int64], strides: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Return the steps that a model's convolutions make of so many frames; strides are of bins and of frames."""
    for _, stride in strides:
        frames = (frames - 1) // stride + 1
    return frames


def mel_bank(bands: int, window: int, sample_rate: int) -> NDArray[np.float64]:
    """Return triangles of height 1 whose corners are evenly spaced on the mel scale up to half the sample rate.

    Returns:
        Weights, (window // 2 + 1, bands).
    """
    highest = 2595 * np.log10(1 + sample_rate / 2 / 700)
    corners = 700 * (10 ** (np.linspace(0, highest, bands + 2) / 2595) - 1)
    frequencies = np.fft.rfftfreq(window, 1 / sample_rate)[:, None]
    lower, middle, upper = corners[:-2], corners[1:-1], corners[2:]
    rising, falling = (frequencies - lower) / (middle - lower), (upper - frequencies) / (upper - middle)
    weights: NDArray[np.float64] = np.clip(np.minimum(rising, falling), 0, None)
    return weights
