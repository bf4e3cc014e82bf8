"""Results of others: their text does nothing, their paths lead nowhere, and one bad file spoils no table."""

from __future__ import annotations

import copy
import csv
import json
import os
import re
import sys
from html.parser import HTMLParser

import pytest
from PIL import Image
from pydantic import ValidationError
from typer.testing import CliRunner

from aibench.analysis.checking import faults
from aibench.analysis.grid import Grid, marked, plain
from aibench.analysis.report.pictures import picture
from aibench.analysis.runs.reader import read_runs
from aibench.analysis.runs.record import UnreadableError, parsed
from aibench.analysis.runs.runs import of_record
from aibench.commands.app import app
from aibench.commands.console import complain, console, print_line, print_result, say
from aibench.composition.restore import restored
from aibench.config import ConfigError
from aibench.results.result import SCHEMA_VERSION, Estimate, ResultError, _adapter, dumped, read_result

HOSTILE = (
    "\"'><script>alert(1)</script><img src=x onerror=alert(1)>",
    '=HYPERLINK("http://evil.example")',
    "\x1b]0;owned\x07\x1b[31m\x9b2J\u202e",
    "[/x] [red]not red[/red] :smile:",
    "a | b\n| c\n\n<script>x</script>\n![p](http://evil.example/p.png) \\",
    "$\\frac{",
    "../../../../etc/passwd",
    "{{ 7 * 7 }}{% include 'x' %}${oc.env:HOME}",
)
KEPT = ("status", "started", "run_id", "figure", "session", "mode")  # have a meaning that the tables need


