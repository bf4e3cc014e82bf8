"""How alike workloads are, against numpy's SVD, sums by hand and groups that are known."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage

from aibench.analysis.workloads import similarity_table
from aibench.analysis.workloads.similarity import TooFewError, compare, features, standardised
from aibench.analysis.workloads.similarity_figure import plot
from aibench.results.record import Record


def record(name: str, flops: float | None, parameters: float | None, suite: str = "AIBench", **shares: float) -> Record:
    return Record(
        name=name,
        suite=suite,
        scale="reference",
        device="cpu",
        threads=1,
        torch="2",
        system={},
        characteristics={"parameters": {"total": parameters}, "forward": {"flops": flops}},
        profile={"categories": {category: {"share": share} for category, share in shares.items()}} if shares else None,
    )


@pytest.fixture
def two_kinds() -> list[Record]:
    """Five convolutional workloads of some GFLOP, four of matrix products and some MFLOP."""
    spread = np.random.default_rng(0).uniform(0.9, 1.1, (9, 2))
    convolutional = [
        record(f"conv{n}", 4e9 * spread[n, 0], 3e7 * spread[n, 1], convolution=0.7 + n / 100, GEMM=0.3 - n / 100)
        for n in range(5)
    ]
    products = [
        record(
            f"mlperf/gemm{n}",
            2e6 * spread[n, 0],
            1e6 * spread[n, 1],
            "MLPerf",
            GEMM=0.9 - n / 100,
            embedding=0.1 + n / 100,
        )
        for n in range(5, 9)
    ]
    return convolutional + products


def test_components_are_those_of_numpys_svd(two_kinds):
    found = compare(two_kinds)
    points = found.features.points
    assert points.mean(axis=0) == pytest.approx(0, abs=1e-12)
    left, singular, right = np.linalg.svd(points, full_matrices=False)
    assert found.explained == pytest.approx(singular**2 / np.sum(singular**2))
    count = int((singular > 1e-9).sum())
    assert np.abs(found.components[:, :count]) == pytest.approx(np.abs(left * singular)[:, :count])
    assert np.abs(found.loadings[:count]) == pytest.approx(np.abs(right[:count]))


def test_known_groups_are_found_and_are_scipys(two_kinds):
    found = compare(two_kinds)
    kinds = [name.startswith("conv") for name in found.features.names]
    assert len(set(found.clusters)) == 2
    assert {(kind, int(cluster)) for kind, cluster in zip(kinds, found.clusters, strict=True)} in (
        {(True, 1), (False, 2)},
        {(True, 2), (False, 1)},
    )
    theirs = fcluster(linkage(found.features.points, "ward"), 2, "maxclust")
    assert {*zip(theirs, found.clusters, strict=True)} in ({(1, 1), (2, 2)}, {(1, 2), (2, 1)})
    assert found.silhouettes[2] == max(found.silhouettes.values())
    assert 0.9 < found.cophenetic <= 1


def test_distances_by_hand():
    """Values 1, 2, 3, 6 (mean 3, deviation sqrt(3.5)) and 0, 0, 0, 1 (0.25, sqrt(3/16)), each a group of its own."""
    values = np.array([[1.0, 0], [2, 0], [3, 0], [6, 1]])
    points = standardised(values, ["size", "time"])
    assert np.linalg.norm(points[0] - points[1]) == pytest.approx(1 / math.sqrt(3.5))
    assert np.linalg.norm(points[2] - points[3]) == pytest.approx(math.sqrt(9 / 3.5 + 16 / 3))


def test_a_group_of_many_features_weighs_no_more_than_one():
    one = np.array([1.0, 2, 3, 6])
    alone = standardised(np.column_stack([one, one]), ["size", "time"])
    many = standardised(np.column_stack([one, one, one, one]), ["size", "time", "time", "time"])
    assert (many**2).sum() == pytest.approx((alone**2).sum())


def test_distances_are_those_between_the_points(two_kinds):
    found = compare(two_kinds)
    by_hand = [[math.dist(one, other) for other in found.features.points] for one in found.features.points]
    assert found.distances == pytest.approx(np.array(by_hand))


def test_sizes_are_logarithms_and_an_unnamed_category_took_no_time(two_kinds):
    found = features(two_kinds)
    table = {name: found.values[:, place] for place, name in enumerate(found.features)}
    assert table["log forward FLOPs"][0] == pytest.approx(math.log10(two_kinds[0].characteristics["forward"]["flops"]))
    assert table["embedding share"][0] == 0
    assert table["GEMM share"][5] == pytest.approx(0.85)


def test_what_a_few_workloads_lack_stands_at_the_mean_and_is_told(two_kinds):
    two_kinds[0].characteristics["parameters"]["total"] = None
    found = features(two_kinds)
    column = found.features.index("log parameters")
    assert np.isnan(found.values[0, column])
    assert found.points[0, column] == 0
    assert "log parameters: not known of conv0, which stand at the others' mean" in found.remarks


def test_what_many_lack_is_left_out_and_told(two_kinds):
    for one in two_kinds[:3]:
        one.characteristics["parameters"]["total"] = None
    found = features(two_kinds)
    assert "log parameters" not in found.features
    assert "log parameters: left out, 3 of 9 workloads have none" in found.remarks
    assert any("achieved_occupancy" in line and "no workload has it" in line for line in found.remarks)


def test_a_small_category_and_one_that_is_the_same_for_all_are_left_out(two_kinds):
    for place, one in enumerate(two_kinds):
        one.profile["categories"] |= {"pooling": {"share": 0.001 * place}, "other": {"share": 0.2}}
    found = features(two_kinds)
    assert "pooling share: left out, under 5% of the time of every workload" in found.remarks
    assert "other share: left out, the same for all" in found.remarks or any(
        "other share" in line and "the same for all" in line for line in found.remarks
    )


def test_a_workload_without_operations_or_profile_is_left_out_by_name(two_kinds):
    more = [record("search", None, 1e6, GEMM=1.0), record("unprofiled", 1e6, 1e6)]
    found = features([*two_kinds, *more])
    assert "search" not in found.names
    assert "search: left out, its operations are not known" in found.remarks
    assert "unprofiled: left out, it has no profile" in found.remarks


def test_epochs_are_a_size_where_most_workloads_were_trained(two_kinds):
    found = features(two_kinds, {one.name: 2.0**place for place, one in enumerate(two_kinds[:8])})
    column = found.features.index("log epochs to quality")
    assert found.groups[column] == "size"
    assert found.values[3, column] == pytest.approx(math.log10(8))
    assert any("epochs to quality: not known of mlperf/gemm8" in line for line in found.remarks)
    assert "log epochs to quality" not in features(two_kinds).features


def test_a_configuration_beside_the_suites_own_is_left_out(two_kinds):
    two_kinds[0].characteristics["words"] = ["model=a/b"]
    assert "conv0: left out, it is not the suite's configuration but model=a/b" in features(two_kinds).remarks


def test_where_most_have_no_profile_sizes_alone_are_compared(two_kinds):
    found = features([replace(one, profile=None) if place > 5 else one for place, one in enumerate(two_kinds)])
    assert len(found.names) == 9
    assert set(found.groups) == {"size"}
    assert "shares of time: left out, 3 of 9 workloads have no profile" in found.remarks


def test_counters_are_a_group_of_their_own(two_kinds):
    for place, one in enumerate(two_kinds):
        object.__setattr__(one, "counters", {"metrics": {"achieved_occupancy": place / 10, "gld_efficiency": None}})
    found = features(two_kinds)
    assert found.groups[found.features.index("achieved_occupancy")] == "counters"
    assert "gld_efficiency" not in found.features


def test_too_few_workloads_are_refused_in_one_line(two_kinds):
    with pytest.raises(TooFewError, match=r"^3 workloads can be compared, and it takes 4\.$"):
        compare(two_kinds[:3])
    with pytest.raises(TooFewError, match=r"\(search: left out, its operations are not known\)$"):
        compare([*two_kinds[:3], record("search", None, 1.0, GEMM=1.0)])
    with pytest.raises(TooFewError, match="no feature tells"):
        compare([record(str(n), 1e6, 1e6, GEMM=1.0) for n in range(5)])


def test_the_same_records_give_the_same_picture(two_kinds):
    one, other = compare(two_kinds), compare(two_kinds)
    assert (one.embedding == other.embedding).all()
    assert one.perplexity < len(one.features.names)
    assert compare(two_kinds[:4]).perplexity < 4


def test_tables_and_figures_name_every_workload(two_kinds, tmp_path):
    found = compare(two_kinds)
    nearest = similarity_table.neighbours(found)
    first = next(row for row in nearest.rows if row[0] == "conv0")
    assert first[3].startswith("conv")
    assert first[4].startswith("mlperf/gemm")
    nearest.write_csv(tmp_path / "distances.csv")
    with (tmp_path / "distances.csv").open() as file:
        rows = {row["workload"]: row for row in csv.DictReader(file)}
    assert float(rows["conv0"]["distance to conv0"]) == 0
    assert rows["conv0"]["distance to conv1"] == rows["conv1"]["distance to conv0"]
    assert len(similarity_table.matrix(found).rows) == 9
    assert similarity_table.components(found).rows[0][0] == "1"
    assert all(path.stat().st_size > 5000 for path in plot(found, tmp_path))


def test_no_name_lies_on_another_one_or_on_a_point():
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.text import Text

    from aibench.analysis.drawn import blank
    from aibench.analysis.workloads import similarity_figure

    generator = np.random.default_rng(3)
    points = np.concatenate([generator.normal(size=(12, 2)), 0.05 * generator.normal(size=(10, 2))])
    names = [f"some workload {number:05d}" for number in range(len(points))]
    found = SimpleNamespace(
        features=SimpleNamespace(names=names, suites=["AIBench"] * len(points)),
        clusters=np.ones(len(points), dtype=int),
    )
    figure = blank(10, 6.5)
    axes = figure.add_subplot()
    similarity_figure._scatter(axes, found, points)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    boxes = [Text.get_window_extent(one, canvas.get_renderer()) for one in axes.texts]  # without the lines that lead
    assert [
        (a, b) for a, one in enumerate(boxes) for b, other in enumerate(boxes) if a < b and one.overlaps(other)
    ] == []
    marks = axes.transData.transform(points)
    assert [
        (a, b) for a, one in enumerate(boxes) for b, mark in enumerate(marks) if a != b and one.contains(*mark)
    ] == []
