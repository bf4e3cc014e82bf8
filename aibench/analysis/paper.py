"""Quotes what the paper publishes about variation (5.3.1) and its subset (5.4), and where each number stands."""

from __future__ import annotations

from dataclasses import dataclass

FEWEST_RUNS, MOST_RUNS = 4, 10  # 5.3.1: repeats of each benchmark
SMALLEST_CV, LARGEST_CV = 0.0, 0.3846  # section 1, 5.3.1


@dataclass(frozen=True, slots=True)
class PublishedVariation:
    """Holds the paper's coefficient of variation of the epochs to a convergent quality.

    The paper says neither whether its standard deviation divides by n or n - 1, nor how often it evaluated.

    Attributes:
        cv: Standard deviation over mean, a ratio; None where the paper reports none.
        where: Where the paper has it.
        remark: What the paper says with it.
    """

    cv: float | None
    where: str
    remark: str | None = None


_NO_METRIC = "not reported: no widely accepted metric ends a run"

# The tasks whose value the paper's text gives. Its Table 5 has the others.
VARIATION: dict[str, PublishedVariation] = {
    "image_classification": PublishedVariation(0.0112, "5.3.1"),
    "image_generation": PublishedVariation(None, "5.3.1", _NO_METRIC),
    "image_to_image": PublishedVariation(None, "5.3.1", _NO_METRIC),
    "speech_recognition": PublishedVariation(0.1208, "5.3.1", "with one seed for all runs"),
    "face_recognition_3d": PublishedVariation(LARGEST_CV, "5.3.1"),
    "object_detection": PublishedVariation(SMALLEST_CV, "5.3.1"),
    "learning_to_rank": PublishedVariation(0.019, "5.3.1"),
}

SUBSET = ("image_classification", "object_detection", "learning_to_rank")  # section 1; 5.4
SUBSET_SAVING = 0.41  # section 1: "reducing the benchmarking cost by 41%"
# 5.3.1: tasks without "a widely accepted metric to determine the termination condition for a run".
WITHOUT_ACCEPTED_METRIC = tuple(task for task, published in VARIATION.items() if published.remark == _NO_METRIC)
