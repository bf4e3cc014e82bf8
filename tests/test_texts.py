"""Numbers in texts are those of the files that they come from."""

from __future__ import annotations

import re

import pytest

from aibench.analysis.calibration import propose
from aibench.composition.compose import suite_config
from aibench.results.parts import HeldOut, Measured
from aibench.results.result import dumped, write_result
from experiments import clean, texts
from tests.analysis.conftest import made_up
from tests.conftest import ROOT

TEXTS = texts.texts()


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_tables_of_a_text_are_those_of_their_files(path):
    text = path.read_text()
    assert text == texts.renewed(text), "run `make texts`"


def test_the_front_page_and_the_studies_of_the_runs_have_such_tables():
    studies = {path.parent.name for path in TEXTS}
    assert {"run_to_run_variation", "cost", "subset", "comparison", "coverage"} <= studies
    sources = {part["source"] for part in texts.PART.finditer((ROOT / "README.md").read_text())}
    assert sources == {"sizes", "targets", "reproduced"}


def test_a_number_that_was_typed_is_found():
    text = (ROOT / "README.md").read_text()
    part = next(part for part in texts.PART.finditer(text) if part["source"] == "targets")
    place = next(at for at in range(part.end(1), part.end()) if text[at] in "123456789")
    typed = text[:place] + str(int(text[place]) % 9 + 1) + text[place + 1 :]
    assert typed != text
    assert texts.renewed(typed) == text


def calibrated() -> list[str]:
    """The tasks whose calibration is stored."""
    return sorted({path.name.rpartition("_seed")[0] for path in texts.CALIBRATIONS.glob("*_seed*.json")})


@pytest.mark.parametrize("task", calibrated())
def test_a_target_and_the_numbers_beside_it_are_those_of_the_stored_calibration(task):
    runs = texts.calibrated(task)
    target, comment = suite_config(task, "mini").target, (ROOT / "conf/target" / task / "mini.yaml").read_text()
    proposals = [propose(runs, digits) for digits in (2, 3, 4)]
    assert (target.entire, target.quasi_entire) in [(one.entire, one.quasi_entire) for one in proposals]
    took = [found for found in texts.needs(runs, target.entire) if found is not None]
    assert len(took) == len(runs)
    said = re.search(r"Evaluations: (\d+) to (\d+)", " ".join(comment.replace("#", "").split()))
    evaluations = sorted(found.evaluations for found in took)
    assert [int(number) for number in said.groups()] == [evaluations[0], evaluations[-1]]
    card = (ROOT / "docs" / "tasks" / f"{task}.md").read_text()
    assert f"<!-- from: calibration {task} -->" in card, "its table of seeds stands between markers"


def test_the_table_of_a_calibration_has_what_each_seed_took(tmp_path, monkeypatch):
    monkeypatch.setattr(texts, "CALIBRATIONS", tmp_path)
    quality = suite_config("image_classification", "mini").target.entire
    for seed, values in ((2, [0.1, 0.2, quality]), (1, [0.1, quality, 0.3]), (3, [0.1, 0.2, 0.3])):
        run = made_up(3.0, seed, quantum=1.0, quality=values[-1])
        for row, value in zip(run.history, values, strict=True):
            row.metrics[run.target.metric] = value
        (tmp_path / f"image_classification_seed{seed}.json").write_text(dumped(run))
    rows = texts.calibration("image_classification").splitlines()[2:]
    assert rows == ["| 1 | 2 | 2 | 0.3 | - |", f"| 2 | 3 | 3 | {quality:.4g} | - |", "| 3 | - | - | 0.3 | - |"]


def test_the_table_of_a_calibration_has_the_test_part_with_its_standard_error(tmp_path, monkeypatch):
    monkeypatch.setattr(texts, "CALIBRATIONS", tmp_path)
    run = made_up(3.0, 1, quantum=1.0, quality=0.3)
    test, error = Measured(0.91234, "1", "x"), Measured(0.00261, "1", "x")
    run.held_out = HeldOut(None, Measured(None, "1"), test, None, error)
    (tmp_path / "image_classification_seed1.json").write_text(dumped(run))
    assert texts.calibration("image_classification").splitlines()[-1].endswith("| 0.9123 ± 0.003 |")


def test_no_text_has_a_typed_variation_or_time_of_a_miniature():
    typed = re.compile(r"coefficient\s+of\s+variation\s+of\s+\d|\d m?s of processor time a step|CV of \d")
    cards = [*ROOT.glob("docs/tasks/*.md"), *ROOT.glob("conf/*/*/mini.yaml"), ROOT / "README.md"]
    assert len(cards) > 60
    assert [str(path) for path in cards if typed.search(path.read_text())] == []


@pytest.mark.parametrize("line", ["", "| task | 0.5 |"])
def test_what_stands_between_two_markers_is_the_file(line, tmp_path, monkeypatch):
    monkeypatch.setattr(texts, "ROOT", tmp_path)
    (tmp_path / "table.md").write_text("| task | 0.7 |\n")
    text = f"before\n<!-- from: table.md -->\n{line}\n<!-- end -->\nafter\n"
    assert texts.renewed(text) == "before\n<!-- from: table.md -->\n\n| task | 0.7 |\n\n<!-- end -->\nafter\n"


def test_results_of_a_dirty_tree_are_refused_in_a_line_that_names_one(tmp_path):
    for number, commit in enumerate(["a" * 40, f"{'b' * 40}-dirty", None]):
        result = made_up(seed=number)
        result.commit = commit
        write_result(tmp_path / f"{number}_run", result)
    found = clean.fault([tmp_path])
    assert found.startswith(f"{tmp_path / '1_run' / 'result.json'}: of commit {'b' * 40}-dirty, and 1 more of 3.")
    assert "\n" not in found
    assert clean.fault([tmp_path / "0_run"]) is None


def test_the_studies_begin_with_that_refusal_unless_told_otherwise():
    recipe = (ROOT / "Makefile").read_text().split("\nstudies:", 1)[1].splitlines()
    assert recipe[1].strip() == "$(if $(ALLOW_DIRTY),,$(BIN)/python experiments/clean.py $(RESULTS))"
