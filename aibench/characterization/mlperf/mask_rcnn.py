"""Builds Mask R-CNN (He et al. 2017, arXiv 1703.06870) on a ResNet-50 with a pyramid, as MLPerf trains it on COCO.

A detector computes as much as it has regions, which depends on the images. To have one number of operations, all is
fixed here: images of 800x1344 (MLPerf's 800x1333, filled up to a multiple of 32); in training 512 regions an image, of
which 128 have an object and get a mask, which are the reference's most; otherwise 1,000 proposals and 100 masks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Generator, Tensor, nn
from torchvision.models.detection import MaskRCNN
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.models.detection.image_list import ImageList
from torchvision.models.resnet import Bottleneck
from torchvision.ops import roi_align

from aibench.nn.schedules import each_step

CLASSES = 81  # COCO's 80, and the background, 0
OBJECTS = 8  # of a made-up image
POSITIVE = 0.25  # of the sampled regions
CALM = 0.2  # of a residual branch, in place of the statistics that trained normalisation would have
WARMUP = 500  # steps

Target = dict[str, Tensor]
Batch = tuple[Tensor, list[Target]]
Features = dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Holds what the operations depend on, by image.

    Attributes:
        height, width: Pixels.
        samples: Regions an image that the heads are trained with.
        candidates: Proposals that these are drawn from.
        proposals: Regions that the box head looks at otherwise.
        detections: Regions that get a mask then.
    """

    height: int = 800
    width: int = 1344
    samples: int = 512
    candidates: int = 2000
    proposals: int = 1000
    detections: int = 100

    @property
    def positives(self) -> int:
        """Return the number of regions with an object, which get a mask in training."""
        return int(POSITIVE * self.samples)


def made_up(samples: int, generator: Generator, sizes: Sizes | None = None) -> Batch:
    """Return a made-up batch: noise with ellipses as objects.

    Returns:
        Images, float (samples, 3, height, width), normalised; and for each `boxes`, float (objects, 4), `labels`, int64
        (objects,), from 1, `masks`, uint8 (objects, height, width), and `near`, float (positives, 4): boxes that
        overlap an object by more than half, so that there is always the full number of regions with an object.
    """
    sizes = sizes or Sizes()
    images = torch.randn(samples, 3, sizes.height, sizes.width, generator=generator)
    return images, [_objects(generator, sizes) for _ in range(samples)]


def _objects(generator: Generator, sizes: Sizes) -> Target:
    frame = torch.tensor([sizes.width, sizes.height])
    extent = (0.1 + 0.3 * torch.rand(OBJECTS, 2, generator=generator)) * frame
    corner = (0.05 + 0.9 * torch.rand(OBJECTS, 2, generator=generator)) * (frame - 1.1 * extent)
    which = torch.arange(sizes.positives) % OBJECTS
    shift = 0.1 * (torch.rand(sizes.positives, 2, generator=generator) - 0.5) * extent[which]
    near = corner[which] + shift
    middle = corner + extent / 2
    down, right = torch.meshgrid(torch.arange(sizes.height), torch.arange(sizes.width), indexing="ij")
    place = torch.stack([right, down], 2)[None]
    inside = ((2 * (place - middle[:, None, None]) / extent[:, None, None]) ** 2).sum(3) < 1
    return {
        "boxes": torch.cat([corner, corner + extent], 1),
        "labels": torch.randint(1, CLASSES, (OBJECTS,), generator=generator),
        "masks": inside.to(torch.uint8),
        "near": torch.cat([near, near + extent[which]], 1),
    }


