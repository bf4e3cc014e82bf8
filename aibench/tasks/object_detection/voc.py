"""Reads PASCAL VOC2007 from disk: its annotations and its images."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from aibench.contract import DataError
from aibench.datasets.folders import enumerated, require_regular
from aibench.tasks.object_detection.layout import image_list
from aibench.vision.files import read_image

CLASSES = [
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
]
TARGET_KEYS = ("boxes", "labels", "difficult")

Annotation = tuple[tuple[int, int], dict[str, Tensor]]


class VOC2007(Dataset[tuple[Tensor, dict[str, Tensor]]]):
    """Reads the images of one of VOC2007's sets. Annotations are read at once, images when they are asked for.

    A sample is an image, uint8 (3, height, width), and its target: `boxes`, float (objects, 4), `labels`, int64
    (objects,), from 1 in alphabetical order, and `difficult`, bool (objects,).

    Args:
        folder: `VOC2007`.
        split: `train` or `val`.
        limit: Takes so many of the set's images, in its order; None takes all.

    Attributes:
        available: How many images the set has, whatever was asked for.

    Raises:
        DataError: A file is missing or wrong.
    """

    def __init__(self, folder: Path, split: str, limit: int | None = None) -> None:
        image_set = image_list(folder, split)
        names = _names(image_set)
        self.available, names = len(names), names[:limit]
        self.annotations = [folder / "Annotations" / f"{name}.xml" for name in names]
        self.images = [folder / "JPEGImages" / f"{name}.jpg" for name in names]
        for image in self.images:
            if not image.is_file():
                raise DataError(f"{image}: no such file, and ImageSets/Main/{image_set.name} names it.")
        annotations = [annotation(path) for path in self.annotations]
        self.sizes = [size for size, _ in annotations]
        self.targets = [target for _, target in annotations]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, dict[str, Tensor]]:
        path = self.images[index]
        pixels = np.array(read_image(path))
        height, width = self.sizes[index]
        if pixels.shape[:2] != (height, width):
            raise DataError(
                f"{path}: {pixels.shape[1]}x{pixels.shape[0]} pixels, and its annotation says {width}x{height}."
            )
        return torch.from_numpy(pixels).permute(2, 0, 1).contiguous(), self.targets[index]

    @property
    def portrait(self) -> NDArray[np.bool_]:
        """Return which images are taller than wide, bool (images,)."""
        return np.array([height > width for height, width in self.sizes], bool)

    def signature(self) -> list[Any]:
        """Return what a fingerprint is made of: names of the files, and the annotations."""
        names = " ".join(image.name for image in self.images)
        return [names, *(torch.cat([target[key].double().flatten() for target in self.targets]) for key in TARGET_KEYS)]

    def file_paths(self) -> Iterator[Path]:
        """Yield the images and their annotations."""
        yield from (*self.images, *self.annotations)


def require_apart(train: VOC2007, val: VOC2007) -> None:
    """Check that the two sets share no image.

    Raises:
        DataError: They do.
    """
    both = sorted({path.name for path in train.images} & {path.name for path in val.images})
    if both:
        raise DataError(f"{val.images[0].parent.parent}: {enumerated(both)} in both lists, of training and of test.")


def annotation(path: Path) -> Annotation:
    """Return the image's (height, width) and its target, from an annotation.

    The file counts pixels from 1, both ends included. Boxes here are edges, so that (1, 1, 10, 10) becomes
    (0, 0, 10, 10): the left upper corners move by one, and widths are differences. Difficult objects are kept.

    Raises:
        DataError: The file is missing, is not XML, or says what cannot be.
    """
    try:
        require_regular(path)
        root = ET.parse(path).getroot()
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file. Every image needs its annotation.") from error
    except ET.ParseError as error:
        raise DataError(f"{path}, line {error.position[0]}: not well-formed XML.") from error
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}. Restore this file.") from error
    width, height = (_whole(path, root, f"size/{side}") for side in ("width", "height"))
    boxes, labels, difficult = [], [], []
    for item in root.findall("object"):  # a person's parts are below its object, and are none themselves
        boxes.append(_box(path, item, width, height))
        labels.append(_label(path, item))
        difficult.append(_difficult(path, item))
    if not boxes:
        raise DataError(f"{path}: no object with a box. VOC2007 annotates at least one in every image.")
    target = {"boxes": torch.tensor(boxes), "labels": torch.tensor(labels), "difficult": torch.tensor(difficult)}
    return (height, width), target


def _names(path: Path) -> list[str]:
    try:
        require_regular(path)
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {error}.") from error
    names: dict[str, int] = {}
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if len(words) > 1:
            raise DataError(f"{path}, line {number}: {line.strip()!r}, and a list of images has one name a line.")
        if words and words[0] in names:
            raise DataError(f"{path}, line {number}: {words[0]} a second time, after line {names[words[0]]}.")
        names.update(dict.fromkeys(words, number))
    if not names:
        raise DataError(f"{path}: names no image.")
    return list(names)


def _difficult(path: Path, item: ET.Element) -> bool:
    text = item.findtext("difficult", "0").strip()  # other years of VOC leave it out
    if text not in ("0", "1"):
        raise DataError(f"{path}: the difficult of a {item.findtext('name')} is {text!r}, not 0 or 1.")
    return text == "1"


def _whole(path: Path, item: ET.Element, tag: str) -> int:
    text = item.findtext(tag)
    try:
        return int(float(text or ""))
    except (ValueError, OverflowError):
        found = "is missing" if text is None else f"is {text!r}, not a number"
        raise DataError(f"{path}: {item.tag}/{tag} {found}.") from None


def _box(path: Path, item: ET.Element, width: int, height: int) -> list[float]:
    left, top, right, bottom = (_whole(path, item, f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax"))
    sides = (("xmin", left, "xmax", right, width), ("ymin", top, "ymax", bottom, height))
    for least, first, most, last, size in sides:
        why = None
        if first < 1:
            why = f"{least} {first} is less than 1"
        elif last > size:
            why = f"{most} {last} is more than {size}"
        elif first > last:
            why = f"{least} {first} is more than {most} {last}"
        if why is not None:
            raise DataError(
                f"{path}: the box ({left}, {top}, {right}, {bottom}) of a {item.findtext('name')} does not lie in the "
                f"image of {width}x{height} pixels: {why}."
            )
    return [left - 1.0, top - 1.0, float(right), float(bottom)]


def _label(path: Path, item: ET.Element) -> int:
    name = item.findtext("name", "").strip()
    if name not in CLASSES:
        raise DataError(f"{path}: {name!r} is not one of VOC2007's twenty classes.")
    return CLASSES.index(name) + 1
