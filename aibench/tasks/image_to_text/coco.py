"""Reads COCO 2014 from disk: captions, split into words once, then kept; and images, one by one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2

from aibench.config.places import expanded
from aibench.contract import DataError, digest
from aibench.datasets.arrays import kept_arrays
from aibench.datasets.folders import entries, require_regular
from aibench.tasks.image_to_text.config import Config
from aibench.tasks.image_to_text.layout import FOLDERS, Split, caption_files
from aibench.text.batches import Ragged
from aibench.text.vocabulary import BOS, EOS, Vocabulary
from aibench.vision.files import read_image

_RECIPE = 1  # the version of the prepared file: another number makes it anew
_WORD = re.compile(r"n't\b|'(?:s|m|d|ll|re|ve)\b|\w+(?=n't\b)|\w+(?:[-/.]\w+|[:,]\d\w*)*|[^\w\s]")

Whole = NDArray[np.int64]


class Captions(NamedTuple):
    """Holds the captions of one split, image by image.

    Attributes:
        files: The images' files, below the root, bytes (images,).
        indices: The words' indices, with `BOS` and `EOS`, a sequence for each caption.
        owners: The image of each caption, int64 (captions,), ascending.
    """

    files: NDArray[np.bytes_]
    indices: Ragged
    owners: Whole


class _Image(NamedTuple):
    file: str
    captions: list[list[str]]


class Pictures:
    """Reads images on disk.

    Args:
        root: Where `files` are.
        files: bytes (images,).
        transform: From a picture to uint8 (3, size, size).
    """

    def __init__(self, root: Path, files: NDArray[np.bytes_], transform: v2.Compose) -> None:
        self.root = root
        self.files = files
        self.transform = transform

    def __len__(self) -> int:
        return len(self.files)

    def file_paths(self) -> Iterator[Path]:
        """Yield the files."""
        return (self.root / file.decode() for file in self.files.tolist())

    def __getitem__(self, index: int) -> Tensor:
        image: Tensor = self.transform(read_image(self.root / self.files[index].decode()))
        return image


def words(text: str) -> list[str]:
    """Return the words of a caption, in lower case; punctuation marks, `'s` and `n't` are words of their own.

    NLTK's `word_tokenize`, which the authors' code uses, splits most captions so as well. It has other quotation
    marks, keeps `p.m.`, `u.s.`, `...` and `w/` whole, and an apostrophe with the word that it begins. Where a sentence
    within a caption ends, it asks a trained model, which would have to be downloaded.
    """
    return _WORD.findall(text.lower())


def captions(config: Config) -> tuple[Vocabulary, dict[str, Captions]]:
    """Return the words of the training captions, and the captions of both splits.

    Raises:
        DataError: A file cannot be read, or does not hold what it should.
    """
    root, data = expanded(config.data.root), config.data
    files = caption_files(root, data.split)
    contents = [_content(path) for path in files]
    name = digest(*(np.frombuffer(content, np.uint8) for content in contents), f"{data.split} {data.least_count}")

    def make() -> dict[str, NDArray[Any]]:
        read = _karpathy if data.split is Split.karpathy else _coco2014
        return _encoded(read(files, contents), data.least_count)

    doing = f"image_to_text: splits the captions below {root} into words"
    kept = kept_arrays(data.cache, f"captions-{name}-{_RECIPE}", make, doing=doing)
    splits = {
        split: Captions(
            kept[f"{split}_files"], Ragged(kept[f"{split}_values"], kept[f"{split}_ends"]), kept[f"{split}_owners"]
        )
        for split in FOLDERS
    }
    for split, found in splits.items():
        _check_images(root, split, found.files)
    return Vocabulary(tuple(kept["words"].tolist())), splits


def transform(config: Config, split: str) -> v2.Compose:
    """Return how a picture becomes uint8 (3, size, size): made square, a little cut off; see `DataConfig.margin`."""
    size, margin = config.model.size, config.data.margin
    square = v2.Resize((size + margin, size + margin), interpolation=InterpolationMode.LANCZOS)
    if split == "val":
        return v2.Compose([square, v2.CenterCrop(size), v2.PILToTensor()])
    mirror = v2.RandomHorizontalFlip(0.5 if config.data.mirror else 0.0)
    return v2.Compose([square, v2.RandomCrop(size), mirror, v2.PILToTensor()])


def _content(path: Path) -> bytes:
    try:
        require_regular(path)
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}. Restore this file.") from error


def _encoded(splits: dict[str, list[_Image]], least: int) -> dict[str, NDArray[Any]]:
    vocabulary = Vocabulary.counted((caption for image in splits["train"] for caption in image.captions), least=least)
    arrays: dict[str, Any] = {"words": np.array(vocabulary.words)}
    for split, images in splits.items():
        texts = [caption for image in images for caption in image.captions]
        indices = Ragged.of([[BOS, *vocabulary.encode(text), EOS] for text in texts])
        arrays[f"{split}_files"] = np.array([image.file.encode() for image in images])
        arrays[f"{split}_values"], arrays[f"{split}_ends"] = indices.values.astype(np.int32), indices.ends
        arrays[f"{split}_owners"] = np.repeat(np.arange(len(images)), [len(image.captions) for image in images])
    return arrays


def _coco2014(files: list[Path], contents: list[bytes]) -> dict[str, list[_Image]]:
    """Read COCO's own files: `images` with `id` and `file_name`, `annotations` with `id`, `image_id` and `caption`."""
    return {
        split: list(_annotated(path, _object(path, content, ("images", "annotations")), FOLDERS[split]))
        for split, path, content in zip(FOLDERS, files, contents, strict=True)
    }


