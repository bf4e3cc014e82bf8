"""`--cfg job` says beside each key what it may be, and is still the YAML of the run."""

from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from aibench.composition.printed import commented

JOB = ("task=video_prediction", "--cfg", "job")


def test_each_key_is_printed_with_what_it_may_be(told):
    answer = told(*JOB)
    assert answer.returncode == 0, answer.stderr
    lines = answer.stdout.splitlines()
    assert "seed: 1  # 0 to 4294967295" in lines
    assert "  lr: 0.003  # greater than 0" in lines
    assert "  metric: val/mse  # val/mse, val/psnr" in lines
    assert "  encoder:  # one value or more, each at least 1, at most 1048576" in lines
    assert "    idle_watts: null  # at least 0, at most 1000000, or null" in lines


def test_a_part_is_printed_with_its_own_keys(told):
    assert "state_weight: 0.01  # at least 0" in told(*JOB, "--package", "optim").stdout.splitlines()


@pytest.mark.parametrize("value", ["1", "[1, 2]", "{a: 1}", '"x: y # z"', "null", "'" + "long text " * 30 + "'"])
def test_the_comments_change_no_value(value):
    plain = OmegaConf.to_yaml(OmegaConf.create(f"a: {{b: {value}, c: 2}}"))
    text = commented(plain, {"a": "one", "a.b": "two", "a.c": "three", "a.b.a": "four"})
    assert OmegaConf.create(text) == OmegaConf.create(plain)
    assert "c: 2  # three" in text
