"""What several devices gain is computed from results alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from aibench.analysis.cost.cost import Tariff
from aibench.analysis.report import page
from aibench.analysis.runs.reader import read_runs
from aibench.analysis.runs.record import parsed
from aibench.analysis.runs.runs import of_record
from aibench.analysis.scaling.scaling import lines, seconds_of_an_epoch
from aibench.analysis.scaling.table import plot, quality, speed
from aibench.results.result import Measured, World, dumped
from tests.analysis.conftest import made_up

SERIAL = 0.1


def on(devices, epochs=3.0, scaling="strong", seed=1, serial=SERIAL, written=False, gpu=None):
    """A run, or what it has `written`, on so many devices, of a program with a serial part (Amdahl)."""
    result = made_up(epochs)
    rate = 100 / (serial + (1 - serial) / devices)
    nothing = Measured(None, "s", reason="not timed")
    world = World(
        devices,
        1,
        "ddp",
        scaling,
        "the run",
        "gloo",
        ["here"],
        "",
        32,
        32 / devices,
        False,
        4,
        nothing,
        nothing,
        nothing,
    )
    hardware = {"devices": devices, "scaling": scaling}
    whole = replace(
        result,
        run_id=f"{devices}-{scaling}-{seed}",
        seed=seed,
        world=None if devices == 1 else world,
        system={**result.system, "gpu": gpu},
        config={**result.config, "hardware": hardware, "data": {"batch_size": 32}},
        throughput=replace(result.throughput, samples=Measured(rate, "samples/s")),
        to_quality=replace(result.to_quality, epochs=epochs, seconds=epochs * 1000 / rate),
    )
    return whole if written else of_record(parsed(dumped(whole).encode()), keep=True)


def test_the_serial_share_is_that_of_amdahls_law():
    (line,) = lines([on(1), on(2), on(4)])
    assert [point.devices for point in line.points] == [1, 2, 4]
    assert line.serial_share(line.points[0]) is None
    assert [line.serial_share(point) for point in line.points[1:]] == pytest.approx([SERIAL, SERIAL])
    assert line.speed_up(line.points[2]) == pytest.approx(1 / (SERIAL + (1 - SERIAL) / 4))
    assert line.efficiency(line.points[2]) == pytest.approx(line.speed_up(line.points[2]) / 4)


def test_the_time_to_quality_is_the_product_of_its_two_factors():
    (line,) = lines([on(1, 3.0), on(2, 4.0)])
    one, two = line.points
    assert two.seconds.mean == pytest.approx(two.epochs.mean * seconds_of_an_epoch(two))
    assert line.statistical_efficiency(two) == pytest.approx(3 / 4)
    gain = line.statistical_efficiency(two) * line.efficiency(two) * 2
    assert line.quality_speed_up(two) == pytest.approx(gain)
    assert one.missed == 0


def test_one_device_is_the_base_of_strong_and_of_weak_scaling():
    strong, weak = lines([on(1), on(2), on(2, scaling="weak")])
    assert (strong.scaling, weak.scaling) == ("strong", "weak")
    assert [point.devices for point in weak.points] == [1, 2]
    assert weak.serial_share(weak.points[1]) is None


def test_the_tables_and_the_figure_tell_it(tmp_path):
    runs = [on(devices, 3.0 + seed / 100 + (devices == 2), seed=seed) for devices in (1, 2) for seed in (1, 2, 3)]
    found = lines(runs)
    table = speed(found)
    assert [row[3] for row in table.rows] == ["1", "2"]
    assert table.records[1]["serial_share"] == pytest.approx(SERIAL)
    assert "±" in table.rows[1][table.heads.index("speed-up")]
    assert any("do not meet those of one device" in note for note in quality(found).notes)
    plot(found, tmp_path / "scaling.png")
    assert (tmp_path / "scaling.png").stat().st_size > 1000


def test_without_one_device_nothing_is_compared():
    (line,) = lines([on(2)])
    assert line.speed_up(line.points[0]) is None
    assert any("nothing to compare" in note for note in speed([line]).notes)


def test_machines_of_two_kinds_are_two_lines():
    small, large = lines([on(count, gpu=gpu) for gpu in ("A", "B") for count in (1, 2)])
    assert [len(line.points) for line in (small, large)] == [2, 2]
    assert small.task != large.task


def test_the_report_has_a_section_of_several_devices(tmp_path, write):
    write(tmp_path, [on(count, seed=seed, written=True) for count in (1, 2, 4) for seed in (1, 2)])
    made = page.report(read_runs([tmp_path], keep=True), "Scaling", Tariff())
    (section,) = [section for section in made.sections if section.anchor == "scaling"]
    first, second = section.grids
    for grid in (first, second):
        assert [row[grid.heads.index("devices")] for row in grid.rows] == ["1", "2", "4"]
    assert first.records[2]["serial_share"] == pytest.approx(SERIAL)
    assert "ideal" in section.chart
    assert 'href="#scaling"' in page.html(made)
    assert "## Several devices" in page.markdown(made)


def test_the_report_of_one_device_says_that_nothing_tells(tmp_path, write):
    write(tmp_path, [on(1, written=True)])
    made = page.report(read_runs([tmp_path], keep=True), "Alone", Tariff())
    assert "scaling" not in {section.anchor for section in made.sections}
    assert page.ONE_DEVICE in made.missing
