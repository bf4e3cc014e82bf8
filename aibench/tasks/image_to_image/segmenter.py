"""Loads the fixed networks that tell what photos show: torchvision's FCN, and a small one for the generated streets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate

from aibench.contract import DataError, digest
from aibench.datasets.prepared import prepared
from aibench.tasks.image_to_image import streets
from aibench.tasks.image_to_image.classes import CLASSES

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, which torchvision's networks expect
SCENES = 512  # that the small network is trained on
_EPOCHS, _BATCH, _LR = 8, 32, 5e-3
_RECIPE = f"{SCENES} {_EPOCHS} {_BATCH} {_LR} 1"  # the last number is that of the code below


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
            logits = self.network(_resized(_normalised(photos), self.size))
            logits = logits["out"] if isinstance(logits, dict) else logits
            return _resized(logits, list(shape)).argmax(1)


def of_streets(cache: str, seed: int) -> Path:
    """Return the file of the small network, trained on `SCENES` photos of the generated training scenes and their maps.

    Trained once with one thread in a few seconds, and kept in `cache`. The held-out scenes have no part in it.
    """
    pairs = streets.pairs("photos", SCENES, seed)
    photos, classes = torch.from_numpy(pairs.photos), torch.from_numpy(pairs.classes).long()
    name = f"image_to_image-segmenter-{digest(photos, classes, _RECIPE)}.pt"
    return prepared(cache, name, lambda path: torch.save(_trained(photos, classes, seed).state_dict(), path))


def load_small(path: Path, size: list[int]) -> Segmenter:
    """Load the small network with the weights in `path`, which `of_streets` returned."""
    network = SmallSegmenter(len(streets.CLASSES))
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
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


def _normalised(photos: Tensor) -> Tensor:
    mean, std = (torch.tensor(values, device=photos.device).view(3, 1, 1) for values in (_MEAN, _STD))
    return (photos / 255 - mean) / std


def _resized(images: Tensor, size: list[int]) -> Tensor:
    if list(images.shape[2:]) == size:
        return images
    return interpolate(images, size=size, mode="bilinear", antialias=images.shape[2] > size[0])


def _trained(photos: Tensor, classes: Tensor, seed: int) -> SmallSegmenter:
    with _apart(seed):
        network = SmallSegmenter(len(streets.CLASSES))
        images = _normalised(photos)
        steps = _EPOCHS * (len(photos) // _BATCH)
        optimizer = torch.optim.AdamW(network.parameters(), lr=_LR)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _LR, total_steps=steps)
        for _ in range(_EPOCHS):
            for indices in torch.randperm(len(photos)).view(-1, _BATCH):
                loss = cross_entropy(network(images[indices]), classes[indices])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
    return network.eval()


@contextmanager
def _apart(seed: int) -> Iterator[None]:
    """Give the block a random state of its own and one thread, so that no session changes the result nor notices."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
