"""The gallery is of the shipped results, and a result of a study has its figure beside it."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from PIL import Image

from aibench.analysis.report.pictures import picture
from aibench.analysis.runs.reader import read_runs
from aibench.results.files import figure_beside
from aibench.results.result import write_result
from experiments import gallery

MOST_BYTES = 100_000  # of a figure; all of them are to stay small


def test_the_page_is_what_its_command_writes():
    assert gallery.page(gallery.shipped()) == gallery.PAGE.read_text(encoding="utf-8"), "run `make gallery`"


def test_each_figure_is_small_and_its_result_is_shipped():
    figures = [path for study in gallery.STUDIES for path in study.glob("*.png")]
    assert figures
    for path in [*figures, gallery.CURVES, gallery.REPORT.with_suffix(".png")]:
        assert path.stat().st_size < MOST_BYTES, path
    assert [path for path in figures if not path.with_suffix(".json").is_file()] == []


def test_the_report_shows_a_figure_that_lies_beside_a_result():
    path = next(path for study in gallery.STUDIES for path in study.glob("*.png")).with_suffix(".json")
    faults: list[str] = []
    shown = picture(read_runs([path], keep=True).runs, 400_000, faults)
    assert faults == []
    assert (shown or "").startswith("data:image/")


def test_a_figure_comes_beside_the_shipped_result_of_its_run_alone(run, tmp_path, monkeypatch):
    mine, other = run(3.0, 1), run(3.0, 2)
    for one, name in ((mine, "mine"), (other, "other")):
        write_result(tmp_path / name, dataclasses.replace(one, figure="figure.png"))
        Image.new("RGB", (2000, 400), "navy").save(tmp_path / name / "figure.png")
    shipped = tmp_path / "image_classification_seed1.json"
    monkeypatch.setattr(gallery, "shipped", lambda: {"image_classification": [(shipped, mine)]})
    monkeypatch.setattr(gallery, "ROOT", tmp_path)
    gallery.keep(tmp_path)
    assert [path.name for path in tmp_path.glob("*.png")] == [figure_beside(shipped).name]
    with Image.open(figure_beside(shipped)) as image:
        assert image.width == gallery.WIDTH


def test_the_example_report_names_no_folder_of_the_machine_that_made_it():
    text = Path(gallery.REPORT).read_text(encoding="utf-8")
    assert "is the fastest of 2 systems" in text
    assert not re.search(r"/(home|root|tmp|work)/", text)
