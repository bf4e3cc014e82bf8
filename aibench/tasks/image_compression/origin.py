"""Says where ImageNet and the pictures of Kodak can be had."""

from __future__ import annotations

from aibench.config.origin import Origin, Place

ORIGIN = Origin(
    name="ImageNet (to train on) and Kodak's 24 pictures (held out)",
    publisher="ImageNet; Kodak",
    address="https://image-net.org; http://r0k.us/graphics/kodak",
    licence="ImageNet: registration, non-commercial research; Kodak: said to be for unrestricted use",
    size="148 GB and 15 MB",
    files={"ILSVRC2012_img_train.tar": "1d675b47d978889d74fa0da5fadfb00e", "kodim01.png ... kodim24.png": None},
    places=(Place("n*.tar", "train", nested=True), Place("*kodim*.png", "kodak", strip=None)),
    obstacle="ImageNet asks for a registration, no package has it, and its epochs take many hours of a GPU.",
)
