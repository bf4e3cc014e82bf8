"""A sweep is counted before it is laid out, and a search is looked at by examples of its runs."""

from __future__ import annotations

import pytest
from hydra import initialize_config_module
from omegaconf import OmegaConf

from aibench.composition import search, sweep
from aibench.config import ConfigError

BASIC = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"


def runs(*words, **params):
    hydra = {"overrides": {"task": list(words)}, "sweeper": {"_target_": BASIC, "params": params}}
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


def test_a_search_is_looked_at_by_the_ends_of_its_intervals_and_each_choice():
    words = ["a=1", "optim.lr=interval(0.1,1)", "seed=choice(1,2)", "b=range(3,9)"]
    hydra = {"overrides": {"task": words}, "sweeper": {"_target_": "x.OptunaSweeper", "params": {"c": "choice(x,y)"}}}
    with initialize_config_module("aibench.conf", version_base="1.3"):
        config = OmegaConf.create({"hydra": hydra})
        assert search.is_search(config)
        found = search._examples(config)
    assert found == [
        ["a=1", "c=x", "optim.lr=0.1", "seed=1", "b=3"],
        ["a=1", "c=y", "optim.lr=0.1", "seed=1", "b=3"],
        ["a=1", "c=x", "optim.lr=1.0", "seed=1", "b=3"],
        ["a=1", "c=x", "optim.lr=0.1", "seed=2", "b=3"],
        ["a=1", "c=x", "optim.lr=0.1", "seed=1", "b=9"],
    ]


def test_the_combinations_of_a_search_may_be_refused_and_its_single_values_may_not():
    def examples(*words):
        hydra = {"overrides": {"task": list(words)}, "sweeper": {"_target_": "x.OptunaSweeper", "params": None}}
        with initialize_config_module("aibench.conf", version_base="1.3"):
            return search.examples(OmegaConf.create({"hydra": hydra}))

    small = ("data.train_size=100", "data.eval_batch_size=10")
    found = examples(*small, "data.batch_size=choice(10,200)")
    assert [run.data.batch_size for run in found] == [10]
    with pytest.raises(ConfigError, match=r"^data\.batch_size=200: larger than the 100 samples"):
        examples(*small, "data.batch_size=choice(200,300)")
    with pytest.raises(ConfigError, match=r"^optim\.lr=0\.0: must be greater than 0\."):
        examples(*small, "optim.lr=interval(0,1)", "data.batch_size=choice(10,200)")
