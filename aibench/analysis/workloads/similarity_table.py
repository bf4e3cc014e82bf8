"""Writes the similarity of workloads as tables and sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from aibench.analysis.grid import Grid, number, percent
from aibench.analysis.workloads.similarity import Similarity

LOADINGS = 3  # features named of a component


def neighbours(found: Similarity) -> Grid:
    """Return a table of each workload's cluster, its most similar workload, and that of the other suite.

    Its records, which go to the CSV file, hold all distances and the coordinates in the figures.
    """
    names, suites = found.features.names, found.features.suites
    rows = []
    for place, name in enumerate(names):
        others = np.argsort(found.distances[place], kind="stable")
        nearest = next(other for other in others if other != place)
        foreign = next((other for other in others if suites[other] != suites[place]), None)
        rows.append(
            [
                name,
                suites[place],
                str(found.clusters[place]),
                f"{names[nearest]} {found.distances[place, nearest]:.2f}",
                "-" if foreign is None else f"{names[foreign]} {found.distances[place, foreign]:.2f}",
            ]
        )
    rows.sort(key=lambda row: (int(row[2]), row[1], row[0]))
    return Grid(
        title="Which workloads are alike",
        heads=["workload", "suite", "cluster", "nearest", "nearest of the other suite"],
        rows=rows,
        names=5,
        legend="Distances between standardised features; each group of features weighs the same. cluster: Ward's tree "
        f"cut into {len(set(found.clusters))}, the number with the largest mean silhouette.",
        records=[_record(found, place) for place in range(len(names))],
    )


def _record(found: Similarity, place: int) -> dict[str, Any]:
    features = found.features
    return {
        "workload": features.names[place],
        "suite": features.suites[place],
        "cluster": int(found.clusters[place]),
        "pc1": found.components[place, 0],
        "pc2": found.components[place, 1] if found.components.shape[1] > 1 else None,
        "tsne1": found.embedding[place, 0],
        "tsne2": found.embedding[place, 1],
        **{f"distance to {name}": found.distances[place, other] for other, name in enumerate(features.names)},
    }


def matrix(found: Similarity) -> Grid:
    """Return a table of all distances; columns are numbered as the rows."""
    names = found.features.names
    return Grid(
        title="Distances",
        heads=["", "workload", *(str(place) for place in range(1, len(names) + 1))],
        rows=[
            [str(place + 1), name, *("" if other == place else f"{value:.1f}" for other, value in enumerate(row))]
            for place, (name, row) in enumerate(zip(names, found.distances, strict=True))
        ],
        names=2,
    )


def components(found: Similarity) -> Grid:
    """Return a table of what the principal components are made of."""
    rows = []
    for place, share in enumerate(found.explained):
        if place and found.explained[:place].sum() >= 0.9:
            break
        loadings = found.loadings[place]
        strongest = np.argsort(-np.abs(loadings), kind="stable")[:LOADINGS]
        made_of = ", ".join(f"{found.features.features[at]} {loadings[at]:+.2f}" for at in strongest)
        rows.append(
            [str(place + 1), percent(float(share)), percent(float(found.explained[: place + 1].sum())), made_of]
        )
    return Grid(
        title="Principal components that hold 90 % of the variance",
        heads=["component", "of the variance, %", "up to here, %", f"its {LOADINGS} strongest loadings"],
        rows=rows,
        names=4,
    )


def sentences(found: Similarity) -> Sequence[str]:
    """Return lines that say which features there are, what was left out, and how far to trust tree and clusters."""
    features = found.features
    groups = {group: [] for group in features.groups}  # type: dict[str, list[str]]
    for name, group in zip(features.features, features.groups, strict=True):
        groups[group].append(name)
    counts = ", ".join(f"{suite} {features.suites.count(suite)}" for suite in dict.fromkeys(features.suites))
    best = found.silhouettes[len(set(found.clusters))]
    return [
        f"{len(features.names)} workloads ({counts}).",
        *(f"Features, {group}: {', '.join(names)}." for group, names in groups.items()),
        *(f"{remark}." for remark in features.remarks),
        f"Tree: cophenetic correlation {found.cophenetic:.2f}. Mean silhouette of {len(set(found.clusters))} clusters "
        f"{number(best)}; of "
        + ", ".join(f"{count}: {number(score)}" for count, score in found.silhouettes.items())
        + ".",
        f"t-SNE: perplexity {found.perplexity:g}, one random start; a picture, not a measure.",
    ]
