"""Loads the fixed networks that tell what photos show: torchvision's FCN, and a small one for the generated streets."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from aibench.contract import DataError
from aibench.tasks.image_to_image import streets
from aibench.tasks.image_to_image.classes import CLASSES

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, which torchvision's networks expect
WEIGHTS = Path(__file__).with_name("segmenter.npz")
SHA256 = "725cd84e2d0e5a906ecb34641987af79151b07285ba4cd46ac10fcbed3568bbe"


class SmallSegmenter(nn.Module):
    """Computes logits at full resolution from features at full and at half resolution: 37,815 parameters."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.fine = _layer(3, 16)
        self.coarse = nn.Sequential(_layer(16, 32, stride=2), _layer(32, 32, dilation=2), _layer(32, 32, dilation=4))
        self.head = nn.Sequential(_layer(48, 32), nn.Conv2d(32, classes, 1))

    def forward(self, images: Tensor) -> Tensor:
        fine = self.fine(images)
        coarse = interpolate(self.coarse(fine), size=fine.shape[2:], mode="bilinear")
        logits: Tensor = self.head(torch.cat([fine, coarse], 1))
        return logits


class Segmenter:
    """Runs a trained, frozen network.

    It is no `nn.Module`: it is no part of the model that it judges, nor of checkpoints.

    Args:
        network: From normalised images to logits, float (batch, classes, height, width), or torchvision's dict with
            them under `out`.
        size: Height and width of the images that it gets.
    """

    def __init__(self, network: nn.Module, size: list[int]) -> None:
        self.network = network.eval().requires_grad_(False)
        self.size = size

    @torch.no_grad()
    def __call__(self, photos: Tensor, shape: torch.Size) -> Tensor:
        """Return the classes, int64 (batch, *shape), of `photos`, uint8 (batch, 3, height, width); always in fp32."""
        self.network.to(photos.device)
        with torch.autocast(photos.device.type, enabled=False):
            logits = self.network(_resized(normalised(photos), self.size))
            logits = logits["out"] if isinstance(logits, dict) else logits
            return _resized(logits, list(shape)).argmax(1)


def name_of_small() -> str:
    """Name the weights of the small network by what is in their file: 16 hexadecimal digits.

    Raises:
        DataError: The file is not the one that the suite ships: scores through another network are other scores.
    """
    found = hashlib.sha256(WEIGHTS.read_bytes()).hexdigest() if WEIGHTS.is_file() else "no file"
    if found != SHA256:
        raise DataError(f"{WEIGHTS}: not the file that AIBench ships (SHA-256 {found[:16]}). Install AIBench again.")
    return found[:16]


def load_small(size: list[int]) -> Segmenter:
    """Load the small network with the weights that the suite ships; `train_segmenter.py` has made them."""
    network = SmallSegmenter(len(streets.CLASSES))
    with np.load(WEIGHTS) as kept:
        network.load_state_dict({name: torch.from_numpy(kept[name]) for name in kept.files})
    return Segmenter(network, size)


def load_fcn(path: Path, size: list[int]) -> Segmenter:
    """Load torchvision's `fcn_resnet50` with the weights in `path`; those of its auxiliary classifier are not used.

    Raises:
        DataError: The file is not such a state_dict.
    """
    from torchvision.models.segmentation import fcn_resnet50

    network = fcn_resnet50(weights=None, weights_backbone=None, num_classes=len(CLASSES), aux_loss=False)
    try:
        weights = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict({name: weights[name] for name in weights if not name.startswith("aux_classifier.")})
    except Exception as error:  # torch.load raises whatever its parts do
        reason = " ".join(str(error).split())[:150]
        raise DataError(
            f"{path}: not a state_dict of torchvision's fcn_resnet50 with {len(CLASSES)} classes: {reason}."
        ) from error
    return Segmenter(network, size)


def _layer(inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, 3, stride=stride, padding=dilation, dilation=dilation, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def normalised(photos: Tensor) -> Tensor:
    """Return `photos`, uint8 (batch, 3, height, width), less ImageNet's mean, over its standard deviation."""
    mean, std = (torch.tensor(values, device=photos.device).view(3, 1, 1) for values in (_MEAN, _STD))
    return (photos / 255 - mean) / std


def _resized(images: Tensor, size: list[int]) -> Tensor:
    if list(images.shape[2:]) == size:
        return images
    return interpolate(images, size=size, mode="bilinear", antialias=images.shape[2] > size[0])
