"""A thousand random command lines over all verbs: none ends in a traceback, what is wrong is told by its words."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
import typer

from aibench import cli
from aibench.commands import characterize, micro, workloads
from aibench.commands.app import VERBS, app
from aibench.config.fields import shown
from tests.conftest import ROOT

LINES, SEED = 1000, 1
GRAMMAR = re.compile(r"Traceback|mismatched|extraneous|no viable|token recognition|hydra\.cc|full_key|object_type")
RESULTS = ROOT / "experiments" / "run_to_run_variation" / "results"
VALUES = (
    *("", " ", "nan", "inf", "-inf", "-1", "0", "1", "3", "0.5", "1" + "0" * 30, "9" * 5000, "abc", "größe", "\udcff"),
    *("/nowhere", "/nowhere/x.csv", "/dev/null", "/dev/null/x", "/etc/passwd", "x" * 300, "x" * 5000, "~nobody/x", "."),
    *("mini", "reference", "cpu", "tpu", "characteristics", "a,b", "[1", "{", "(", "'", '"', "a\nb", "a=b", "-", "--"),
    *("task=image_classification", "task=all", "task=nope", "task=", "seed=nan", "optim.lr=-1", "data.root=/d/a=b"),
    *("scale=reference", "scale=huge", "hardware=tpu", "run=/nowhere", "run=", "qps=inf", "queries=0", "scenario=x"),
    *(str(RESULTS / "spatial_transformer_seed1.json"), str(RESULTS), str(Path(__file__)), "mlperf", "dawnbench"),
)


def line(draw):
    """A verb with some of its options and arguments, and values that fit or do not."""
    verb = draw.choice([name for name in VERBS if name != "train"] + ["data verify", "nope", ""])
    command = typer.main.get_command(app).commands.get(verb.split(" ")[0])
    options = [name for each in getattr(command, "params", []) for name in each.opts if name.startswith("-")]
    words = verb.split()
    for _ in range(draw.randint(0, 4)):
        if options and draw.random() < 0.4:
            words.append(draw.choice([name for name in options if name != "--probe"] + ["-x", "--nope"]))
        elif draw.random() < 0.1:
            words.append("".join(chr(draw.choice([draw.randint(32, 126), draw.randint(161, 0x24F)])) for _ in range(8)))
        else:
            words.append(draw.choice(VALUES))
    return words


@pytest.fixture
def idle(monkeypatch):
    """Nothing is measured: a line that would be ends with 0."""

    def end(*_, **__):
        raise SystemExit(0)

    monkeypatch.setattr("aibench.serving.session.serve", end)
    monkeypatch.setattr("aibench.training.forecast.probe", end)
    monkeypatch.setattr("aibench.meters.selftest.checks", end)
    for module in (characterize, workloads):
        monkeypatch.setattr(module, "recorded", end)
    monkeypatch.setattr(micro, "_measured", end)
    monkeypatch.setattr(subprocess, "run", end)


@pytest.mark.slow
def test_a_thousand_random_lines_of_verbs_end_without_a_traceback(told, idle, tmp_path, capsys):
    draw = random.Random(SEED)
    figures: Counter[str] = Counter()
    wrong, slowest, begun, here = [], 0.0, time.perf_counter(), tmp_path / "here"
    for number in range(LINES):
        words = line(draw)
        start = time.perf_counter()
        answer = told(*words, entry=cli.main)
        slowest = max(slowest, time.perf_counter() - start)
        fault = fault_of(words, answer, here)
        if fault is not None:
            wrong.append(f"line {number}, {fault}: {words!r:.300}\n{answer.returncode}\n{answer.stderr[-400:]}")
        figures["accepted" if answer.returncode == 0 else "refused"] += 1
        for path in here.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    with capsys.disabled():
        seconds = time.perf_counter() - begun
        print(f"\nverbs: {LINES} lines, {dict(figures)}, {seconds:.0f} s in all, {slowest:.1f} s the slowest")
    assert not wrong, "\n\n".join([f"{len(wrong)} lines", *wrong[:20]])


def fault_of(words, answer, here):
    """What is wrong with an answer, in a word; None where nothing is."""
    said = answer.stdout + answer.stderr
    if not isinstance(answer.returncode, int) or GRAMMAR.search(said) is not None:
        return "traceback"
    if answer.returncode == 0:
        return None
    if len(words) > 1 and not names_a_word(said, words):
        return "names no word"
    return "left a folder" if any(path.is_dir() for path in here.iterdir()) else None


def names_a_word(text, words):
    """Whether a word stands in `text` as it was typed, or its key; or the word that is missing does."""
    parts = [part for word in words for part in (shown(word), " ".join(word.split()), word.split("=")[0], repr(word))]
    missing = any(f"{key}: no value. Give " in text for key in ("run", "task")) or "no workload to count" in text
    return missing or any(part and part in text for part in parts)
