"""Computes how alike workloads are: their measurements as points, principal components, clusters and distances."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aibench.analysis.workloads.microarchitecture import FIVE
from aibench.results.record import Record

Floats = NDArray[np.float64]

FEWEST = 4  # workloads that can be told more or less alike
MOST_MISSING = 0.25  # of the workloads; a feature that more of them lack is left out
LEAST_SHARE = 0.05  # of a step's time, that a category must take in one workload at least
MOST_CLUSTERS = 7
PERPLEXITY = 5.0
RANDOM_STATE = 0
# Of the section `characteristics`: the feature; where it is; all span decades and are taken as logarithms.
SIZES = {
    "parameters": ("parameters", "total"),
    "forward FLOPs": ("forward", "flops"),
    "arithmetic intensity": ("roofline", "intensity"),
}
EPOCHS = "epochs to quality"


class TooFewError(ValueError):
    """Reports too few workloads, or that nothing tells them apart. The message is one line."""


@dataclass(frozen=True, slots=True)
class Features:
    """Holds what was measured of each workload, ready to be compared.

    Attributes:
        names: The workloads' names.
        suites: The workloads' suites.
        features: Names of the features.
        groups: The features' groups: `size`, `time` or `counters`.
        values: float (workloads, features): logarithms (base 10) of sizes, shares of time, ratios. NaN where missing.
        points: float (workloads, features): standardised, missing ones at the mean; each group weighs the same.
        remarks: What was left out or filled in, and why: a line each.
    """

    names: list[str]
    suites: list[str]
    features: list[str]
    groups: list[str]
    values: Floats
    points: Floats
    remarks: list[str]


@dataclass(frozen=True, slots=True)
class Similarity:
    """Holds the distances, components, clusters and pictures of workloads in the space of their features.

    Attributes:
        features: The features that span the space.
        distances: float (workloads, workloads): Euclidean, between `features.points`.
        components: float (workloads, components): the principal components.
        loadings: float (components, features): of the features in them.
        explained: The share of the variance that each holds.
        tree: float (workloads - 1, 4): Ward's clustering, as SciPy writes it.
        cophenetic: Correlation of the tree's heights with the distances.
        clusters: int (workloads,): the cut of the tree with the largest mean silhouette, numbered from 1.
        silhouettes: The mean silhouette by number of clusters.
        embedding: float (workloads, 2): t-SNE. Only a picture: its distances and gaps mean little.
        perplexity: The perplexity that t-SNE used.
    """

    features: Features
    distances: Floats
    components: Floats
    loadings: Floats
    explained: Floats
    tree: Floats
    cophenetic: float
    clusters: NDArray[np.int_]
    silhouettes: dict[int, float]
    embedding: Floats
    perplexity: float


def compare(records: Sequence[Record], epochs: Mapping[str, float] | None = None) -> Similarity:
    """Return components, clusters, t-SNE and distances of `records`, one for each workload; always the same result.

    Args:
        records: Records of one scale.
        epochs: By workload, epochs to quality, where it was trained at that scale.

    Raises:
        TooFewError: Fewer than four workloads can be compared, or no feature tells them apart.
    """
    found = features(records, epochs)
    from scipy.cluster.hierarchy import cophenet, linkage
    from scipy.spatial.distance import pdist, squareform
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    count = len(found.names)
    flat = pdist(found.points)
    tree = linkage(flat, "ward", optimal_ordering=True)
    pca = PCA(svd_solver="full").fit(found.points)
    perplexity = min(PERPLEXITY, (count - 1) / 2)
    tsne = TSNE(2, perplexity=perplexity, init="random", random_state=RANDOM_STATE)
    clusters, silhouettes = _cut(tree, squareform(flat))
    return Similarity(
        features=found,
        distances=squareform(flat),
        components=pca.transform(found.points),
        loadings=pca.components_,
        explained=pca.explained_variance_ratio_,
        tree=tree,
        cophenetic=float(cophenet(tree, flat)[0]),
        clusters=clusters,
        silhouettes=silhouettes,
        embedding=np.asarray(tsne.fit_transform(found.points), dtype=np.float64),
        perplexity=perplexity,
    )


def _cut(tree: Floats, distances: Floats) -> tuple[NDArray[np.int_], dict[int, float]]:
    from scipy.cluster.hierarchy import fcluster
    from sklearn.metrics import silhouette_score

    cuts = {}
    for count in range(2, min(MOST_CLUSTERS, len(distances) - 1) + 1):
        labels = fcluster(tree, count, "maxclust").astype(np.int_)
        if len(set(labels)) == count:
            cuts[count] = labels
    scores = {count: float(silhouette_score(distances, labels, metric="precomputed")) for count, labels in cuts.items()}
    if not scores:
        raise TooFewError("the workloads cannot be told apart: all lie at one point.")
    return cuts[max(scores, key=lambda count: scores[count])], scores


def features(records: Sequence[Record], epochs: Mapping[str, float] | None = None) -> Features:
    """Return what `records` and `epochs` tell of each workload, standardised.

    A workload without operations is left out, and one without a profile, unless more than a quarter have none: then
    the shares of time are left out. So is any feature that more than a quarter lack; in one that fewer lack, they stand
    at the mean of the others. A category that a profile does not name took no time in it.

    Raises:
        TooFewError: Fewer than four workloads are left, or no feature.
    """
    kept, remarks = _comparable(records)
    if len(kept) < FEWEST:
        also = f" ({'; '.join(remarks)})" if remarks else ""
        raise TooFewError(f"{len(kept)} workloads can be compared, and it takes {FEWEST}.{also}")
    columns: dict[tuple[str, str], Floats] = {}
    left_out: dict[str, list[str]] = {}
    for group, name, column in [*_sizes(kept, epochs or {}), *_times(kept), *_counters(kept)]:
        if reason := _useless(group, column):
            left_out.setdefault(reason, []).append(name)
            continue
        columns[group, name] = column
        missing = [record.name for record, value in zip(kept, column, strict=True) if math.isnan(value)]
        if missing:
            remarks.append(f"{name}: not known of {', '.join(missing)}, which stand at the others' mean")
    remarks += [f"{', '.join(names)}: left out, {reason}" for reason, names in left_out.items()]
    if not columns:
        raise TooFewError("no feature tells the workloads apart.")
    values = np.column_stack(list(columns.values()))
    groups = [group for group, _ in columns]
    return Features(
        names=[record.name for record in kept],
        suites=[record.suite for record in kept],
        features=[name for _, name in columns],
        groups=groups,
        values=values,
        points=standardised(values, groups),
        remarks=remarks,
    )


def standardised(values: Floats, groups: Sequence[str]) -> Floats:
    """Return `values` with mean 0 and deviation 1 in each column, divided so that all groups weigh the same.

    Args:
        values: float (workloads, features); NaN stands at the column's mean.
        groups: The group of each feature; the squares of each group sum to the same.
    """
    standard = (values - np.nanmean(values, axis=0)) / np.nanstd(values, axis=0)
    sizes = Counter(groups)
    weights = np.array([1 / math.sqrt(sizes[group]) for group in groups])
    return np.asarray(np.where(np.isnan(standard), 0.0, standard) * weights)


def columns(records: Sequence[Record]) -> list[Column]:
    """Return every feature of `records` as it is, to try whether they hold what the analysis reads."""
    _comparable(records)
    found = [*_sizes(records, {}), *_times(records), *_counters(records)]
    return [(group, name, column.astype(np.float64)) for group, name, column in found]


def _comparable(records: Sequence[Record]) -> tuple[list[Record], list[str]]:
    """Return the records that can be compared, and a line for each workload or section that is left out."""
    reasons = {record.name: reason for record in records if (reason := _unusable(record))}
    known = [record for record in records if record.name not in reasons]
    unprofiled = [record.name for record in known if not _categories(record)]
    remarks = []
    if len(unprofiled) > MOST_MISSING * len(known):
        remarks.append(f"shares of time: left out, {len(unprofiled)} of {len(known)} workloads have no profile")
        known = [replace(record, profile=None) for record in known]
    else:
        reasons |= dict.fromkeys(unprofiled, "it has no profile")
    kept = [record for record in known if record.name not in reasons]
    return kept, [*(f"{name}: left out, {reason}" for name, reason in reasons.items()), *remarks]


def _unusable(record: Record) -> str | None:
    if words := (record.characteristics or {}).get("words"):
        return f"it is not the suite's configuration but {' '.join(words)}"
    return "its operations are not known" if _at(record.characteristics, SIZES["forward FLOPs"]) is None else None


def _categories(record: Record) -> dict[str, Any]:
    return (record.profile or {}).get("categories") or {}


def _useless(group: str, column: Floats) -> str | None:
    """Return why a feature is left out; None where it is of use."""
    missing = int(np.isnan(column).sum())
    if missing == len(column):
        return "no workload has it"
    if missing > MOST_MISSING * len(column):
        return f"{missing} of {len(column)} workloads have none"
    if np.nanmax(column) == np.nanmin(column):
        return "the same for all"
    if group == "time" and np.nanmax(column) < LEAST_SHARE:
        return f"under {LEAST_SHARE:.0%} of the time of every workload"
    return None


Column = tuple[str, str, Floats]


def _sizes(records: Sequence[Record], epochs: Mapping[str, float]) -> Iterator[Column]:
    columns = {name: [_at(record.characteristics, path) for record in records] for name, path in SIZES.items()}
    columns[EPOCHS] = [epochs.get(record.name) for record in records]
    for name, found in columns.items():
        yield "size", f"log {name}", np.array([math.log10(value) if value else math.nan for value in found])


def _times(records: Sequence[Record]) -> Iterator[Column]:
    """Yield the share of a step's time in each category of operators."""
    shares = [{name: one["share"] for name, one in _categories(record).items()} for record in records]
    for name in dict.fromkeys(name for found in shares for name in found):
        yield "time", f"{name} share", np.array([found.get(name, 0.0) for found in shares])


def _counters(records: Sequence[Record]) -> Iterator[Column]:
    for name in FIVE:
        found = [_at(record.counters, ("metrics", name)) for record in records]
        yield "counters", name, np.array([math.nan if value is None else value for value in found])


def _at(section: dict[str, Any] | None, path: Sequence[str]) -> float | None:
    found: Any = section
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return float(found) if isinstance(found, int | float) else None