def strings(node, path=()):
    """The path of every string in `node`."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from strings(value, (*path, key))
    elif isinstance(node, list):
        for place, value in enumerate(node):
            yield from strings(value, (*path, place))
    elif isinstance(node, str):
        yield path


def put(node, path, value):
    changed = copy.deepcopy(node)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return changed


@pytest.fixture(scope="module")
def document(run):
    """A result with a value in every field."""
    made = run(1.0, 1, quantum=0.5)
    made.estimate = Estimate("2026-01-01", 12.0, 10.0, 14.0)
    made.message = "a message"
    made.commit = "c" * 40
    made.trust.reasons.append("a reason")
    made.division.left.append("model.width=8 (the suite's: 32)")
    return json.loads(dumped(made))


@pytest.fixture(scope="module")
def hostile(document, served, tmp_path_factory):
    """A folder of one result a hostile string, which stands in all its text, and a good one."""
    folder = tmp_path_factory.mktemp("hostile")
    for number, text in enumerate(HOSTILE):
        changed = document
        for path in strings(document):
            if path[-1] not in KEPT and (path != ("scale",) or number % 2):
                changed = put(changed, path, text)
        changed["history"][0]["metrics"] = {text: 0.5}
        changed["history"][1]["metrics"] = {text: 0.9}
        changed["config"][text] = {text: text}
        changed["versions"][text] = text
        changed["system"][text] = [text, {text: text}]
        changed["run_id"] = str(number)
        (folder / str(number)).mkdir()
        (folder / str(number) / "result.json").write_text(json.dumps(changed))
        session = served({"name": text, "saturated": True}, precision=text)
        (folder / str(number) / "inference.json").write_text(json.dumps(session))
    (folder / "good").mkdir()
    (folder / "good" / "result.json").write_text(json.dumps(document))
    return folder


class Elements(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text.append(data)


def test_no_text_of_a_result_becomes_an_element_a_script_or_an_address_of_the_page(hostile, tmp_path):
    done = CliRunner().invoke(app, ["report", str(hostile), "--html", str(tmp_path / "page.html")])
    assert done.exit_code == 0, done.output
    page = Elements((tmp_path / "page.html").read_text())
    assert page.tags.count("script") == 1
    assert "img" not in page.tags
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    links = [value for name, value in page.attributes if name in ("href", "src", "xlink:href")]
    assert all(link.startswith(("#", "data:")) for link in links)
    assert any("<script>alert(1)</script>" in text for text in page.text)  # shown, as text
    labels = [value for name, value in page.attributes if name == "aria-label"]
    assert any("<script>alert(1)</script>" in label for label in labels)
    assert "49" not in "".join(page.text).split("{{ 7 * 7 }}")[1][:5]
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", (tmp_path / "page.html").read_text())


def test_the_browser_may_run_the_pages_own_script_alone(hostile, tmp_path):
    import base64
    import hashlib

    CliRunner().invoke(app, ["report", str(hostile / "good"), "--html", str(tmp_path / "page.html")])
    text = (tmp_path / "page.html").read_text()
    own = text[text.index("<script>") + len("<script>") : text.index("</script>")]
    digest = base64.b64encode(hashlib.sha256(own.encode()).digest()).decode()
    assert f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in text


@pytest.mark.skipif(sys.platform != "linux", reason="tried on Linux alone")
def test_a_browser_runs_nothing_of_a_result_and_asks_for_nothing(browser, hostile, tmp_path):
    CliRunner().invoke(app, ["report", str(hostile), "--html", str(tmp_path / "page.html")])
    tab = browser.new_page()
    said, asked, opened = [], [], []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("dialog", lambda dialog: opened.append(dialog.message) or dialog.dismiss())
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto((tmp_path / "page.html").as_uri())
    assert tab.locator("#suite tbody th", has_text="<script>alert(1)</script>").count() == 1
    assert tab.evaluate("document.scripts.length") == 1
    assert (said, opened) == ([], [])
    assert all(url == (tmp_path / "page.html").as_uri() or url.startswith("data:") for url in asked)


VERBS = (
    ["report"],
    ["variation"],
    ["cost"],
    ["subset", "--k", "2", "--scale", "mini"],
    ["compare", "SELF"],
    ["check"],
)


@pytest.mark.parametrize("words", VERBS, ids=lambda words: words[0])
def test_no_text_of_a_result_acts_on_the_terminal_or_in_a_spreadsheet_or_in_markdown(hostile, tmp_path, words):
    table, text = tmp_path / "t.csv", tmp_path / "t.md"
    places = [str(hostile / str(number)) for number in range(len(HOSTILE))] if words[0] == "check" else [str(hostile)]
    rest = [str(hostile) if word == "SELF" else word for word in words[1:]]
    for place in places:
        shown_only = CliRunner().invoke(app, [words[0], place, *rest])
        assert shown_only.exception is None or isinstance(shown_only.exception, SystemExit)
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", shown_only.output)
    if words[0] in ("check", "subset"):  # a subset needs several runs of each task
        return
    done = CliRunner().invoke(app, [words[0], places[0], *rest, "--csv", str(table), "--markdown", str(text)])
    assert table.is_file(), done.output
    assert "not red" not in done.output or "[red]not red" in done.output.replace("\n", "")
    with table.open(newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    numbers = re.compile(r"-?[\d.]+(e[-+]?\d+)?|-inf")
    acting = [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert not [cell for cell in acting if not numbers.fullmatch(cell)]
    said = text.read_text()
    assert "<script" not in said
    assert "](http" not in said
    columns = 0
    for line in said.splitlines():  # every row of a table has as many columns as its head
        here = len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) if line.startswith("|") else 0
        assert here == columns or 0 in (here, columns), line
        columns = here


@pytest.mark.parametrize("text", HOSTILE)
def test_the_console_prints_text_as_text(run, capsys, monkeypatch, tmp_path, text):
    from rich.table import Table

    console.cache_clear()
    result = run(1.0, 1, task=text, message=text)
    console().print(f"{text}")
    table = Table(text, title=text)
    table.add_row(text)
    console().print(table)
    print_result(result, tmp_path / "[/x]")
    print_line(result, tmp_path / "[/x]")
    say(text)
    complain(text)
    told = capsys.readouterr()
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", told.out + told.err)
    assert "[/x]" in told.out.replace("\n", "")
    console.cache_clear()


def test_cells_are_quoted_where_a_spreadsheet_would_compute_and_numbers_stay(tmp_path):
    for text in ("=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\uff1d1"):
        assert not plain(text).startswith(("=", "+", "-", "@", "\t", "\r")), text
    for value in (-1, -0.5, None, True, "-0.5", "+1e5", "text", "a=b"):
        assert plain(value) == value
    Grid("t", ["a"], [["b"]], records=[{"=key": "=value", "n": -1.5}]).write_csv(tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text().splitlines() == ["'=key,n", "'=value,-1.5"]


def test_markdown_cells_hold_no_column_tag_link_or_line():
    assert marked("a|b\n<b>c</b> <!-- x [d](e) \\|") == "a\\|b<br>&lt;b>c&lt;/b> &lt;!-- x [d]\\(e) \\\\\\|"
    assert marked("<= 5 %, a < b") == "<= 5 %, a < b"


# Values of the wrong type, size or sign, for every field.
ODD = (
    True,
    "x",
    "",
    -1,
    10**400,
    1e300,
    -1e300,
    1e-300,
    1e30,
    [],
    {},
    [1],
    {"a": 1},
    {"value": "x"},
    "y" * 500,
    None,
    2**62,
)


def fields(node, path=()):
    if path:
        yield path
    if isinstance(node, dict):
        for key, value in node.items():
            yield from fields(value, (*path, key))
    elif isinstance(node, list) and node:
        yield from fields(node[-1], (*path, len(node) - 1))


@pytest.mark.parametrize("every", [24, pytest.param(2, marks=pytest.mark.slow)])
def test_a_value_that_no_result_has_is_a_named_fault_or_a_table_that_is_made(document, tmp_path, every):
    """Every field with every odd value; the tables of some of them below one folder take their time."""
    readable = 0
    for number, (path, value) in enumerate((path, value) for path in fields(document) for value in ODD):
        changed = put({**document, "run_id": str(number)}, path, value)
        raw = json.dumps(changed).encode()
        try:
            record = parsed(raw)
        except UnreadableError:
            continue
        assert of_record(record, "x").measured is not None
        readable += 1
        if readable % every == 0:
            (tmp_path / str(number)).mkdir()
            (tmp_path / str(number) / "result.json").write_bytes(raw)
    assert readable > 500
    for words in (["variation"], ["cost"], ["report"], ["subset"], ["compare", str(tmp_path)]):
        done = CliRunner().invoke(app, [words[0], str(tmp_path), *words[1:]])
        assert done.exception is None or isinstance(done.exception, SystemExit), (words, done.exc_info)
        assert done.exit_code in (0, 1)


def test_the_check_of_a_result_with_an_odd_value_ends_in_faults_or_without(document):
    checked = 0
    for path in fields(document):
        for value in (*ODD, 1e-30, 5e29, 0, "${x}"):
            try:
                result = _adapter().validate_json(json.dumps(put(document, path, value)))
            except ValidationError:
                continue
            checked += 1
            assert isinstance(faults(result), list)
    assert checked > 800


BOMBS = {
    "deep": lambda path: path.write_text("[" * 100_000),
    "endless": lambda path: path.symlink_to("/dev/zero"),
    "pipe": os.mkfifo,
    "folder": lambda path: path.mkdir(),
    "large": lambda path: path.open("wb").truncate(40 * 2**20),
    "nan": lambda path: path.write_text('{"schema_version": 2, "quality": NaN}'),
    "digits": lambda path: path.write_text('{"schema_version": 2, "seed": 1' + "0" * 5000 + "}"),
    "bytes": lambda path: path.write_bytes(b'{"schema_version": 2, "task": "\xff"}'),
    "surrogate": lambda path: path.write_text('{"schema_version": 2, "task": "\\ud800"}'),
    "twice": lambda path: path.write_text('{"schema_version": 2, "schema_version": 2}'),
    "version": lambda path: path.write_text('{"schema_version": 3}'),
    "truth": lambda path: path.write_text('{"schema_version": true}'),
    "list": lambda path: path.write_text("[]"),
}


def test_one_file_that_cannot_be_read_is_named_in_every_table_and_the_good_one_is_in_it(document, tmp_path):
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "result.json").write_text(json.dumps(document))
    for name, make in BOMBS.items():
        (tmp_path / name).mkdir()
        make(tmp_path / name / "result.json")
    for words in (["variation"], ["cost"], ["report"], ["compare", str(tmp_path)]):
        done = CliRunner().invoke(app, [words[0], str(tmp_path), *words[1:]])
        assert done.exit_code == 1
        said = done.output.replace("\n", "")
        assert "image_classification" in said
        for name in BOMBS:
            assert f"/{name}/result.json: " in said, (words, name)
    for name in BOMBS:
        with pytest.raises(ResultError, match=r"result\.json"):
            read_result(tmp_path / name / "result.json")


def test_every_reader_answers_alike_to_a_version_that_it_does_not_know(document, tmp_path):
    for version in (0, SCHEMA_VERSION + 1, "2", 2.0, True, None, [2]):
        path = tmp_path / "result.json"
        path.write_text(json.dumps({**document, "schema_version": version}))
        (fault,) = read_runs([path]).faults
        with pytest.raises(ResultError) as raised:
            read_result(path)
        assert str(raised.value) == fault
        assert f"this suite reads 1 to {SCHEMA_VERSION}" in fault
        for verb in ("check", "cost", "variation", "report"):
            done = CliRunner().invoke(app, [verb, str(path)])
            assert done.exit_code == 1
            assert f"this suite reads 1 to {SCHEMA_VERSION}" in done.output.replace("\n", " ")


def of_figure(document, folder, figure):
    folder.mkdir(exist_ok=True)
    (folder / "result.json").write_text(json.dumps({**document, "figure": figure}))
    return read_runs([folder], keep=True).runs


def test_a_figure_elsewhere_or_too_large_is_named_and_not_shown(document, tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "secret.png")
    run = tmp_path / "run"
    run.mkdir()
    (run / "link.png").symlink_to(tmp_path / "secret.png")
    Image.new("1", (20_000, 20_000)).save(run / "bomb.png")
    Image.new("1", (8_000, 8_000)).save(run / "large.png")
    (run / "text.png").write_text("no picture")
    (run / "drawing.svg").write_text("<svg/>")
    os.mkfifo(run / "pipe.png")
    for name in (
        "../secret.png",
        str(tmp_path / "secret.png"),
        "link.png",
        "bomb.png",
        "large.png",
        "text.png",
        "drawing.svg",
        "pipe.png",
        "a\0b",
    ):
        faults: list[str] = []
        assert picture(of_figure(document, run, name), 10**6, faults) is None, name
        assert len(faults) == 1, name
        assert faults[0].startswith(f"{run / 'result.json'}: figure {name[:80]!r}: not shown: ")
    Image.new("RGB", (4, 4)).save(run / "figure.png")
    faults = []
    assert picture(of_figure(document, run, "figure.png"), 10**6, faults).startswith("data:image/webp;base64,")
    assert picture(of_figure(document, run, "not_kept.png"), 10**6, faults) is None
    assert faults == []


def test_references_in_the_configuration_of_a_file_stay_text(run, config, monkeypatch, tmp_path):
    monkeypatch.setenv("A_SECRET", "secret")
    from aibench.composition.compose import suite_config
    from aibench.config import plain as plainly

    own = plainly(suite_config("image_classification", "mini"))
    for text in ("${oc.env:A_SECRET}", "\\${oc.env:A_SECRET}", "x${oc.env:A_SECRET", "${seed}", "${oc.decode:1}"):
        changed = {**own, "data": {**own["data"], "root": text, "cache": str(tmp_path)}}
        found = restored(changed)
        assert found.data.root == text
        assert plainly(found)["data"]["root"] == text
        assert found.data.cache != str(tmp_path)  # a file names no place to write to
        assert restored(changed, [f"data.cache={tmp_path}"]).data.cache == str(tmp_path)


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"task": ["x"]},
        {"task": "image_classification", "data": 3},
        {"task": "image_classification", "data": []},
        {"task": "image_classification", "data": None},
        {"task": "image_classification", "optim": {"lr": "x"}},
        {"task": "image_classification", "optim": {"lr": 10**400}},
        {"task": "image_classification", "hydra": {"run": {"dir": "/tmp/x"}}},
        {"task": "image_classification", "seed": "???"},
        {"task": "../image_classification"},
    ],
)
def test_a_configuration_that_no_run_has_is_refused(config):
    with pytest.raises(ConfigError):
        restored(config)


def test_a_result_of_a_scale_or_task_that_is_not_here_is_on_the_page_without_a_command(document, tmp_path):
    for name, change in {
        "good": {},
        "scale": {"scale": "medium"},
        "task": {"task": "chess"},
        "grammar": {"task": "a,b=c", "scale": "${x}"},
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_text(json.dumps({**document, **change, "run_id": name}))
        assert CliRunner().invoke(app, ["check", str(tmp_path / name)]).exit_code in (0, 1)
    done = CliRunner().invoke(app, ["report", str(tmp_path), "--html", str(tmp_path / "page.html")])
    assert done.exit_code == 0, done.output
    page = (tmp_path / "page.html").read_text()
    assert page.count("To repeat, at commit") == 1
    assert "scale=medium: none of this suite" in page
    assert "task=chess: none of this suite" in page