class Detector(nn.Module):
    """Assembles torchvision's parts into a detector with fixed numbers of regions.

    On the meta device, where boxes have no places, made-up regions go through the same layers.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        body = resnet_fpn_backbone(backbone_name="resnet50", weights=None, trainable_layers=3)  # two groups are frozen
        for part in body.modules():
            if isinstance(part, Bottleneck):
                nn.init.constant_(part.bn3.weight, CALM)
        whole = MaskRCNN(
            body,
            CLASSES,
            rpn_post_nms_top_n_train=sizes.candidates,
            rpn_post_nms_top_n_test=sizes.proposals,
            box_batch_size_per_image=sizes.samples,
            box_positive_fraction=POSITIVE,
            box_detections_per_img=sizes.detections,
        )
        self.backbone, self.rpn, self.heads = whole.backbone, whole.rpn, whole.roi_heads

    def losses(self, images: Tensor, targets: list[Target]) -> dict[str, Tensor]:
        """Return the five losses by name."""
        if images.is_meta:
            return {str(number): part.mean() for number, part in enumerate(self._shapes_alone(images))}
        features = self.backbone(images)
        proposals, losses = self.rpn(self._listed(images), features, targets)
        pairs = zip(proposals, targets, strict=True)
        regions = [torch.cat([_as_many(found, self.sizes.candidates, of["boxes"]), of["near"]]) for found, of in pairs]
        _, more = self.heads(features, regions, self._shapes(images), targets)
        return {**losses, **more}

    def forward(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return boxes of each image, float (detections, 4), best first, and the logits of all masks.

        The untrained network detects next to nothing: the best proposals fill up what is missing of `detections`.
        The masks' logits are float (batch * detections, classes, 28, 28).
        """
        if images.is_meta:
            outputs = self._shapes_alone(images)
            return list(images.new_empty(len(images), self.sizes.detections, 4)), outputs[-1]
        features, shapes = self.backbone(images), self._shapes(images)
        proposals, _ = self.rpn(self._listed(images), features)
        whole = torch.tensor([[0.0, 0.0, images.shape[3], images.shape[2]]], device=images.device)
        proposals = [_as_many(found, self.sizes.proposals, whole) for found in proposals]
        pooled = self.heads.box_roi_pool(features, proposals, shapes)
        logits, offsets = self.heads.box_predictor(self.heads.box_head(pooled))
        detected, _, _ = self.heads.postprocess_detections(logits, offsets, proposals, shapes)
        pairs = zip(detected, proposals, strict=True)
        boxes = [_as_many(found, self.sizes.detections, others) for found, others in pairs]
        pooled = self.heads.mask_roi_pool(features, boxes, shapes)
        masks: Tensor = self.heads.mask_predictor(self.heads.mask_head(pooled))
        return boxes, masks

    def _shapes_alone(self, images: Tensor) -> list[Tensor]:
        """Return outputs of all heads for as many regions as there would be; the masks' logits come last."""
        features = self.backbone(images)
        objectness, deltas = self.rpn.head(list(features.values()))
        sizes = self.sizes
        regions, masked = (sizes.samples, sizes.positives) if self.training else (sizes.proposals, sizes.detections)
        pooled = _pooled_anywhere(features, len(images) * regions, 7)
        logits, offsets = self.heads.box_predictor(self.heads.box_head(pooled))
        pooled = _pooled_anywhere(features, len(images) * masked, 14)
        masks = self.heads.mask_predictor(self.heads.mask_head(pooled))
        return [*objectness, *deltas, logits, offsets, masks]

    def _listed(self, images: Tensor) -> ImageList:
        return ImageList(images, self._shapes(images))

    def _shapes(self, images: Tensor) -> list[tuple[int, int]]:
        return [(images.shape[2], images.shape[3])] * len(images)


def _as_many(boxes: Tensor, count: int, others: Tensor) -> Tensor:
    """Return the first `count` of `boxes`, float (boxes, 4); `others`, and then both again, fill up."""
    pool = torch.cat([boxes, others])
    return pool[torch.arange(count, device=pool.device) % len(pool)]


def _pooled_anywhere(features: Features, regions: int, side: int) -> Tensor:
    """Return pooled features of `regions` boxes of no place, float (regions, channels, side, side)."""
    level = features["0"]
    return roi_align(level, level.new_zeros(regions, 5), side, 0.25, 2)  # type: ignore[no-any-return]


class Module(pl.LightningModule):
    """Trains Mask R-CNN on the sum of five losses: of objectness, proposals, classes, boxes and masks.

    SGD as in MLPerf's `defaults.py` and `e2e_mask_rcnn_R_50_FPN_1x.yaml`: 0.02 for 16 images and in proportion for
    others, from a third of it within 500 steps, momentum 0.9, weight decay 1e-4; biases with twice the rate and without
    decay. Normalisation is frozen, and so are the first two groups of the backbone, as in the reference, which starts
    from trained weights; here residual branches are scaled to a fifth instead, so that activations stay small.

    Args:
        batch_size: Images of a training step.
        sizes: All else that the operations depend on.
    """

    def __init__(self, batch_size: int = 2, sizes: Sizes | None = None) -> None:
        super().__init__()
        self.batch_size = batch_size
        self.network = Detector(sizes or Sizes())

    def example_input(self) -> tuple[Tensor, ...]:
        """Return one image."""
        return (torch.zeros(1, 3, self.network.sizes.height, self.network.sizes.width),)

    def forward(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return what `Detector.forward` returns."""
        boxes, masks = self.network(images)
        return boxes, masks

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        images, targets = batch
        return torch.stack(list(self.network.losses(images, targets).values())).sum()

    def configure_optimizers(self) -> Any:
        rate = 0.02 * self.batch_size / 16
        trained = [(name, weight) for name, weight in self.named_parameters() if weight.requires_grad]
        weights = [weight for name, weight in trained if not name.endswith("bias")]
        biases = [weight for name, weight in trained if name.endswith("bias")]
        groups = [{"params": weights, "weight_decay": 1e-4}, {"params": biases, "lr": 2 * rate, "weight_decay": 0.0}]
        optimizer = torch.optim.SGD(groups, lr=rate, momentum=0.9, fused=True)
        return each_step(optimizer, lambda step: min(1.0, (1 + 2 * step / WARMUP) / 3))
