"""Says where ImageNet can be had."""

from __future__ import annotations

from pathlib import Path

from aibench.config import DataError
from aibench.config.origin import Origin, Place
from aibench.datasets.folders import class_folders, files_like


def arrange(root: Path) -> None:
    """Sort the held-out pictures into the folders of their classes, as the devkit's lists say, and tidy up.

    Raises:
        DataError: The devkit is missing, or is of another number of pictures.
    """
    unsorted = root / "val" / "unsorted"
    if not unsorted.is_dir():
        return
    meta, truth = root / "devkit" / "meta.mat", root / "devkit" / "ILSVRC2012_validation_ground_truth.txt"
    for path in (meta, truth):
        if not path.is_file():
            raise DataError(f"{path}: missing. Give from=ILSVRC2012_devkit_t12.tar.gz as well: it has the classes.")
    classes, labels = _classes(meta), truth.read_text(encoding="ascii").split()
    pictures = [unsorted / name for name in files_like(unsorted, "*.JPEG")]
    folders = [root / "val" / name for name in class_folders(root / "val") if name != unsorted.name]
    sorted_before = sum(len(files_like(folder, "*.JPEG")) for folder in folders)
    if len(labels) != len(pictures) + sorted_before:
        held = len(pictures) + sorted_before
        raise DataError(f"{unsorted}: {held:,} pictures, and {truth.name} has {len(labels):,} lines. Unpack it again.")
    for picture in pictures:
        number = int(picture.stem.rsplit("_", 1)[1])
        folder = root / "val" / classes[int(labels[number - 1])]
        folder.mkdir(exist_ok=True)
        picture.rename(folder / picture.name)
    unsorted.rmdir()


def _classes(meta: Path) -> dict[int, str]:
    """Return the names of the class folders by the numbers of the devkit."""
    from scipy.io import loadmat

    rows = loadmat(meta, squeeze_me=True)["synsets"]
    return {int(row["ILSVRC2012_ID"]): str(row["WNID"]) for row in rows}


ORIGIN = Origin(
    name="ImageNet, ILSVRC 2012",
    publisher="ImageNet",
    address="https://image-net.org/challenges/LSVRC/2012/2012-downloads.php",
    licence="registration; non-commercial research",
    size="155 GB",
    files={
        "ILSVRC2012_img_train.tar": "1d675b47d978889d74fa0da5fadfb00e",
        "ILSVRC2012_img_val.tar": "29b22e2961454d5413ddabcf34fc5622",
        "ILSVRC2012_devkit_t12.tar.gz": "fa75699e90414af021442c21a62c3abf",
    },
    places=(
        Place("n*.tar", "train", nested=True),
        Place("ILSVRC2012_val_*.JPEG", "val/unsorted", strip=None, moved="val/*/ILSVRC2012_val_*.JPEG"),
        Place("*/data/meta.mat", "devkit", strip=None),
        Place("*/data/ILSVRC2012_validation_ground_truth.txt", "devkit", strip=None),
    ),
    arrange=arrange,
    obstacle="ImageNet asks for a registration, no package has it, and its 90 epochs take many hours of a GPU.",
)
