"""The report of several systems: the answer comes first, differences stand once, and no label covers another."""

from __future__ import annotations

import itertools
import re
import sys

import pytest
from typer.testing import CliRunner

from aibench.analysis.cost.cost import Tariff
from aibench.analysis.drawn import short
from aibench.analysis.report import page
from aibench.analysis.report.systems import systems
from aibench.analysis.runs.reader import read_runs
from aibench.analysis.variation.figure import height, strips
from aibench.analysis.variation.rows import variation
from aibench.commands.app import app
from tests.conftest import ROOT

TASKS = sorted({file.stem.rpartition("_seed")[0] for file in (ROOT / "experiments/training/results").glob("*.json")})
MACHINES = {"Brand X 16-core": 1.0, "Brand Y 64-core": 0.5, "Brand Z 8-core": 2.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, run, write):
    """Seventeen tasks on three machines, three seeds each."""
    place = tmp_path_factory.mktemp("systems")
    for number, (cpu, factor) in enumerate(MACHINES.items()):
        runs = [run(4.0 + seed, seed, task=task) for task in TASKS for seed in (1, 2, 3)]
        for turn, one in enumerate(runs):
            one.run_id = f"{number}{one.run_id}"
            one.system = {**one.system, "cpu": cpu}
            one.to_quality.seconds *= factor * (1 + 0.01 * ((7 * turn + 3 * number) % 5))
        write(place / f"machine{number}", runs)
    return place


@pytest.fixture(scope="module")
def made(folder):
    return page.report(read_runs([folder], keep=True), "Three machines", Tariff(2.5), names=("old", "new", "small"))


@pytest.fixture(scope="module")
def written(made, tmp_path_factory):
    """The page in a file: drawing it takes seconds."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(page.html(made), encoding="utf-8")
    return path


def test_the_first_screen_says_which_is_faster_by_how_much_and_whether_it_is_sure(made):
    verdict = made.sections[0]
    assert verdict.sentences[0] == f"new is the fastest of 3 systems over {len(TASKS)} tasks, by seconds to quality."
    assert re.match(
        r"new is (1\.9|2\.0)\d times as fast as old \(95 % interval .*\)\. The data decide it", verdict.sentences[1]
    )
    places, legend = verdict.grids
    assert [row[1] for row in places.rows] == ["new", "old", "small"]
    assert all(row[places.heads.index("price")].endswith(" USD") for row in places.rows)
    assert dict(legend.rows) == dict(zip(("old", "new", "small"), (f"cpu {cpu}" for cpu in MACHINES), strict=True))
    assert verdict.heat.systems == ["new", "old", "small"]
    assert [share for _, _, share in verdict.heat.rows[0][1]] == pytest.approx([0.0, 0.5, 1.0], abs=0.05)


def test_what_the_systems_are_stands_once(made, written):
    text = written.read_text(encoding="utf-8")
    assert all(text.split('id="tasks"')[0].count(cpu) == 1 for cpu in MACHINES)
    (suite,) = next(section for section in made.sections if section.anchor == "suite").grids
    assert list(suite.heads[:2]) == ["task", "system"]
    assert {row[1] for row in suite.rows} == {"old", "new", "small"}


def test_each_folder_is_a_system_where_the_user_says_so(run, write, tmp_path):
    for name, factor in (("left", 1), ("right", 3)):
        runs = [run(4.0 + seed, seed, task=task) for task in TASKS[:3] for seed in (1, 2, 3)]
        for one in runs:
            one.run_id = f"{name}{one.run_id}"
            one.to_quality.seconds *= factor
        write(tmp_path / name, runs)
    target = tmp_path / "page.md"
    words = ["report", str(tmp_path / "left"), str(tmp_path / "right"), "--systems", "--markdown", str(target)]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert "left is the fastest of 2 systems over 3 tasks" in target.read_text()
    assert len(systems(read_runs([tmp_path]).runs)) == 1, "equal machines are one system where nobody says otherwise"


def test_one_run_a_side_decides_nothing(run, write, tmp_path):
    slow, fast = run(4.0, 1), run(4.0, 1)
    slow.system, slow.run_id = {**slow.system, "cpu": "another"}, "slow"
    write(tmp_path, [slow, fast])
    first = page.report(read_runs([tmp_path], keep=True), "Two", Tariff()).sections[0]
    assert "whether that is chance cannot be told" in first.sentences[1]


def test_settings_of_a_sweep_are_no_systems(run, config, write, tmp_path):
    write(tmp_path, [run(4.0, 1, config=config("image_classification", 1, optim__lr=lr)) for lr in (0.1, 0.2)])
    made = page.report(read_runs([tmp_path], keep=True), "Sweep", Tariff())
    assert not made.sections[0].grids
    assert "optim.lr=0.2" in page.markdown(made)


def test_what_has_nothing_to_show_is_one_sentence(made):
    assert "energy" not in {section.anchor for section in made.sections}
    assert "No energy was measured: no sensor." in made.missing
    assert "No result holds an estimate." in made.missing


def overlapping(boxes):
    """The pairs of texts whose boxes cover each other by more than a hair."""
    return [
        (one, other)
        for (one, a), (other, b) in itertools.combinations(boxes, 2)
        if min(a[2], b[2]) - max(a[0], b[0]) > 0.5 and min(a[3], b[3]) - max(a[1], b[1]) > 0.5
    ]


def test_rows_with_many_lines_of_differences_do_not_cover_each_other(run, config):
    changes = ({}, {"optim__lr": 0.2, "model__width": 64, "data__batch_size": 8, "hardware__threads": 7})
    rows = variation([run(4.0 + seed, seed, config=config("image_classification", seed, **one))
                      for one in changes for seed in (1, 2)])  # fmt: skip
    from aibench.analysis.drawn import blank

    figure = blank(8, height(rows))
    strips(figure, rows)
    figure.canvas.draw()
    texts = [text for axes in figure.axes for text in axes.get_yticklabels()]
    boxes = [(text.get_text(), text.get_window_extent().extents) for text in texts]
    assert len(boxes) == 2
    assert overlapping(boxes) == []
    assert len(boxes[1][0].splitlines()) == 5


def test_a_long_name_keeps_the_end_that_tells_it_apart():
    first, second = (short(f"face_embedding (hardware.accelerator={kind})") for kind in ("cpu", "gpu"))
    assert first != second


@pytest.mark.skipif(sys.platform != "linux", reason="tried on Linux alone")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1400, 390])
def test_in_a_browser_no_label_covers_another_and_nothing_is_complained_of(browser, written, width, scheme):
    tab = browser.new_page(viewport={"width": width, "height": 1000}, color_scheme=scheme)
    said = []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.goto(written.as_uri())
    assert said == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= width, "the page is wider than the screen"
    assert tab.locator("#verdict .answer").bounding_box()["y"] < 800, "the answer is on the first screen"
    drawings = tab.evaluate(
        "[...document.querySelectorAll('svg')].map((svg) => "
        "[...svg.querySelectorAll('text')].map((text) => "
        "{const box = text.getBoundingClientRect(); "
        "return [text.textContent, [box.left, box.top, box.right, box.bottom]]}))"
    )
    assert len(drawings) > 3
    assert [pair for boxes in drawings for pair in overlapping(boxes)] == []


@pytest.mark.skipif(sys.platform != "linux", reason="tried on Linux alone")
def test_seventeen_tasks_on_three_systems_print_on_twelve_pages(browser, written):
    tab = browser.new_page()
    tab.goto(written.as_uri())
    assert len(re.findall(rb"/Type /Page\b", tab.pdf(format="A4"))) <= 12
