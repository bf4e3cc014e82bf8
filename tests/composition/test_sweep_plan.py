"""A sweep is counted before it is laid out, and another sweeper keeps its own syntax."""

from __future__ import annotations

import pytest
from hydra import initialize_config_module
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from aibench.composition import sweep
from aibench.config import ConfigError

BASIC = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"


def runs(*words, sweeper=BASIC, **params):
    hydra = {"overrides": {"task": list(words)}, "sweeper": {"_target_": sweeper, "params": params}}
    with initialize_config_module("aibench.conf", version_base="1.3"):
        return sweep.runs(OmegaConf.create({"hydra": hydra}))


def test_the_runs_are_the_product_of_the_values_and_of_those_of_an_experiment():
    assert runs("a=1,2", "b=x", seed="1,2") == [
        ["a=1", "b=x", "seed=1"],
        ["a=1", "b=x", "seed=2"],
        ["a=2", "b=x", "seed=1"],
        ["a=2", "b=x", "seed=2"],
    ]
    assert sweep.different(runs("a=1,2", "seed=1,2")) == [["a=1", "seed=2"], ["a=2", "seed=2"]]


def test_a_seed_that_no_run_can_have_is_looked_at_by_itself():
    assert len(sweep.different(runs("seed=1,2,99999999999,-1,x"))) == 4


@pytest.mark.parametrize("word", ["a=range(1,1000000000)", "a=range(5,1)", "a=range(0,1,1e-9)", "a=range(1,5,0)"])
def test_a_sweep_of_no_run_or_of_too_many_is_refused_at_once(word):
    with pytest.raises(ConfigError, match=r"runs\. A sweep has 1 to 10,000\.$"):
        runs(word)


def test_another_sweeper_reads_its_own_words():
    words = ("a=1", "optim.lr=interval(0.1,1)", "seed=choice(1,2)")
    assert OverridesParser.create().parse_overrides(list(words))
    assert runs(*words, sweeper="hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.OptunaSweeper") == [["a=1"]]
