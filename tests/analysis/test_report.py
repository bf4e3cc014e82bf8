"""The report: complete, safe, self-contained, and usable in a browser."""

from __future__ import annotations

import csv
import json
import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from aibench.analysis.cost.cost import Tariff
from aibench.analysis.report import page
from aibench.analysis.runs.reader import read_runs
from aibench.commands.app import app
from aibench.results.result import Estimate, Measured, Status, Trust


@pytest.fixture(scope="module")
def results(tmp_path_factory, run, write, served):
    """Two tasks, four seeds each; a failed run; a figure; an inference file; a damaged file."""
    folder = tmp_path_factory.mktemp("results")
    runs = [
        run(epochs, seed, task=task)
        for task in ("image_classification", "object_detection")
        for seed, epochs in enumerate([3.0, 4.0, 4.5, 12.5], start=1)
    ]
    runs[0].figure = "figure.png"
    runs[1].trust = Trust("warn", ["another process used the processor"])
    for one in runs[:4]:
        one.estimate = Estimate("2026-01-01T00:00:00+00:00", 72.0, 60.0, 84.0)
    runs[4].energy.total = Measured(7200.0, "J", "counter of the GPU")
    runs.append(run(None, 5, status=Status.failed, data=None, history=[], message="<script>alert(1)</script>"))
    write(folder, runs)
    Image.new("RGB", (1600, 1200), "navy").save(folder / "0" / "figure.png")
    tail = {"percent": 99.0, "seconds": 0.0125, "bound": None, "valid": False, "needed": 662}
    (folder / "0" / "inference.json").write_text(json.dumps(served({"name": "single_stream", "latencies": [tail]})))
    (folder / "bad").mkdir()
    (folder / "bad" / "result.json").write_text('{"schema_version": 99}')
    return folder


@pytest.fixture(scope="module")
def html(results):
    return page.html(made(results))


def made(folder):
    return page.report(read_runs([folder], keep=True), "Results of <two> tasks", Tariff(3.0), {"a": {"ipc": 0.5}})


class Tags(HTMLParser):
    """Every tag that is open at the end, every attribute value, every id."""

    VOID = ("meta", "link", "img", "br", "path", "use", "rect", "circle", "line")

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.ids = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attributes:
            self.ids += [value] if name == "id" else []
            self.links += [value] if name in ("href", "src", "xlink:href") else []

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_the_page_is_well_formed_and_every_link_has_its_place(html):
    tags = Tags(html)
    assert tags.open == []
    inner = {link[1:] for link in tags.links if link.startswith("#")}
    assert inner <= set(tags.ids)
    assert len(tags.ids) == len(set(tags.ids))


def test_the_page_refers_to_nothing_outside_itself(html):
    assert not re.search(r"(?:https?:)?//[\w.]", re.sub(r"base64,[\w+/=]+", "", html))
    assert "@import" not in html
    assert all(link.startswith(("#", "data:")) for link in Tags(html).links)
    assert len(html.encode()) < 5_000_000


def test_what_results_say_is_text_and_no_markup(html):
    assert "<script>alert(1)</script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "Results of &lt;two&gt; tasks" in html


def test_the_page_shows_each_part_or_why_there_is_none(html):
    for text in (
        "image_classification",
        "4/5",
        "no sensor",
        "counter of the GPU",
        "another process used the processor",
        "schema version 99",
        "single_stream",
        "12.5 *",
        "fp32",
        "ipc",
        "60 s to 84 s",
        "data:image/webp;base64,",
        "Quality against epochs, every seed",
    ):
        assert text in html, text
    assert html.count("<svg") >= 5


def test_throughput_has_its_unit_and_the_spread_of_a_step(results):
    found = page.report(read_runs([results], keep=True), "Speed", Tariff())
    (grid,) = next(section.grids for section in found.sections if section.anchor == "speed")
    assert grid.rows[0][:9] == ["image_classification", "images", "500", "500", "500", "500", "100", "90", "120"]


