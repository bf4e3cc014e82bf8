"""Lists the classes of Cityscapes, their colours, and which of them are scored. Imports no torch."""

from __future__ import annotations

from typing import NamedTuple

Colour = tuple[int, int, int]
VOID = 255  # the class of pixels that are not scored


class Label(NamedTuple):
    """Describes one of Cityscapes' labels (Cordts et al. 2016; `labels.py` of the public cityscapesScripts).

    Attributes:
        name: Its name.
        colour: Red, green and blue in the files `*_gtFine_color.png`.
        scored: Whether it is one of the 19 classes that are scored.
    """

    name: str
    colour: Colour
    scored: bool = False


LABELS = (  # the place of a label is its value in the files `*_gtFine_labelIds.png`
    Label("unlabeled", (0, 0, 0)),
    Label("ego vehicle", (0, 0, 0)),
    Label("rectification border", (0, 0, 0)),
    Label("out of roi", (0, 0, 0)),
    Label("static", (0, 0, 0)),
    Label("dynamic", (111, 74, 0)),
    Label("ground", (81, 0, 81)),
    Label("road", (128, 64, 128), scored=True),
    Label("sidewalk", (244, 35, 232), scored=True),
    Label("parking", (250, 170, 160)),
    Label("rail track", (230, 150, 140)),
    Label("building", (70, 70, 70), scored=True),
    Label("wall", (102, 102, 156), scored=True),
    Label("fence", (190, 153, 153), scored=True),
    Label("guard rail", (180, 165, 180)),
    Label("bridge", (150, 100, 100)),
    Label("tunnel", (150, 120, 90)),
    Label("pole", (153, 153, 153), scored=True),
    Label("polegroup", (153, 153, 153)),
    Label("traffic light", (250, 170, 30), scored=True),
    Label("traffic sign", (220, 220, 0), scored=True),
    Label("vegetation", (107, 142, 35), scored=True),
    Label("terrain", (152, 251, 152), scored=True),
    Label("sky", (70, 130, 180), scored=True),
    Label("person", (220, 20, 60), scored=True),
    Label("rider", (255, 0, 0), scored=True),
    Label("car", (0, 0, 142), scored=True),
    Label("truck", (0, 0, 70), scored=True),
    Label("bus", (0, 60, 100), scored=True),
    Label("caravan", (0, 0, 90)),
    Label("trailer", (0, 0, 110)),
    Label("train", (0, 80, 100), scored=True),
    Label("motorcycle", (0, 0, 230), scored=True),
    Label("bicycle", (119, 11, 32), scored=True),
)
CLASSES = tuple(label.name for label in LABELS if label.scored)
_COLOURS = {label.name: label.colour for label in LABELS}


def palette(classes: tuple[str, ...]) -> list[Colour]:
    """Return the colours of `classes`."""
    return [_COLOURS[name] for name in classes]


def class_of_id() -> list[int]:
    """Return the index of each label's class by its value in `*_gtFine_labelIds.png`; `VOID` if it is not scored."""
    return [CLASSES.index(label.name) if label.scored else VOID for label in LABELS]


def class_of_colour() -> dict[Colour, int]:
    """Return the index of each label's class by its colour.

    The colours that two labels share go to the one that is scored.
    """
    found = {label.colour: VOID for label in LABELS}
    return found | {colour: index for index, colour in enumerate(palette(CLASSES))}
