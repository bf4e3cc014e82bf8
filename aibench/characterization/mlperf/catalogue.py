"""Lists the seven training benchmarks of MLPerf that the paper compares with, as data. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass

VERSION = "0.5"
SOURCE = "https://mlcommons.org/en/training-normal-05/"  # areas, tasks, models and data sets


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Describes one benchmark of MLPerf Training 0.5.

    Attributes:
        name: The name of its file here, and behind `mlperf/`.
        area: The area in MLPerf's table.
        task: The task in MLPerf's table.
        model: The model in MLPerf's table.
        data: The data set that it is trained on.
        reference: The paper that published the model.
        batch_size: Samples of a training step in MLPerf's reference on one GPU; None where it is not built.
        convergent_quality: The quality that the paper (5.2.1) trains it to.
        not_reported: Why it is not built and has no numbers; None where it is and has.
    """

    name: str
    area: str
    task: str
    model: str
    data: str
    reference: str
    batch_size: int | None
    convergent_quality: str | None
    not_reported: str | None = None


BENCHMARKS = (
    Benchmark(
        "resnet50",
        "Vision",
        "Image Classification",
        "ResNet-50 v1.5",
        "ImageNet",
        "He et al. 2016, arXiv 1512.03385",
        64,  # run.sh: --batch_size 64 on one GPU, 1024 on eight
        "73.7 % accuracy",
    ),
    Benchmark(
        "mask_rcnn",
        "Vision",
        "Object Detection (heavy)",
        "Mask R-CNN",
        "COCO 2017",
        "He et al. 2017, arXiv 1703.06870",
        2,  # run_and_time.sh: SOLVER.IMS_PER_BATCH 2 on one GPU
        "37.7 (BBOX)",
    ),
    Benchmark(
        "ssd_resnet34",
        "Vision",
        "Object Detection (light)",
        "SSD-ResNet-34",
        "COCO 2017",
        "Liu et al. 2016, arXiv 1512.02325",
        32,  # train.py: --batch-size
        "22.47 (mAP)",
    ),
    Benchmark(
        "gnmt",
        "Language",
        "Translation (recurrent)",
        "GNMT",
        "WMT English-German",
        "Wu et al. 2016, arXiv 1609.08144",
        128,  # train.py: --train-batch-size
        "22.21 (BLEU)",
    ),
    Benchmark(
        "transformer_big",
        "Language",
        "Translation (non-recurrent)",
        "Transformer (big)",
        "WMT English-German",
        "Vaswani et al. 2017, arXiv 1706.03762",
        128,  # model_params.py: 4,096 tokens, here 128 pairs of 32
        "25.25 (BLEU)",
    ),
    Benchmark(
        "ncf",
        "Commerce",
        "Recommendation",
        "NCF",
        "MovieLens 20M",
        "He et al. 2017, arXiv 1708.05031",
        2048,  # run_and_time.sh: -b 2048
        "60 % (HR@10)",
    ),
    Benchmark(
        "minigo",
        "Research",
        "Reinforcement Learning (Game)",
        "Mini Go",
        "Go",
        "Silver et al. 2016, Nature 529, 484-489",
        None,
        None,
        "not reported, as in the paper (5.2.1): FLOPs and learnable parameters vary from epoch to epoch",
    ),
)
NOT_REPORTED: dict[str, str] = {each.name: each.not_reported for each in BENCHMARKS if each.not_reported}


def names() -> list[str]:
    """Return the names of the benchmarks that are built, in MLPerf's order, without `mlperf/`."""
    return [each.name for each in BENCHMARKS if not each.not_reported]


def benchmark(name: str) -> Benchmark | None:
    """Return the benchmark of that name, built or not; None where there is none."""
    return next((each for each in BENCHMARKS if each.name == name), None)
