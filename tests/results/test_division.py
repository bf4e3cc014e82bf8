"""What each key changes, in one table: three questions have three answers that cannot contradict each other."""

from __future__ import annotations

from typing import Any

import pytest

from aibench.analysis.runs.runs import LOCATIONS, OF_ONE_RUN
from aibench.composition import registry
from aibench.composition.compose import suite_config
from aibench.config import plain
from aibench.results.division import (
    EFFECTS,
    changed_since,
    division,
    effect,
    flat,
    may_differ_in_division,
    may_differ_in_pool,
    may_differ_on_resuming,
)

# Everything that neither trains nor times: where things lie, what is shown and told, what it costs.
APART = ("output", "progress", "resume", "data.root", "data.cache", "tracking.", "cost.", "checkpoint.")
# What may change in the closed division besides: the paper's 4.2.2 names hyper-parameters and hardware.
CLOSED = (
    *("seed", "session", "epochs", "steps", "warmup_steps", "optim.", "hardware.", "model.weights"),
    *("data.workers", "data.batch_size", "data.batch_tokens", "data.eval_batch_size", "target.max_epochs"),
)


def another(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case list():
            return [*value, "another"]
    return f"{value} or another"


def replaced(config: dict[str, Any], key: str) -> dict[str, Any]:
    head, _, rest = key.partition(".")
    return {**config, head: replaced(config[head], rest) if rest else another(config[head])}


@pytest.mark.parametrize("task", registry.task_names())
def test_every_key_of_every_task_has_one_answer_to_each_question(task):
    for scale in ("mini", "reference"):
        config = plain(suite_config(task, scale))
        for key in flat(config):
            known = effect(key)
            assert known is not None, f"{key}: does it change what is trained, or timed? Say so in EFFECTS"
            apart = key.startswith(APART)
            assert may_differ_on_resuming(key) == apart, key
            assert may_differ_in_pool(key) == (apart or key == "seed"), key
            assert may_differ_in_division(key) == (apart or key.startswith(CLOSED)), key
            assert (key.split(".")[0] in OF_ONE_RUN or key in LOCATIONS) == may_differ_in_pool(key), key


@pytest.mark.parametrize("task", ["learning_to_rank", "object_detection"])
def test_a_run_with_another_value_of_a_key_is_gone_on_with_only_where_the_table_lets_it(task):
    before = plain(suite_config(task, "mini"))
    for key in flat(before):
        config = replaced(before, key)
        changed = changed_since(config, before, "runs/one")
        if may_differ_on_resuming(key):
            assert changed is None
        else:
            assert changed == (
                f"{key}={flat(config)[key]}: runs/one holds a run with {key}={flat(before)[key]}. Set it so, or choose "
                "another output folder."
            )
        assert (division(config, before).name == "closed") == may_differ_in_division(key)


def test_the_table_says_nothing_twice():
    for key, known in EFFECTS.items():
        above = effect(key.rpartition(".")[0])
        assert above is None or above != known, f"{key}: its group says the same"


def test_a_key_that_an_older_version_did_not_know_is_no_change():
    before = plain(suite_config("learning_to_rank", "mini"))
    older = {key: value for key, value in before.items() if key != "checkpoint"}
    older["hardware"] = {key: value for key, value in before["hardware"].items() if key != "cudnn_benchmark"}
    assert changed_since(before, older, "runs/one") is None
