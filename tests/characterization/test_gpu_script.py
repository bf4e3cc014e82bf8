"""What is to be measured on a GPU in ten minutes runs here on a CPU, with the miniature of a task."""

from __future__ import annotations

import json
import time

import pytest

from tests.conftest import script

measure = script("experiments/gpu/measure.py")
TASKS = "recommendation"


@pytest.mark.slow
def test_all_parts_leave_their_files(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    parts = "sessions,graphs,profiles,qualities"  # counters run as profiles do, in a process more
    assert measure.main(["--rehearse", "--tasks", TASKS, "--parts", parts, "--output", "found"]) == 0
    left = {str(path.relative_to(tmp_path / "found")) for path in (tmp_path / "found").rglob("*.*")}
    for task in TASKS.split(","):
        assert {f"results/fp32/{task}.json", f"results/gpu_fast/{task}.json", f"graphs/{task}.json"} <= left
        assert {f"records/{task}-mini.json", f"qualities/{task}.json"} <= left
        config = json.loads((tmp_path / "found" / "results" / "gpu_fast" / f"{task}.json").read_text())["config"]
        assert config["hardware"]["cudnn_benchmark"], "the other settings of hardware=gpu_fast are a GPU's"
        graph = json.loads((tmp_path / "found" / "graphs" / f"{task}.json").read_text())
        assert len(graph["losses"]["graph"]) == 6
        assert graph["largest_difference"] < 1e-5
    table = (tmp_path / "found" / "speed.md").read_text()
    assert [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")][2:] == TASKS.split(",")


def test_an_item_that_fails_is_told_and_the_next_one_is_measured(tmp_path, capfd, monkeypatch):
    def broken(plan, task):
        assert task != "a", "out of memory"
        plan.written(f"{task}.json", {})

    monkeypatch.setattr(measure, "items", lambda *_: [("a", broken), ("b", broken)])
    assert measure.main(["--rehearse", "--parts", "sessions", "--output", str(tmp_path)]) == 1
    told = capfd.readouterr()
    assert told.out.splitlines()[-3:] == [
        "sessions a: not all of it",
        "sessions b: measured",
        "1 of the items are not whole: sessions a",
    ]
    assert "out of memory" in told.err
    assert (tmp_path / "b.json").is_file()


def test_an_item_is_stopped_when_the_time_is_over(tmp_path, capfd, monkeypatch):
    def endless(plan, task):
        plan.written("before.json", {})
        time.sleep(3600)

    monkeypatch.setattr(measure, "items", lambda *_: [("a", endless), ("b", endless)])
    assert measure.main(["--rehearse", "--parts", "graphs", "--minutes", "0.02", "--output", str(tmp_path)]) == 1
    assert "2 of the items are not whole: graphs a, graphs b" in capfd.readouterr().out


@pytest.mark.parametrize("name", ["fp32", "tf32", "gpu_fast"])
def test_the_words_for_a_gpu_are_a_run(name, composed):
    plan = measure.planned(measure.ROOT, rehearse=False)
    config = composed("task=recommendation", "scale=reference", "session=steps", *plan.words, *plan.settings[name])
    assert config.hardware.accelerator == "gpu"
    assert config.hardware.precision == {"fp32": "fp32", "tf32": "tf32", "gpu_fast": "bf16"}[name]
