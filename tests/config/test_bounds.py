"""Every key of every task: a value that no run can have is refused in one line that names the key."""

from __future__ import annotations

import enum
import math
from dataclasses import fields, is_dataclass

import pytest

from aibench.composition import registry
from aibench.config.bounds import MOST, Interval
from aibench.config.checks import problems
from aibench.config.fields import declarations, described

NONSENSE = {
    int: [10**30, -(10**30), 10**5000],
    float: [math.nan, math.inf, -math.inf],
    str: ["", " ", "a\0b", "a\nb", "\udcff", "a" * 5000],
}
DOUBTFUL = {
    int: [-1, 0, 1, 3, MOST],
    float: [-1.0, -0.0, 0.5, 1.0, 1e308, -1e308, 5e-324],
    str: ["unknown", "/nowhere/at all", "~nobody/x", "1", "größe", "a=b"],
}
ANY = {"near", "far", "forget_bias", "entire", "quasi_entire"}  # floats that may be any finite number

tasks = pytest.mark.parametrize("task", registry.task_names())
scales = pytest.mark.parametrize("scale", ["mini", "reference"])


def leaves(node, prefix=""):
    """Each key of a run with the node that has it, its last part, and what is declared of it."""
    for field in fields(node):
        value, key = getattr(node, field.name), f"{prefix}{field.name}"
        if is_dataclass(value):
            yield from leaves(value, f"{key}.")
        else:
            yield key, node, field.name, declarations(type(node))[field.name]


def spoiled(config, values):
    """For each key and each of the values of its type: the key, the value, and the lines that refuse it."""
    for key, node, name, declared in leaves(config):
        before = getattr(node, name)
        for value in values.get(declared.kind, []):
            is_list = isinstance(before, list)
            nested = is_list and before and isinstance(before[0], list)
            setattr(node, name, [[value, value]] if nested else [value] * max(len(before), 1) if is_list else value)
            yield key, value, list(problems(config))
        setattr(node, name, before)


@tasks
@scales
def test_the_suite_s_own_run_is_refused_nothing(task, scale, suite):
    assert list(problems(suite(task, scale))) == []


@tasks
@scales
def test_nonsense_is_refused_in_one_line_that_names_the_key(task, scale, suite):
    for key, value, lines in spoiled(suite(task, scale), NONSENSE):
        assert lines, (key, repr(value)[:40])
        assert lines[0].startswith(f"{key}="), (key, repr(value)[:40], lines)
        assert all("\n" not in line and line.isprintable() and len(line) < 400 for line in lines), lines


@tasks
@scales
def test_what_may_be_wrong_is_refused_with_its_key_or_is_declared_to_be_right(task, scale, suite):
    for key, value, lines in spoiled(suite(task, scale), DOUBTFUL):
        assert not lines or any(key in line for line in lines), (key, value, lines)
        assert all("\n" not in line for line in lines)


@tasks
@scales
def test_a_list_of_the_wrong_length_is_refused_or_declared_to_be_right(task, scale, suite):
    config = suite(task, scale)
    for key, node, name, _ in leaves(config):
        before = getattr(node, name)
        if isinstance(before, list):
            for value in ([], before[:1] * 1, before * 2, before * 500):
                setattr(node, name, value)
                lines = list(problems(config))
                assert not lines or any(key in line for line in lines), (key, lines)
            setattr(node, name, before)


@tasks
def test_every_number_declares_its_bounds(task, suite):
    usual = (Interval(), Interval(-MOST, MOST))
    unbounded = {
        key
        for key, _, name, declared in leaves(suite(task, "mini"))
        if name not in ANY and any(constraint in usual for constraint in (*declared.whole, *declared.items))
    }
    assert unbounded == set()


@tasks
def test_what_a_key_may_be_is_told_of_every_number_and_every_word_of_a_list(task, suite):
    config = suite(task, "mini")
    told = described(config)
    for key, _, name, declared in leaves(config):
        if issubclass(declared.kind, int | float | enum.Enum) and declared.kind is not bool and name not in ANY:
            assert key in told
    assert told["seed"] == "0 to 4294967295"
    assert told["session"] == "entire, quasi_entire, epochs, steps"
    assert told["data.train_size"].endswith("or null")


def test_a_number_that_only_a_typing_error_can_mean_is_refused_by_the_machine(suite):
    config = suite("spatial_transformer", "mini")
    config.hardware.threads = 1024
    (line,) = problems(config)
    assert line.startswith("hardware.threads=1024: this machine has ")


@pytest.mark.parametrize(("metric", "known"), [("val/typo", False), ("", False), ("val/psnr", True)])
def test_a_metric_is_one_that_the_task_logs(metric, known, suite):
    config = suite("video_prediction", "mini")
    config.target.metric = metric
    lines = list(problems(config))
    assert (lines == []) == known
    assert known or lines[0].startswith(f"target.metric={metric}: no ")