def _annotated(path: Path, content: dict[str, Any], folder: str) -> Iterator[_Image]:
    """Yield the images in the order of their ids, the captions of each in the order of theirs.

    An image without a caption is left out.
    """
    images: dict[int, _Image] = {}
    for row in content["images"]:
        number, file = _fields(path, "an image", row, id=int, file_name=str)
        if number in images:
            raise DataError(f"{path}: two images with the id {number}. Restore this file.")
        images[number] = _Image(f"{folder}/{file}", [])
    _each_once(path, (image.file for image in images.values()), "two images of the file")
    rows = [_fields(path, "an annotation", row, id=int, image_id=int, caption=str) for row in content["annotations"]]
    _each_once(path, (number for number, _, _ in rows), "two annotations with the id")
    for number, owner, caption in sorted(rows):
        if owner not in images:
            raise DataError(f"{path}: annotation {number} is of image {owner}, which is not listed. Restore this file.")
        images[owner].captions.append(_split(path, f"annotation {number}", caption))
    return (images[number] for number in sorted(images) if images[number].captions)


def _karpathy(files: list[Path], contents: list[bytes]) -> dict[str, list[_Image]]:
    """Read Karpathy & Li's file: `images` with `filepath`, `filename`, `split`, and `sentences` with `raw` text.

    Trained on are `train` and `restval`; held out is `test`.
    """
    (path,), (content,) = files, contents
    splits: dict[str, list[_Image]] = {"train": [], "val": []}
    parts = {"train": "train", "restval": "train", "test": "val", "val": None}
    seen: list[str] = []
    for row in _object(path, content, ("images",))["images"]:
        folder, file, part, sentences = _fields(
            path, "an image", row, filepath=str, filename=str, split=str, sentences=list
        )
        seen.append(f"{folder}/{file}")
        if part not in parts:
            raise DataError(f"{path}: {file} is of the split {part!r}, not of {', '.join(parts)}. Restore this file.")
        texts = [_fields(path, f"a sentence of {file}", sentence, raw=str)[0] for sentence in sentences]
        split = parts[part]
        if split is not None and texts:
            splits[split].append(_Image(f"{folder}/{file}", [_split(path, file, text) for text in texts]))
    _each_once(path, seen, "two images of the file")
    return splits


def _each_once(path: Path, values: Iterable[Any], what: str) -> None:
    seen = set()
    for value in values:
        if value in seen:
            raise DataError(f"{path}: {what} {value}. Restore this file.")
        seen.add(value)


def _object(path: Path, content: bytes, lists: tuple[str, ...]) -> dict[str, Any]:
    """Return a file's JSON object, which has a list under each of `lists`."""
    try:
        parsed = json.loads(content)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {line:,}: byte {error.start:,} is no UTF-8. Restore this file.") from error
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path}, line {error.lineno:,}: {error.msg}, at column {error.colno:,}. Restore this file."
        ) from error
    missing = [name for name in lists if not isinstance(parsed, dict) or not isinstance(parsed.get(name), list)]
    if missing:
        raise DataError(f"{path}: no list {missing[0]!r}. Give the captions' file, not that of boxes or key points.")
    assert isinstance(parsed, dict)
    return parsed


def _fields(path: Path, what: str, row: Any, **kinds: type) -> list[Any]:
    """Return the fields of `row` that `kinds` names, each of its type."""
    for name, kind in kinds.items():
        if not isinstance(row, dict) or not isinstance(row.get(name), kind):
            shown = str(row)[:60]
            raise DataError(f"{path}: {what} without a {name} of the right type: {shown}. Restore this file.")
    return [row[name] for name in kinds]


def _split(path: Path, where: str, text: str) -> list[str]:
    found = words(text)
    if not found:
        raise DataError(f"{path}: {where} has an empty caption. Restore this file.")
    return found


def _check_images(root: Path, split: str, files: NDArray[np.bytes_]) -> None:
    if len(files) == 0:
        raise DataError(f"{root}: no image with a caption to {'train on' if split == 'train' else 'hold out'}.")
    names = [file.decode() for file in files.tolist()]
    there = {f"{folder}/{entry.name}" for folder in FOLDERS.values() for entry in entries(root / folder)}
    missing = [name for name in names if name not in there]
    if missing:
        raise DataError(
            f"{root / missing[0]}: no such file, and {len(missing):,} of {len(names):,} images with captions are not "
            "there. Unpack the images again."
        )
