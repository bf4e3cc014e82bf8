"""Finds the files of ShapeNet's pictures and volumes, in two layouts. Imports no torch.

ptn: the data of Yan et al. 2016, as their first implementation (github.com/xcyan/nips16_PTN) reads them.

    shapenetcore_ids/03001627_trainids.txt, ..._valids.txt, ..._testids.txt
    shapenetcore_viewdata/03001627/MODEL/imgs/a015_e030.jpg ... a360_e030.jpg
    shapenetcore_voxdata/03001627/MODEL/model_32.mat

r2n2: the data of Choy et al. 2016 (3D-R2N2, arXiv 1604.00449).

    ShapeNetRendering/03001627/MODEL/rendering/00.png ... 23.png
    ShapeNetVox32/03001627/MODEL/model.binvox
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from pathlib import Path

from aibench.config import DataError
from aibench.datasets.folders import class_folders, enumerated, not_found

PICTURES = 24


class Layout(enum.StrEnum):
    """Lists how the files may lie."""

    ptn = enum.auto()
    r2n2 = enum.auto()


_FOLDERS = {
    Layout.ptn: ("shapenetcore_ids", "shapenetcore_viewdata", "shapenetcore_voxdata"),
    Layout.r2n2: ("ShapeNetRendering", "ShapeNetVox32"),
}
_LISTS = {"train": "trainids", "val": "testids"}  # Yan et al. report what they reach on the test set
_TRAINING_SHARE = 0.8  # 3D-R2N2: of `ShapeNetVox32`, the first models of each category in alphabetical order
_ERRONEOUS = {"04090263/4a32519f44dc84aabafe26e2eb69ebf4"}  # named so by 3D-R2N2


def problems(root: Path, typed: str, layout: Layout, categories: list[str]) -> Iterator[str]:
    """Yield what keeps the folder `root` from being laid out so and from having these categories, a line each."""
    missing = [name for name in _FOLDERS[layout] if not (root / name).is_dir()]
    if missing:
        other = next((one for one in Layout if all((root / name).is_dir() for name in _FOLDERS[one])), None)
        advice = "Set data.root to the folder that holds them."
        if other is not None:
            advice = f"That is the layout {other}: set data.layout={other}."
        yield not_found(typed, f"the folders {', '.join(_FOLDERS[layout])}", root, advice)
        return
    for category in categories:
        lacking = [path for path in _of_category(root, layout, category) if not path.exists()]
        if lacking:
            yield not_found(
                typed,
                f"{lacking[0].relative_to(root)}",
                lacking[0].parent,
                f"Complete the data set, or leave {category} out of data.categories.",
            )
            return


def _of_category(root: Path, layout: Layout, category: str) -> list[Path]:
    """Return what must be there for a category."""
    if layout is Layout.ptn:
        return [root / _FOLDERS[layout][0] / f"{category}_{name}.txt" for name in _LISTS.values()]
    return [root / name / category for name in _FOLDERS[layout]]


def objects(root: Path, layout: Layout, categories: list[str], split: str) -> list[str]:
    """Return the objects of a split, each as `CATEGORY/MODEL`, category by category.

    Raises:
        DataError: A category without objects, or a list with a line that is none.
    """
    found = []
    for category in categories:
        names = (_listed_ids if layout is Layout.ptn else _share)(root, category, split)
        if not names:
            raise DataError(f"{_of_category(root, layout, category)[0]}: names no {split} object. Restore it.")
        found += [f"{category}/{name}" for name in names]
    return [name for name in found if name not in _ERRONEOUS]


def _listed_ids(root: Path, category: str, split: str) -> list[str]:
    path = root / _FOLDERS[Layout.ptn][0] / f"{category}_{_LISTS[split]}.txt"
    names: dict[str, int] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        folder, _, name = line.strip().rpartition("/")
        if not line.strip():
            continue
        if not name or folder not in ("", category):
            raise DataError(f"{path}, line {number}: not an object of {category}, but {line[:60]!r}.")
        if name in names:
            raise DataError(f"{path}, line {number}: {name} a second time. Restore this file.")
        names[name] = number
    return list(names)


def _share(root: Path, category: str, split: str) -> list[str]:
    pictures, volumes = (root / name / category for name in _FOLDERS[Layout.r2n2])
    names = class_folders(volumes)
    lacking = sorted(set(names) - set(class_folders(pictures)))
    if lacking:
        raise DataError(f"{volumes}: {pictures} lacks {enumerated(lacking)}. Restore their pictures.")
    border = int(_TRAINING_SHARE * len(names))
    return names[:border] if split == "train" else names[border:]


def picture(root: Path, layout: Layout, name: str, view: int) -> Path:
    """Return the file of a picture; `view` in 0 to 23."""
    if layout is Layout.ptn:
        step = 360 // PICTURES
        return root / "shapenetcore_viewdata" / name / "imgs" / f"a{step * (view + 1):03d}_e030.jpg"
    return root / "ShapeNetRendering" / name / "rendering" / f"{view:02d}.png"


def volume(root: Path, layout: Layout, name: str, resolution: int) -> Path:
    """Return the file of an object's voxels, `resolution` along an edge."""
    if layout is Layout.ptn:
        return root / "shapenetcore_voxdata" / name / f"model_{resolution}.mat"
    return root / "ShapeNetVox32" / name / "model.binvox"