def test_charts_take_their_colours_from_the_page(html):
    assert "var(--first)" in html
    assert "#030303" not in html


@pytest.mark.slow
def test_many_large_pictures_stay_within_the_budget(run, write, tmp_path):
    import numpy as np

    runs = [run(3.0, 1, task=f"task_{number}", figure="figure.png") for number in range(17)]
    write(tmp_path, runs)
    noise = np.random.default_rng(0).integers(0, 256, (600, 800, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "0" / "figure.png")
    for number in range(1, 17):
        shutil.copy(tmp_path / "0" / "figure.png", tmp_path / str(number) / "figure.png")
    assert len(page.html(made(tmp_path)).encode()) < 5_000_000


def test_the_command_writes_all_three_and_tells_how_to_repeat(results, tmp_path):
    files = {kind: str(tmp_path / f"out.{kind}") for kind in ("html", "markdown", "csv")}
    done = CliRunner().invoke(
        app, ["report", str(results), *(word for kind in files for word in (f"--{kind}", files[kind]))]
    )
    assert done.exit_code == 1  # for the damaged file, which is named
    assert "schema version 99" in done.output
    assert (
        "aibench train -m task=image_classification scale=mini session=entire seed=1,2,3,4,5"
        in Path(files["html"]).read_text()
    )
    assert "## Run-to-run variation" in Path(files["markdown"]).read_text()
    rows = list(csv.DictReader(Path(files["csv"]).read_text().splitlines()))
    assert [row["task"] for row in rows] == ["image_classification", "object_detection"]
    assert rows[0]["energy.total reason"] == "no sensor"
    assert CliRunner().invoke(app, ["report", str(tmp_path / "none")]).exit_code == 1


def test_a_task_of_another_suite_has_no_command(run, write, tmp_path):
    write(tmp_path, [run(3.0, 1, task="not_here")])
    target = tmp_path / "out.html"
    assert CliRunner().invoke(app, ["report", str(tmp_path), "--html", str(target)]).exit_code == 0
    assert "cannot be told: task=not_here: none of this suite" in target.read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="tried on Linux alone")
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_opens_it_without_a_word_and_sorts_its_tables(browser, html, tmp_path, width):
    path = tmp_path / "report.html"
    path.write_text(html, encoding="utf-8")
    tab = browser.new_page(viewport={"width": width, "height": 800})
    said, asked = [], []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(path.as_uri())
    assert tab.evaluate("document.documentElement.scrollWidth") <= width, "the page is wider than the screen"
    table = tab.locator("#suite table").first
    head = table.locator("thead th").first
    order = []
    for _ in range(2):
        head.locator("button").click()
        order.append((head.get_attribute("aria-sort"), table.locator("tbody th").all_inner_texts()))
    assert [direction for direction, _ in order] == ["ascending", "descending"]
    assert order[0][1] == order[1][1][::-1]
    assert tab.evaluate("[key('16.3 min') > key('497 s'), key('4.09 G') > key('900 M'), key('<= 2.89'), key('-')]") == [
        True,
        True,
        2.89,
        None,
    ]
    tab.emulate_media(media="print")
    assert tab.locator("nav").is_hidden()
    assert said == []
    assert all(url.startswith(("file:", "data:")) for url in asked)


def test_sessions_of_steps_aim_at_no_quality_and_a_gpu_tells_its_own_memory(tmp_path, run, write):
    timed = run(None, 1, session="steps", status=Status.completed, history=[])
    timed.memory.device = Measured(3 * 2.0**30, "B")
    write(tmp_path, [timed])
    text = page.markdown(made(tmp_path))
    assert text.count("aims at no quality") == 1  # instead of a variation and a cost
    (row,) = [line for line in text.splitlines() if line.startswith("| image_classification | mini | steps |")]
    assert [cell.strip() for cell in row.split("|")][4:8] == ["-"] * 4
    assert "3 GiB" in row
