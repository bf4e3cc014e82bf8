"""Defines what a result says of the samples. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aibench.results.bounds import Count


@dataclass(slots=True)
class Published:
    """Says how data on disk compare with the published data set of their form.

    Attributes:
        name: Name of the published data set.
        known_by: The facts that were compared: checksums, numbers.
        differences: The differences; none where the data are the published ones as far as was compared.
    """

    name: str
    known_by: str
    differences: list[str]


@dataclass(slots=True)
class Data:
    """Describes the samples.

    Attributes:
        source: `embedded`, `disk` or `synthetic`.
        fingerprint: Equal for equal samples.
        train: Number of training samples.
        val: Number of held-out samples.
        facts: What the model had to know of the data, long lists left out.
        test: Number of samples of the test part, which the end of the session judges once; 0 without one.
        published: How they compare with the published data set of their form; null where they are generated, or the
            suite knows none.
    """

    source: str
    fingerprint: str
    train: Count
    val: Count
    facts: dict[str, Any] = field(default_factory=dict)
    published: Published | None = None
    test: Count = 0
