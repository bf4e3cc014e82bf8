"""Builds Faster R-CNN (Ren et al. 2015) on torchvision's detection classes: one network for both scales."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
from torchvision.models.detection.generalized_rcnn import GeneralizedRCNN
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import AnchorGenerator, RegionProposalNetwork
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import MultiScaleRoIAlign

from aibench.tasks.object_detection import backbones
from aibench.tasks.object_detection.config import ModelConfig, RoiConfig, RpnConfig

IMAGENET_MEAN = [0.485, 0.456, 0.406]
IMAGENET_STD = [0.229, 0.224, 0.225]

Target = dict[str, Tensor]


class Detector(GeneralizedRCNN):  # type: ignore[misc]
    """Detects objects with Faster R-CNN.

    Takes a list of images, uint8 (3, height, width), of any sizes. In training it takes their targets too (`boxes`,
    float (objects, 4), and `labels`, int64 (objects,), from 1) and returns the four losses by name; else a dict
    for each image: `boxes`, float (detections, 4), `labels` and `scores`, float (detections,), best first. Boxes
    are (left, top, right, bottom) edges in the image's pixels.

    Args:
        config: The model's configuration.
        classes: Number of classes, without the background.
    """

    def __init__(self, config: ModelConfig, classes: int) -> None:
        parts = backbones.build(config)
        resize = Resize(config.short_side, config.long_side, IMAGENET_MEAN, IMAGENET_STD, size_divisible=parts.divisor)
        rpn = _proposal_network(config.rpn, parts.channels, config.pyramid)
        super().__init__(parts.body, rpn, _region_heads(config.roi, parts, classes + 1), resize)
        self.frozen = config.weights is not None

    def train(self, mode: bool = True) -> Detector:
        """Switch to training, but for normalisation with loaded statistics: a few images estimate them worse."""
        super().train(mode)
        if self.frozen:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self


class Resize(GeneralizedRCNNTransform):  # type: ignore[misc]
    """Scales and pads uint8 images like torchvision; one that has its size already is left alone."""

    def normalize(self, image: Tensor) -> Tensor:
        """Return `image`, uint8 (3, height, width), as float with ImageNet's statistics."""
        mean = torch.tensor(self.image_mean, device=image.device)[:, None, None] * 255
        std = torch.tensor(self.image_std, device=image.device)[:, None, None] * 255
        return (image - mean) / std

    def resize(self, image: Tensor, target: Target | None = None) -> tuple[Tensor, Target | None]:
        """Return `image`, and the boxes of `target`, scaled until the short or the long side has its length."""
        short, long = sorted(image.shape[-2:])
        if min(self.min_size[-1] / short, self.max_size / long) == 1:
            return image, target
        return super().resize(image, target)  # type: ignore[no-any-return]


class ProposalHead(nn.Module):
    """Runs the region proposal network's convolutions.

    Args:
        channels: The features' channels.
        hidden: Channels of the 3x3 convolution; torchvision's own head takes as many as the features have.
        anchors: Anchors at each position.
    """

    def __init__(self, channels: int, hidden: int, anchors: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, hidden, 3, padding=1)
        self.objectness = nn.Conv2d(hidden, anchors, 1)
        self.offsets = nn.Conv2d(hidden, anchors * 4, 1)
        for layer in (self.convolution, self.objectness, self.offsets):
            nn.init.normal_(layer.weight, std=0.01)  # authors' code
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, levels: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Return each level's objectness, float (batch, anchors, ...), and offsets, float (batch, 4 * anchors, ...)."""
        hidden = [F.relu(self.convolution(features)) for features in levels]
        return [self.objectness(features) for features in hidden], [self.offsets(features) for features in hidden]


class RegionHeads(RoIHeads):  # type: ignore[misc]
    """Runs torchvision's region heads without masks and key points, and with a box loss that has a `beta`.

    Args:
        beta: Error at which the box loss turns from square to linear; torchvision's is 1/9, the authors' 1.
    """

    def __init__(self, *args: Any, beta: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.beta = beta

    def forward(
        self,
        features: dict[str, Tensor],
        proposals: list[Tensor],
        image_shapes: list[tuple[int, int]],
        targets: list[Target] | None = None,
    ) -> tuple[list[Target], dict[str, Tensor]]:
        """Return detections, or in training the losses, of `proposals`: float (proposals, 4) for each image."""
        if self.training:
            proposals, _, labels, offsets = self.select_training_samples(proposals, targets)
        regions = self.box_head(self.box_roi_pool(features, proposals, image_shapes))
        logits, predicted = self.box_predictor(regions)
        if self.training:
            return [], self.losses(logits, predicted, torch.cat(labels), torch.cat(offsets))
        columns = self.postprocess_detections(logits, predicted, proposals, image_shapes)
        return [
            {"boxes": boxes, "scores": scores, "labels": labels} for boxes, scores, labels in zip(*columns, strict=True)
        ], {}

    def losses(self, logits: Tensor, predicted: Tensor, labels: Tensor, offsets: Tensor) -> dict[str, Tensor]:
        """Return the losses of the classes and of the boxes; the latter counts objects alone, over all regions.

        Args:
            logits: Float (regions, classes).
            predicted: Offsets for each class, float (regions, 4 * classes).
            labels: Int64 (regions,), 0 for the background.
            offsets: What the object's class should have, float (regions, 4).
        """
        objects = torch.where(labels > 0)[0]
        own = predicted.reshape(len(labels), -1, 4)[objects, labels[objects]]
        box_loss = F.smooth_l1_loss(own, offsets[objects], beta=self.beta, reduction="sum") / len(labels)
        return {"loss_classifier": F.cross_entropy(logits, labels), "loss_box_reg": box_loss}


def _proposal_network(config: RpnConfig, channels: int, pyramid: bool) -> RegionProposalNetwork:
    sizes = [(size,) for size in config.anchor_sizes] if pyramid else [tuple(config.anchor_sizes)]
    anchors = AnchorGenerator(tuple(sizes), (tuple(config.anchor_ratios),) * len(sizes))
    return RegionProposalNetwork(
        anchors,
        ProposalHead(channels, config.channels, anchors.num_anchors_per_location()[0]),
        config.foreground_iou,
        config.background_iou,
        config.batch,
        0.5,
        {"training": config.candidates_train, "testing": config.candidates_test},
        {"training": config.proposals_train, "testing": config.proposals_test},
        config.nms_iou,
    )


def _region_heads(config: RoiConfig, parts: backbones.Parts, outputs: int) -> RegionHeads:
    predictor = FastRCNNPredictor(parts.width, outputs)
    for layer, spread in ((predictor.cls_score, 0.01), (predictor.bbox_pred, 0.001)):  # authors' code
        nn.init.normal_(layer.weight, std=spread)
        nn.init.zeros_(layer.bias)
    return RegionHeads(
        MultiScaleRoIAlign(parts.levels, config.size, config.samples),
        parts.head,
        predictor,
        config.foreground_iou,
        config.foreground_iou,
        config.batch,
        config.positive_fraction,
        (10.0, 10.0, 5.0, 5.0),  # 1 / (0.1, 0.1, 0.2, 0.2), the authors' standard deviations of the offsets
        config.score,
        config.nms_iou,
        config.detections,
        beta=config.beta,
    )
