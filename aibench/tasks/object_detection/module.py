"""Trains and evaluates Faster R-CNN, and detects with it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from aibench.contract import Facts, TaskModule
from aibench.metrics.voc import ImageScores, VOC07mAP
from aibench.nn.decay import Decay
from aibench.nn.schedules import each_step, half_cosine, stairs
from aibench.nn.weights import decay_groups
from aibench.tasks.object_detection.boxes import Target, in_pixels
from aibench.tasks.object_detection.config import Config, Optimizer
from aibench.tasks.object_detection.data import Batch
from aibench.tasks.object_detection.model import Detector

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Module(TaskModule):
    """Trains all four losses with equal weights, end to end (Ren et al. 2015's approximate joint training)."""

    config: Config

    def __init__(self, config: Config, facts: Facts) -> None:
        super().__init__(config, facts)
        self.classes: list[str] = facts["classes"]
        self.detector = Detector(config.model, len(self.classes))
        if config.model.weights is not None:
            self.initialisation = f"ImageNet weights of {config.model.weights}"
        self.voc = VOC07mAP(len(self.classes))
        self.coco = _coco_metric() if config.model.coco_metric else None
        self._scores: ImageScores | None = None

    def forward(self, images: list[Tensor]) -> list[Target]:
        """Return the detections in `images`, uint8 (3, height, width) each; see `Detector`."""
        return self.detector(images)  # type: ignore[no-any-return]

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        losses: dict[str, Tensor] = self.detector(*batch)
        return torch.stack(list(losses.values())).sum()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        images, targets = batch
        detections = self(images)
        found, true = ([in_pixels(each) for each in boxes] for boxes in (detections, targets))
        self.voc.update(found, true, self.place(batch_idx))
        if self.coco is not None:
            crowds = [{**target, "iscrowd": target["difficult"].int()} for target in targets]
            self.coco.update(detections, crowds)

    def on_validation_epoch_end(self) -> None:
        self.log("val/map50", self.voc.compute())
        self._scores = self.voc.images()
        self.voc.reset()
        if self.coco is not None:
            self.log("val/coco_map", self.coco.compute()["map"])
            self.coco.reset()

    def sample_scores(self) -> ImageScores | None:
        """Return the images' matched detections; None where COCO's mAP is the target."""
        return self._scores if self.config.target.metric == "val/map50" else None

    def configure_optimizers(self) -> Any:
        optim = self.config.optim
        groups = decay_groups(self.parameters(), optim.weight_decay)
        optimizer: torch.optim.Optimizer
        if optim.name is Optimizer.sgd:
            optimizer = torch.optim.SGD(groups, lr=optim.lr, momentum=optim.momentum, fused=True)
        else:
            optimizer = torch.optim.AdamW(groups, lr=optim.lr, fused=True)
        budget, warmup = int(self.trainer.estimated_stepping_batches), optim.warmup_steps
        if optim.decay is Decay.cosine:
            return each_step(optimizer, partial(half_cosine, start=0, end=budget), warmup)
        every = optim.decay_epochs * (budget // (self.trainer.max_epochs or 1))
        return each_step(optimizer, partial(stairs, every=every, factor=optim.decay_factor), warmup)

    def example_input(self) -> tuple[Any, ...]:
        """Return one image of noise: on a plain one every anchor scores alike."""
        data = self.config.data
        generator = torch.Generator().manual_seed(0)
        return ([torch.randint(0, 256, (3, data.height, data.width), generator=generator, dtype=torch.uint8)],)

    def infer(self, batch: Batch) -> list[list[dict[str, Any]]]:
        """Return each image's objects, best first: `class`, `score` in 0 to 1, and `box`, the edges in pixels."""
        return [
            [
                {"class": self.classes[label - 1], "score": score, "box": box}
                for label, score, box in zip(
                    found["labels"].tolist(), found["scores"].tolist(), found["boxes"].tolist(), strict=True
                )
            ]
            for found in self._detect(batch[0])
        ]

    def render(self, batch: Batch) -> Figure:
        """Draw pictures with the boxes that were found and those that are there."""
        from aibench.tasks.object_detection.figure import draw

        return draw(batch, self._detect(batch[0]), self.classes)

    @torch.inference_mode()
    def _detect(self, images: list[Tensor]) -> list[Target]:
        was_training = self.detector.training
        self.detector.eval()
        try:
            return self([image.to(self.device) for image in images])  # type: ignore[no-any-return]
        finally:
            self.detector.train(was_training)


def _coco_metric() -> Any:
    from torchmetrics.detection.mean_ap import MeanAveragePrecision  # needs pycocotools

    return MeanAveragePrecision(box_format="xyxy", iou_type="bbox")
