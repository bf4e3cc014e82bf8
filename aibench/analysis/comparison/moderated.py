"""Borrows scatter across tasks: a few runs of one task say little of its variance, those of all tasks say more.

Moderated statistics (Smyth, Statistical Applications in Genetics and Molecular Biology 3, 2004, article 3): the tasks'
variances are taken for draws from a scaled inverse chi-square distribution, whose two parameters are fitted to all of
them; each variance is then drawn towards the common one, by as much as the tasks agree.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

FEWEST = 3  # variances that a common one is fitted to
LEAST = 1e-5  # of the median variance: a variance of 0 has no logarithm


def prior(variances: Sequence[float], degrees: Sequence[float]) -> tuple[float, float]:
    """Return the common variance and its degrees of freedom, infinite where the variances agree as chance has it.

    Args:
        variances: A sample variance of each task, positive.
        degrees: Its degrees of freedom.
    """
    import numpy as np
    from scipy.optimize import brentq
    from scipy.special import digamma, polygamma

    half = np.asarray(degrees, dtype=float) / 2
    logs = np.log(np.asarray(variances, dtype=float)) - digamma(half) + np.log(half)
    centre = float(logs.mean())
    excess = float(np.mean((logs - centre) ** 2 * len(logs) / (len(logs) - 1) - polygamma(1, half)))
    if excess <= polygamma(1, 1e6):
        return float(np.exp(centre)), float("inf")
    own = float(brentq(lambda value: polygamma(1, value) - excess, 1e-6, 1e7))
    return float(np.exp(centre + digamma(own) - np.log(own))), 2 * own


def moderated(variances: Sequence[float], degrees: Sequence[float]) -> list[tuple[float, float]]:
    """Return each variance drawn towards the common one, with its degrees of freedom.

    No task gets more degrees of freedom than all tasks have together. Fewer than three variances, or variances that
    are all 0, come back as they are.
    """
    positive = [value for value in variances if value > 0]
    if len(variances) < FEWEST or not positive:
        return list(zip(variances, degrees, strict=True))
    least = LEAST * statistics.median(positive)
    raised = [max(value, least) for value in variances]
    common, weight = prior(raised, degrees)
    most = sum(degrees)
    if weight == float("inf"):
        return [(common, most) for _ in variances]
    return [
        ((weight * common + own * value) / (weight + own), min(weight + own, most))
        for value, own in zip(raised, degrees, strict=True)
    ]
