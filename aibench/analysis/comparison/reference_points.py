"""Checks convergence against reference points (RCP) as MLPerf does, made two-sided and for any task.

From `mlperf_logging.rcp_checker` (4.1.68): the reference's mean leaves out its best and worst run, its deviation
divides by n and leaves out none; the least mean that a submission may have is that at which a one-sided Student t-test
with the deviation on both sides gives 5 %. MLPerf looks at convergence in too few epochs alone, which would tell of a
broken rule; here too many are told as well, which tell of a broken implementation.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from aibench.analysis.variation.censored import olympic_mean

LEVEL = 0.05
TIMES_AS_MANY = 2  # MLPerf asks for 2N reference runs where a submission has N: fewer bound nothing


@dataclass(frozen=True, slots=True)
class Convergence:
    """Holds a submission's convergence beside a reference's.

    Attributes:
        mean: The reference's olympic mean of the epochs to quality.
        least, most: Limits of a submission's olympic mean.
        submitted: The submission's olympic mean; infinite where more runs missed the target than are left out.
        verdict: `converges as the reference`, `faster than the reference`, `slower than the reference`.
        factor: Factor for the submission's time: `mean / submitted` where it is faster within the limits.
    """

    mean: float
    least: float
    most: float
    submitted: float
    verdict: str
    factor: float


def limits(reference: Sequence[float], runs: int, rejected: int = 1) -> tuple[float, float, float]:
    """Return the mean of the reference's epochs, and the least and the greatest mean that `runs` runs may have.

    Where MLPerf searches by halving, this is the t-test solved for the mean: it lies t * deviation *
    sqrt(1 / n + 1 / m) away, n and m the numbers of runs that are not left out.

    Args:
        reference: Epochs of each run of the reference, finite.
        runs: Number of the submission's runs.
        rejected: Runs left out at each end: 1, but 4 for U-Net3D.

    Raises:
        ValueError: No run is left.
    """
    from scipy.special import stdtrit

    mean = olympic_mean(reference, rejected)
    kept, submitted = len(reference) - 2 * rejected, runs - 2 * rejected
    if mean is None or submitted < 1:
        raise ValueError(f"{len(reference)} and {runs} runs: {2 * rejected + 1} are needed at least, on both sides")
    deviation = statistics.pstdev(reference)
    quantile = float(stdtrit(kept + submitted - 2, 1 - LEVEL)) if kept + submitted > 2 else math.inf
    reach = quantile * deviation * math.sqrt(1 / kept + 1 / submitted) if deviation else 0.0
    return mean, mean - reach, mean + reach


def check(reference: Sequence[float], submission: Sequence[float], rejected: int = 1) -> Convergence:
    """Judge the epochs of a submission's runs, infinite for one that missed, against the reference's.

    Raises:
        ValueError: Too few runs, or a run of the reference missed its target.
    """
    if not all(map(math.isfinite, reference)):
        raise ValueError("a run of the reference missed its target")
    mean, least, most = limits(reference, len(submission), rejected)
    if len(reference) < TIMES_AS_MANY * len(submission):
        raise ValueError(
            f"{len(reference)} reference runs for {len(submission)}: {TIMES_AS_MANY * len(submission)} are needed, "
            f"{TIMES_AS_MANY} for each"
        )
    submitted = olympic_mean(submission, rejected)
    assert submitted is not None, "limits() checked the number of runs"
    if submitted < least:
        return Convergence(mean, least, most, submitted, "faster than the reference", 1.0)
    if submitted > most:
        return Convergence(mean, least, most, submitted, "slower than the reference", 1.0)
    return Convergence(mean, least, most, submitted, "converges as the reference", max(1.0, mean / submitted))
